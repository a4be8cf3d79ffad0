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

/** ALGO of keys and signatures (SEV API specification, appendix C). */
const algorithms: ReadonlyMap<number, Algorithm> = new Map([
  [0x001, { scheme: 'RSA-PSS', hash: 'SHA-256' }],
  [0x002, { scheme: 'ECDSA', hash: 'SHA-256' }],
  [0x003, { scheme: 'ECDH', hash: 'SHA-256' }],
  [0x101, { scheme: 'RSA-PSS', hash: 'SHA-384' }],
  [0x102, { scheme: 'ECDSA', hash: 'SHA-384' }],
  [0x103, { scheme: 'ECDH', hash: 'SHA-384' }],
]);

export function algorithmOf(code: number): Algorithm | undefined {
  return algorithms.get(code);
}

/** ECDSA and ECDH with SHA-256: what every key and signature below the ASK has, whatever the generation of the processor. */
export const ecdsaSha256 = 0x002;
export const ecdhSha256 = 0x003;
