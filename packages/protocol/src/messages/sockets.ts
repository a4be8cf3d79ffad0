// SPDX-License-Identifier: Apache-2.0
//
// What keepldr and wasmldr say to each other of the sockets of a program, which the host opens and whose bytes it relays.
// A listener or an outgoing connection goes by the number of the program's descriptor.
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import { definitePort, descriptor, hostName, port, text } from './words.ts';

/** Asks the host to listen. */
export const guestListen = messageType(
  'guest-listen',
  256,
  v.strictObject({
    number: descriptor,
    /** Where; the host chooses where it is left out. */
    address: v.optional(text(64)),
    /** 0: any that is free. */
    port,
  }),
);
export type GuestListen = Of<typeof guestListen>;

/** Where the host says that it listens. */
export const guestListening = messageType(
  'guest-listening',
  256,
  v.strictObject({
    number: descriptor,
    address: text(64),
    port: definitePort,
  }),
);
export type GuestListening = Of<typeof guestListening>;

/** Asks the host to connect. When it has, a connection with this number comes. */
export const guestDial = messageType(
  'guest-dial',
  512,
  v.strictObject({
    number: descriptor,
    host: hostName,
    port: definitePort,
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
  v.strictObject({ number: descriptor, reason: v.picklist(socketRefusals) }),
);
export type GuestRefused = Of<typeof guestRefused>;

/** The program has closed a listener. */
export const guestClose = messageType('guest-close', 16, v.strictObject({ number: descriptor }));

/** First frame from the host on each connection for the program; what follows is what the other end sends. */
export const guestConnection = messageType('guest-connection', 16, v.strictObject({ number: descriptor }));
