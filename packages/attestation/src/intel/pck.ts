// SPDX-License-Identifier: Apache-2.0
import { readDer, type DerElement } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readBoolean, readOid, readSmallInteger } from '../der/values.ts';
import type { Certificate } from '../x509/certificate.ts';
import { intelProblem } from './problems.ts';

/** Arc of what a PCK certificate says of its platform (Intel SGX PCK certificate and CRL profile, section 1.3.5). */
export const sgxExtensionOid = '1.2.840.113741.1.13.1';

/** Common names of Intel’s certificates, by role. */
export const intelNames = {
  pck: 'Intel SGX PCK Certificate',
  platformCa: 'Intel SGX PCK Platform CA',
  processorCa: 'Intel SGX PCK Processor CA',
  tcbSigning: 'Intel SGX TCB Signing',
  root: 'Intel SGX Root CA',
} as const;

/** What a PCK certificate says of the platform whose key it certifies. */
export interface Platform {
  /** 16: names the processor package for good. */
  readonly ppid: Uint8Array;
  /** 6: family, model, stepping, platform and custom SKU, which decide the TCB info that counts. */
  readonly fmspc: Uint8Array;
  /** 2. */
  readonly pceId: Uint8Array;
  /** 16 security versions of the platform’s parts, in the order in which TCB info names them. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** 16. */
  readonly cpuSvn: Uint8Array;
  /** A scalable one encrypts memory without protecting its integrity, unless it says so. */
  readonly memory: 'standard' | 'scalable' | 'scalable-with-integrity';
  /** A Platform CA vouches for machines of several packages, a Processor CA for single ones. */
  readonly authority: 'platform' | 'processor';
  /** 16: names the machine since it was last set up; Platform CA only. */
  readonly instanceId: Uint8Array | undefined;
  /** Platform CA only: whether packages may be added, keys are kept by Intel, sibling threads run. */
  readonly dynamicPlatform: boolean | undefined;
  readonly cachedKeys: boolean | undefined;
  readonly smtEnabled: boolean | undefined;
}

/**
 * @param certificate - anything; that it is a PCK certificate is checked here
 * @throws EnarxError `intel/certificate-malformed`, `der/malformed`
 */
export function readPlatform(certificate: Certificate): Platform {
  const extension = certificate.extensions.get(sgxExtensionOid);
  if (extension === undefined) throw malformed('no SGX extension');
  const values = valuesOf(readDer(extension.value, tags.sequence), sgxExtensionOid);
  const tcb = valuesOf(valueOf(values, '2', tags.sequence), `${sgxExtensionOid}.2`);
  const components = Array.from({ length: 16 }, (_, index) =>
    readSmallInteger(valueOf(tcb, String(index + 1), tags.integer), 0xff),
  );
  const configurationElement = values.get('7');
  const configuration =
    configurationElement === undefined
      ? new Map<string, DerElement>()
      : valuesOf(valueOf(values, '7', tags.sequence), `${sgxExtensionOid}.7`);
  const flag = (name: string): boolean | undefined =>
    configuration.has(name) ? readBoolean(valueOf(configuration, name, tags.boolean)) : undefined;
  return {
    ppid: octets(values, '1', 16),
    fmspc: octets(values, '4', 6),
    pceId: octets(values, '3', 2),
    components,
    pceSvn: readSmallInteger(valueOf(tcb, '17', tags.integer), 0xffff),
    cpuSvn: octets(tcb, '18', 16),
    memory: memoryOf(valueOf(values, '5', enumerated)),
    authority: authorityOf(certificate.issuer.commonName),
    instanceId: values.has('6') ? octets(values, '6', 16) : undefined,
    dynamicPlatform: flag('1'),
    cachedKeys: flag('2'),
    smtEnabled: flag('3'),
  };
}

const enumerated = 0x0a;
const memories = ['standard', 'scalable', 'scalable-with-integrity'] as const;

/** Members of a SEQUENCE OF {OID, value}, by the OID’s last arcs. */
function valuesOf(element: DerElement, arc: string): Map<string, DerElement> {
  const values = new Map<string, DerElement>();
  const list = element.reader();
  while (!list.atEnd) {
    const pair = list.next(tags.sequence).reader();
    const oid = readOid(pair.next(tags.oid));
    const value = pair.next();
    pair.end();
    if (!oid.startsWith(`${arc}.`)) throw malformed(`${oid} among the values of ${arc}`);
    const name = oid.slice(arc.length + 1);
    if (values.has(name)) throw malformed(`${oid} twice`);
    values.set(name, value);
  }
  return values;
}

function valueOf(values: ReadonlyMap<string, DerElement>, name: string, tag: number): DerElement {
  const value = values.get(name);
  if (value?.tag !== tag) throw malformed(`no value ${name} of the right kind in the SGX extension`);
  return value;
}

function octets(values: ReadonlyMap<string, DerElement>, name: string, length: number): Uint8Array {
  const { content } = valueOf(values, name, tags.octetString);
  if (content.length !== length)
    throw malformed(`value ${name} of ${String(content.length)} bytes in the SGX extension`);
  return content;
}

function memoryOf({ content }: DerElement): Platform['memory'] {
  const memory = content.length === 1 ? memories[content[0] as number] : undefined;
  if (memory === undefined) throw malformed('an unknown SGX type');
  return memory;
}

function authorityOf(issuer: string): Platform['authority'] {
  if (issuer === intelNames.platformCa) return 'platform';
  if (issuer === intelNames.processorCa) return 'processor';
  throw malformed(`the issuer ${issuer}, which issues no PCK certificates`);
}

function malformed(found: string): Error {
  return intelProblem('intel/certificate-malformed', { found });
}
