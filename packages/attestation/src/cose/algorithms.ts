// SPDX-License-Identifier: Apache-2.0

/** Signature algorithms of COSE and JOSE that we take and make: ECDSA whose digest fits its curve. */
export interface SigningAlgorithm {
  /** As JOSE has it (RFC 7518 section 3.1). */
  readonly name: 'ES256' | 'ES384';
  /** As COSE has it (RFC 9053 section 2.1). */
  readonly cose: number;
  readonly curve: 'P-256' | 'P-384';
  readonly parameters: EcdsaParams;
  /** Bytes of a signature: R and S, each as long as a coordinate. Never DER. */
  readonly signatureLength: number;
}

export const es256: SigningAlgorithm = {
  name: 'ES256',
  cose: -7,
  curve: 'P-256',
  parameters: { name: 'ECDSA', hash: 'SHA-256' },
  signatureLength: 64,
};

export const es384: SigningAlgorithm = {
  name: 'ES384',
  cose: -35,
  curve: 'P-384',
  parameters: { name: 'ECDSA', hash: 'SHA-384' },
  signatureLength: 96,
};

export const signingAlgorithms: readonly SigningAlgorithm[] = [es256, es384];

/** The algorithm that a key is for; a key is for one only. */
export function algorithmOfKey({ algorithm }: CryptoKey): SigningAlgorithm | undefined {
  return signingAlgorithms.find(
    ({ curve }) => (algorithm as { readonly namedCurve?: string }).namedCurve === curve,
  );
}

/** Whether `key` signed the bytes with the algorithm that it is for. */
export async function verifyRaw(
  algorithm: SigningAlgorithm,
  key: CryptoKey,
  { signature, toBeSigned }: { readonly signature: Uint8Array; readonly toBeSigned: Uint8Array },
): Promise<boolean> {
  if (algorithmOfKey(key) !== algorithm || signature.length !== algorithm.signatureLength) return false;
  return crypto.subtle.verify(
    algorithm.parameters,
    key,
    signature as Uint8Array<ArrayBuffer>,
    toBeSigned as Uint8Array<ArrayBuffer>,
  );
}
