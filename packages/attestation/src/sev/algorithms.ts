// SPDX-License-Identifier: Apache-2.0

/** Who a certificate is for, or whose signature stands in a slot (SEV API specification, appendix C). */
export const usages = {
  ARK: 0x0000,
  ASK: 0x0013,
  none: 0x1000,
  OCA: 0x1001,
  PEK: 0x1002,
  PDH: 0x1003,
  CEK: 0x1004,
} as const;
export type Usage = keyof typeof usages;

export function usageOf(code: number): Usage | undefined {
  return (Object.keys(usages) as Usage[]).find((usage) => usages[usage] === code);
}

export interface Algorithm {
  readonly scheme: 'RSA-PSS' | 'ECDSA' | 'ECDH';
  readonly hash: 'SHA-256' | 'SHA-384';
}

/** ALGO of keys and signatures (SEV API specification, appendix C). RSA-PSS of an ASK of 2048 bits, and of one of 4096. */
export const rsaPssSha256 = 0x001;
export const rsaPssSha384 = 0x101;
/** ECDSA and ECDH with SHA-256: what every key and signature below the ASK has, whatever the generation of the processor. */
export const ecdsaSha256 = 0x002;
export const ecdhSha256 = 0x003;

const algorithms: ReadonlyMap<number, Algorithm> = new Map([
  [rsaPssSha256, { scheme: 'RSA-PSS', hash: 'SHA-256' }],
  [ecdsaSha256, { scheme: 'ECDSA', hash: 'SHA-256' }],
  [ecdhSha256, { scheme: 'ECDH', hash: 'SHA-256' }],
  [rsaPssSha384, { scheme: 'RSA-PSS', hash: 'SHA-384' }],
  [0x102, { scheme: 'ECDSA', hash: 'SHA-384' }],
  [0x103, { scheme: 'ECDH', hash: 'SHA-384' }],
]);

export function algorithmOf(code: number): Algorithm | undefined {
  return algorithms.get(code);
}
