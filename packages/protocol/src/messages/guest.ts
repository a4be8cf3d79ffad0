// SPDX-License-Identifier: Apache-2.0
//
// What keepldr and wasmldr say to each other on the device of the guest.
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import { bytes, bytesUpTo, keepId, tee } from './words.ts';

/** First frame from the host: which Keep this is. It is a claim of the host's until evidence binds it. */
export const guestLaunch = messageType(
  'guest-launch',
  20_480,
  v.strictObject({
    id: keepId,
    tee,
    /** The table of secrets that a simulated launch was given; a real one's is in the guest's memory. */
    secret: v.optional(bytesUpTo(16_384)),
  }),
);
export type GuestLaunch = Of<typeof guestLaunch>;

/** All that the host is told of what happens inside. */
export const guestState = messageType(
  'guest-state',
  256,
  v.strictObject({ state: v.picklist(['ready', 'claimed', 'running', 'exited', 'failed']) }),
);
export type GuestState = Of<typeof guestState>;

export const reportRequest = messageType('report-request', 256, v.strictObject({ 'report-data': bytes(64) }));
export type ReportRequest = Of<typeof reportRequest>;

export const evidence = messageType(
  'evidence',
  65_536,
  v.strictObject({
    /** What the sender takes it for; whoever verifies it recognises it by its content. */
    format: v.picklist(['snp', 'sev', 'sgx', 'tdx', 'nitro']),
    /** As the processor signed it: report, quote or document; for `sev` a signature with the key that was the launch secret. */
    report: bytesUpTo(16_384),
    /** Certificates that came with it, in the format's own table (SNP: GUID table); empty where they are in the report itself. */
    endorsements: bytesUpTo(32_768),
  }),
);
export type Evidence = Of<typeof evidence>;

/** keepldr ↔ wasmldr. */
export const guestFrame = {
  launch: 0,
  state: 1,
  reportRequest: 2,
  evidence: 3,
  problem: 4,
  listen: 5,
  listening: 6,
  dial: 7,
  refused: 8,
  close: 9,
} as const;
