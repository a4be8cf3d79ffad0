// SPDX-License-Identifier: Apache-2.0

/** Identifier octets of the universal types that certificates are made of (X.690 section 8.1.2). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag of a constructed (explicit) element. @param number - 0 to 30 */
export const explicitTag = (number: number): number => 0xa0 | number;
