// SPDX-License-Identifier: Apache-2.0
//
// What keepldr and wasmldr say to each other of the sockets of a program, which the host opens and whose bytes it relays.
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import { positive, text, uint } from './words.ts';

/** A listener or an outgoing connection of the guest's, by the number of the program's descriptor. */
const socketNumber = v.pipe(uint, v.maxValue(1023));

/** Asks the host to listen. */
export const guestListen = messageType(
  'guest-listen',
  256,
  v.strictObject({
    number: socketNumber,
    /** Where; the host chooses where it is left out. */
    address: v.optional(text(64)),
    /** 0: any that is free. */
    port: v.pipe(uint, v.maxValue(65_535)),
  }),
);
export type GuestListen = Of<typeof guestListen>;

/** Where the host says that it listens. */
export const guestListening = messageType(
  'guest-listening',
  256,
  v.strictObject({
    number: socketNumber,
    address: text(64),
    port: v.pipe(positive, v.maxValue(65_535)),
  }),
);
export type GuestListening = Of<typeof guestListening>;

/** Asks the host to connect. When it has, a connection with this number comes. */
export const guestDial = messageType(
  'guest-dial',
  512,
  v.strictObject({
    number: socketNumber,
    host: v.pipe(
      text(253),
      v.check((name) => name !== '', 'a name'),
    ),
    port: v.pipe(positive, v.maxValue(65_535)),
  }),
);
export type GuestDial = Of<typeof guestDial>;

/** Why a host does not listen or connect. `not-allowed` is its policy, the rest is what its network says. */
export const socketRefusals = [
  'not-allowed',
  'name-unknown',
  'refused',
  'unreachable',
  'timeout',
  'address-in-use',
  'address-unknown',
  'not-permitted',
  'too-many',
  'failed',
] as const;
export type SocketRefusal = (typeof socketRefusals)[number];

export const guestRefused = messageType(
  'guest-refused',
  64,
  v.strictObject({ number: socketNumber, reason: v.picklist(socketRefusals) }),
);
export type GuestRefused = Of<typeof guestRefused>;

/** The program has closed a listener. */
export const guestClose = messageType('guest-close', 16, v.strictObject({ number: socketNumber }));

/** First frame from the host on each connection for the program; what follows is what the other end sends. */
export const guestConnection = messageType('guest-connection', 16, v.strictObject({ number: socketNumber }));
