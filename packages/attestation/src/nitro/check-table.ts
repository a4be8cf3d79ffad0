// SPDX-License-Identifier: Apache-2.0
import type { CheckTable } from '../checks.ts';

/** Checks of an AWS Nitro attestation document by itself, in the order in which a verification lists them. */
export const nitroFormChecks = {
  'nitro/envelope':
    'The document is one COSE_Sign1 message, alone or with the tag 18, strictly encoded, without critical parameters, with its payload in it.',
  'nitro/algorithm': 'The protected header names ES384, the only algorithm of the Nitro hypervisor.',
  'nitro/payload':
    'The payload has at most 16384 bytes and is a map of exactly the fields that AWS publishes, each of its type and size.',
  'nitro/digest': 'The PCRs are of SHA-384.',
  'nitro/pcrs': 'There are 1 to 32 PCRs, numbered from 0 to 31, PCR0 to PCR4 among them, each of 48 bytes.',
  'nitro/certificates-readable':
    'The certificate, the CA bundle and all endorsements are certificates and lists in strict encodings.',
} as const satisfies CheckTable;

export const nitroBindingChecks = {
  'nitro/signing-certificate':
    'The certificate of the document is for signing and no authority, with a P-384 key: basicConstraints, digitalSignature.',
  'nitro/timestamp':
    'The document was made while its certificate was valid, and not after the time of verification (5 minutes are let pass).',
  'nitro/signature': 'The document is signed, over its exact bytes, by the certified key.',
} as const satisfies CheckTable;
