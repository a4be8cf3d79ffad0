// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { reasonOf } from '../checks.ts';
import { readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readSmallInteger, readText } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';
import { amdProducts, tcbLayoutOf, type AmdProduct } from '../snp/product.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Versioned chip or loaded endorsement key. */
export type VekKind = 'vcek' | 'vlek';

/** What AMD's extensions of an endorsement key certificate say. */
export interface Vek {
  readonly certificate: Certificate;
  readonly kind: VekKind;
  readonly product: AmdProduct;
  /** The TCB that the key was derived for, 8 bytes laid out as in the report. */
  readonly tcb: Uint8Array;
  /** 64 bytes (Turin: 8); VCEK only. */
  readonly hardwareId: Uint8Array | undefined;
  /** VLEK only. */
  readonly cspId: string | undefined;
}

const commonNames: Readonly<Record<string, VekKind>> = { 'SEV-VCEK': 'vcek', 'SEV-VLEK': 'vlek' };

/** Kind that a certificate's subject claims, `undefined` when it is no endorsement key certificate. */
export function vekKindOf({ subject }: Certificate): VekKind | undefined {
  return Object.hasOwn(commonNames, subject.commonName) ? commonNames[subject.commonName] : undefined;
}

/** 1.3.6.1.4.1.3704.1: AMD's arc (VCEK certificate and KDS interface specification, table 8). */
const arc = '1.3.6.1.4.1.3704.1';
const oids = {
  structVersion: `${arc}.1`,
  productName: `${arc}.2`,
  hardwareId: `${arc}.4`,
  cspId: `${arc}.5`,
} as const;

/** Components by place in TCB_VERSION; a component that a product lacks must be absent or zero. */
const splOids = {
  'family-19h': [1, 2, 4, 5, 6, 7, 3, 8],
  'family-1ah': [9, 1, 2, 3, 5, 6, 7, 8],
} as const;
const requiredSpl = {
  'family-19h': [1, 2, 3, 8],
  'family-1ah': [9, 1, 2, 3, 8],
} as const;

/** Extensions that are acted on here, should a certificate mark them critical. */
export const amdExtensionOids: ReadonlySet<string> = new Set([
  ...Object.values(oids),
  ...Array.from({ length: 9 }, (_, index) => `${arc}.3.${String(index + 1)}`),
]);

/**
 * Reads AMD's extensions. Their values are DER, but for the hardware id, which AMD writes raw and newer issues as an
 * OCTET STRING.
 * @throws EnarxError `amd/certificate-malformed`, `der/malformed`
 */
export function readVek(certificate: Certificate): Vek {
  const kind = vekKindOf(certificate);
  if (kind === undefined)
    throw malformed(`the subject ${certificate.subject.commonName}`, 'SEV-VCEK or SEV-VLEK');
  const value = (oid: string): Uint8Array | undefined => certificate.extensions.get(oid)?.value;
  const required = (oid: string, what: string): Uint8Array => {
    const found = value(oid);
    if (found === undefined) throw malformed(`no extension ${oid}`, what);
    return found;
  };
  readSmallInteger(readDer(required(oids.structVersion, 'a structure version'), tags.integer), 1);
  const productName = readText(readDer(required(oids.productName, 'a product name')));
  // VCEKs add the stepping, as in Milan-B0.
  const product = amdProducts.find((known) => productName === known || productName.startsWith(`${known}-`));
  if (product === undefined) throw malformed(`the product ${productName}`, amdProducts.join(', '));
  const layout = tcbLayoutOf(product);
  const spl = (number: number): number => {
    const oid = `${arc}.3.${String(number)}`;
    const found = (requiredSpl[layout] as readonly number[]).includes(number)
      ? required(oid, 'a security patch level')
      : value(oid);
    return found === undefined ? 0 : readSmallInteger(readDer(found, tags.integer), 255);
  };
  const tcb = Uint8Array.from(splOids[layout], spl);
  const foreign = layout === 'family-1ah' ? 4 : 9;
  if (value(`${arc}.3.${String(foreign)}`) !== undefined && spl(foreign) !== 0)
    throw malformed(`patch level ${String(foreign)} on ${product}`, 'none');
  const hardwareId = value(oids.hardwareId);
  const cspId = value(oids.cspId);
  if (kind === 'vcek' && (hardwareId === undefined || cspId !== undefined))
    throw malformed('a VCEK without hardware id or with a provider id', 'a hardware id alone');
  if (kind === 'vlek' && (hardwareId !== undefined || cspId === undefined))
    throw malformed('a VLEK with hardware id or without a provider id', 'a provider id alone');
  return {
    certificate,
    kind,
    product,
    tcb,
    hardwareId: hardwareId && readHardwareId(hardwareId, product === 'Turin' ? 8 : 64),
    cspId: cspId && readText(readDer(cspId)),
  };
}

function readHardwareId(value: Uint8Array, length: number): Uint8Array {
  const content = value.length === length + 2 ? readDer(value, tags.octetString).content : value;
  if (content.length !== length)
    throw malformed(`a hardware id of ${String(value.length)} bytes`, `${String(length)} bytes`);
  return content;
}

function malformed(found: string, expected: string): Error {
  return attestationProblem('amd/certificate-malformed', { found, expected });
}

/** 64 bytes, as reports have it. */
export function paddedChipId(hardwareId: Uint8Array): Uint8Array {
  return concatBytes(hardwareId, new Uint8Array(64 - hardwareId.length));
}

/** What the certificate says, or why it cannot be read. */
export type VekReading = { readonly vek: Vek } | { readonly unreadable: string };

/** What a certificate says does not change; one that a cache gives again is not read again. */
const readings = new WeakMap<Certificate, VekReading>();

export function tryReadVek(certificate: Certificate): VekReading {
  let reading = readings.get(certificate);
  if (reading === undefined) {
    try {
      reading = { vek: readVek(certificate) };
    } catch (error) {
      reading = { unreadable: reasonOf(error) };
    }
    readings.set(certificate, reading);
  }
  return reading;
}
