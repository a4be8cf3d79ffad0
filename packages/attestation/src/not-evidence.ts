// SPDX-License-Identifier: Apache-2.0

/** What stands in the place of evidence, and what is wanted instead. */
export interface NotEvidence {
  readonly found: string;
  readonly expected?: string;
}

const latin1 = new TextDecoder('latin1');

const beginsWith =
  (...heads: readonly (readonly number[])[]) =>
  (bytes: Uint8Array): boolean =>
    heads.some((head) => head.every((byte, index) => bytes[index] === byte));

const token = {
  expected: 'the evidence itself; a token is what a verifier made of it, or a request',
} as const;

/** In the order in which they are tried. */
const known: readonly (NotEvidence & { readonly is: (bytes: Uint8Array) => boolean })[] = [
  {
    // The base64 of `{"`, with which every header of JOSE begins.
    is: (bytes) => bytes[0] === 0x65 && /^eyJ[\w-]*\.[\w-]+\.[\w-]*\s*$/.test(latin1.decode(bytes)),
    found: 'a token (JWT)',
    ...token,
  },
  // Tag 61 of CBOR (RFC 8392), and tag 399, which Arm's tokens have.
  { is: beginsWith([0xd8, 0x3d]), found: 'a token (CWT)', ...token },
  {
    is: beginsWith([0xd9, 0x01, 0x8f]),
    found: 'a token of Arm CCA',
    expected: 'evidence of AMD, Intel or AWS, which alone are verified here',
  },
  {
    is: beginsWith([0xd2, 0x84], [0x84]),
    found: 'a signed message (COSE_Sign1) that is no document of AWS Nitro Enclaves',
    expected: 'module_id, pcrs and cabundle in its payload',
  },
  {
    // TPM_GENERATED and TPM_ST_ATTEST_QUOTE (TPM 2.0 library, part 2).
    is: beginsWith([0xff, 0x54, 0x43, 0x47, 0x80, 0x18]),
    found: 'a quote of a TPM alone',
    expected: 'JSON of hcl_report and tpm_quote: only the report says whose TPM it is',
  },
];

/** What bytes are that people give in the place of evidence; `undefined` for what is not known either. */
export function nameNotEvidence(bytes: Uint8Array): NotEvidence | undefined {
  return known.find(({ is }) => is(bytes));
}

/** `module_id` in hexadecimal, as certificates of gateways hold a Nitro Enclave's document among their names. */
const moduleIdInHex = '6d6f64756c655f6964';

/** @param certificate - DER */
export const holdsNitroDocument = (certificate: Uint8Array): boolean =>
  latin1.decode(certificate).includes(moduleIdInHex);
