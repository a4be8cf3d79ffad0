// SPDX-License-Identifier: Apache-2.0
//
// What client and keepldr say to each other, carried by keepmgr, in a launch with a secret (SEV API specification, chapter 6).
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import { bytes, bytesUpTo, uint } from './words.ts';

const byte = v.pipe(uint, v.maxValue(255));

/** Certificates as the platform has them, binary, in any order: PDH, PEK, OCA, CEK, ASK, ARK. */
export const sevPlatform = messageType(
  'sev-platform',
  65_536,
  v.strictObject({
    certificates: v.pipe(
      v.array(
        v.pipe(
          bytesUpTo(16_384),
          v.check((value) => value.length > 0, 'not empty'),
        ),
      ),
      v.minLength(1),
      v.maxLength(8),
    ),
  }),
);
export type SevPlatform = Of<typeof sevPlatform>;

export const sevStart = messageType(
  'sev-start',
  4096,
  v.strictObject({
    policy: v.pipe(uint, v.maxValue(0xffff_ffff)),
    /** The owner's, for LAUNCH_START. */
    certificate: bytes(2084),
    session: bytes(128),
  }),
);
export type SevStart = Of<typeof sevStart>;

export const sevMeasurement = messageType(
  'sev-measurement',
  256,
  v.strictObject({
    /** HMAC of 32 bytes, nonce of 16. */
    measurement: bytes(48),
    firmware: v.strictObject({ major: byte, minor: byte, build: byte }),
  }),
);
export type SevMeasurement = Of<typeof sevMeasurement>;

export const sevSecret = messageType(
  'sev-secret',
  20_480,
  v.strictObject({
    header: bytes(52),
    payload: v.pipe(
      bytesUpTo(16_384),
      v.check((value) => value.length >= 16, 'at least 16 bytes'),
    ),
  }),
);
export type SevSecret = Of<typeof sevSecret>;

/** client ↔ keepldr: the owner's part in a launch with a secret, in this order. */
export const launchFrame = {
  platform: 0,
  start: 1,
  measurement: 2,
  secret: 3,
  finished: 4,
  problem: 5,
} as const;
