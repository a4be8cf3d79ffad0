// SPDX-License-Identifier: Apache-2.0
import { es384, signSign1 } from '@enarx/attestation/cose';
import { writePem } from '@enarx/attestation';
import { encodeCbor, toHex, type CborValue } from '@enarx/protocol';

import { ecdsaParameters, generateKey, issueNitroCertificate } from './certificates.ts';
import { nitroProblem } from './problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that a hypervisor is made of and that an export holds. Certificates are DER. */
export interface HypervisorMaterial {
  readonly root: Bytes;
  readonly region: Bytes;
  readonly zone: Bytes;
  readonly instance: Bytes;
  /** `i-…`, as text. */
  readonly instanceId: Bytes;
  /** Private P-384 key of the instance, PKCS #8. The keys above it are forgotten once they have signed. */
  readonly instanceKey: Bytes;
}

/** What an enclave asks of its hypervisor. */
export interface DocumentRequest {
  readonly publicKey?: Uint8Array;
  readonly userData?: Uint8Array;
  readonly nonce?: Uint8Array;
  /** When the document is made, in milliseconds since 1970: a hypervisor of ours has no clock. */
  readonly at: number;
  /** For attack tests only: fields of the payload that shall be otherwise, `undefined` to leave one out. */
  readonly unwanted?: Readonly<Record<string, CborValue | undefined>>;
}

export interface SimulatedEnclave {
  /** `i-…-enc…`. */
  readonly moduleId: string;
  /** A COSE_Sign1 as AWS makes it, without the tag. @throws EnarxError `nitro-hypervisor/request-invalid` */
  document(request: DocumentRequest): Promise<Bytes>;
}

/** A Nitro hypervisor in software. It speaks AWS's formats under a root of its own. */
export interface SimulatedNitroHypervisor {
  /** The root certificate, which whoever shall accept its documents must be given by name. */
  readonly anchorPem: string;
  /**
   * @param pcrs - 48 bytes each by number; 0 to 4 are zero unless given, as in debug mode
   * @throws EnarxError `nitro-hypervisor/request-invalid`
   */
  enclave(pcrs: Readonly<Record<number, Uint8Array>>): SimulatedEnclave;
}

const materials = new WeakMap<SimulatedNitroHypervisor, HypervisorMaterial>();

/** @throws TypeError for a hypervisor that this module did not make */
export function hypervisorMaterialOf(hypervisor: SimulatedNitroHypervisor): HypervisorMaterial {
  const material = materials.get(hypervisor);
  if (material === undefined) throw new TypeError('not a simulated hypervisor');
  return material;
}

/** Certificates of documents live for three hours. */
const leafLifetime = 3 * 3_600_000;
const mostOptional = 1024;
const mostPcr = 31;
/** The latest time of a certificate (RFC 5280 section 4.1.2.5). */
const latestTime = 253_402_300_799_999 - leafLifetime;

export async function hypervisorOf(material: HypervisorMaterial): Promise<SimulatedNitroHypervisor> {
  const key = await crypto.subtle.importKey('pkcs8', material.instanceKey, ecdsaParameters, false, ['sign']);
  const instanceId = new TextDecoder().decode(material.instanceId);
  const hypervisor: SimulatedNitroHypervisor = {
    get anchorPem() {
      return writePem('CERTIFICATE', material.root);
    },
    enclave: (pcrs) => {
      const measured = new Map<number, Uint8Array>(
        [0, 1, 2, 3, 4].map((index) => [index, new Uint8Array(48)]),
      );
      for (const [index, value] of Object.entries(pcrs)) {
        if (!(Number(index) >= 0 && Number(index) <= mostPcr) || value.length !== 48)
          throw invalid(`PCR${index} of ${String(value.length)} bytes`);
        measured.set(Number(index), value);
      }
      const moduleId = `${instanceId}-enc${toHex(crypto.getRandomValues(new Uint8Array(8)))}`;
      return {
        moduleId,
        document: async ({ at, publicKey = null, userData = null, nonce = null, unwanted = {} }) => {
          if (!(Number.isSafeInteger(at) && at > 0 && at <= latestTime))
            throw invalid(`the time ${String(at)}`);
          for (const field of [publicKey, userData, nonce])
            if (field !== null && field.length > mostOptional) throw invalid(`${String(field.length)} bytes`);
          const leaf = await generateKey();
          const certificate = await issueNitroCertificate(
            {
              serial: 5,
              commonName: `${moduleId}.simulated.aws`,
              publicKey: leaf.publicKey,
              notBefore: at - (at % 1000),
              notAfter: at + leafLifetime,
            },
            { commonName: instanceName(instanceId), key },
          );
          const payload: Record<string, CborValue | undefined> = {
            module_id: moduleId,
            digest: 'SHA384',
            timestamp: at,
            pcrs: measured,
            certificate,
            cabundle: [material.root, material.region, material.zone, material.instance],
            public_key: publicKey,
            user_data: userData,
            nonce,
            ...unwanted,
          };
          const tagged = await signSign1(encodeCbor(payload), es384, leaf.privateKey);
          return tagged.slice(1);
        },
      };
    },
  };
  materials.set(hypervisor, material);
  return hypervisor;
}

export const instanceName = (instanceId: string): string => `${instanceId}.simulated.aws.nitro-enclaves`;

function invalid(found: string): Error {
  return nitroProblem('nitro-hypervisor/request-invalid', { found });
}
