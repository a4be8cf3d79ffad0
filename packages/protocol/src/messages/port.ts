// SPDX-License-Identifier: Apache-2.0
//
// Connections over the one port of a VM guest, between keepldr and guest.
import * as v from 'valibot';

import { messageType } from '../message.ts';
import { positive, uint } from './words.ts';

/** Number of a connection, chosen by the side that opens it. */
export const portStream = messageType('port-stream', 16, v.pipe(uint, v.maxValue(0xffff_ffff)));

/** Bytes that may be sent on a connection on top of what was granted before. */
export const portCredit = messageType(
  'port-credit',
  64,
  v.strictObject({
    stream: v.pipe(uint, v.maxValue(0xffff_ffff)),
    bytes: v.pipe(positive, v.maxValue(16_777_216)),
  }),
);

/** keepldr ↔ guest of a VM, on the port that carries connections. Data belongs to the connection that was selected last. */
export const portFrame = {
  open: 0,
  select: 1,
  data: 2,
  credit: 3,
  end: 4,
  reset: 5,
  openSocket: 6,
} as const;
