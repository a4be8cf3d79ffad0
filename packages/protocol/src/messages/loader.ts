// SPDX-License-Identifier: Apache-2.0
//
// What keepmgr and keepldr say to each other, as frames.
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import {
  logEntryEntries,
  bytes,
  keepId,
  keepState,
  path,
  processReference,
  protocolVersion,
  requestNumber,
  resources,
  sandbox,
  tee,
  text,
  texts,
  uint,
} from './words.ts';

/** First frame of every connection that a keepldr opens to its keepmgr. `stream` marks a relay connection, its absence the control connection. */
export const ldrHello = messageType(
  'ldr-hello',
  1024,
  v.strictObject({
    protocol: v.literal(protocolVersion),
    id: keepId,
    token: bytes(32),
    stream: v.optional(uint),
  }),
);
export type LdrHello = Of<typeof ldrHello>;

/** On a keepldr's standard input, as one frame: everything that it must know, and nothing in argv or environment. */
export const ldrLaunch = messageType(
  'ldr-launch',
  16_384,
  v.strictObject({
    id: keepId,
    tee,
    /** Proves to the keepmgr that a connection comes from the keepldr of this Keep. */
    token: bytes(32),
    /** Path of the keepmgr's socket for keepldrs; a relative one starts at `directory`. */
    manager: path,
    /** The Keep's own directory, empty and private. */
    directory: path,
    /** The simulated processor's file, for `sim`. */
    simulator: v.optional(path),
    /** The strongest sandbox that the keepmgr found to work here. Without it the keepldr tries them itself. */
    sandbox: v.optional(sandbox),
    /** Directory of the guest image, for machines. */
    image: v.optional(path),
    /** File of the simulated SEV platform, for launches with a secret where no real one is. */
    'sev-platform': v.optional(path),
    resources: v.optional(resources),
    /** The request that asked for the Keep. Without it nobody has yet: it is for the pool. */
    request: v.optional(requestNumber),
    /** Sockets that the host opens for the program; none without it. */
    sockets: v.optional(
      v.strictObject({
        /** `ADDRESS:PORTS` */
        listen: texts(64, 128),
        /** `HOST:PORTS` */
        dial: texts(64, 320),
      }),
    ),
  }),
);
export type LdrLaunch = Of<typeof ldrLaunch>;
/** Kind of the one frame that carries it. */
export const ldrLaunchKind = 0;

/** What the loader says of its Keep, and the processes that have to end with it: a keepmgr that is started anew finds them by it. */
export const ldrState = messageType(
  'ldr-state',
  1024,
  v.strictObject({
    state: keepState,
    reason: v.optional(text(64)),
    processes: v.optional(v.pipe(v.array(processReference), v.maxLength(16))),
  }),
);
export type LdrState = Of<typeof ldrState>;

export const ldrLog = messageType(
  'ldr-log',
  4096,
  /** `stream`: the relay connection that it is about. */
  v.strictObject({ ...logEntryEntries, stream: v.optional(uint) }),
);
export type LdrLog = Of<typeof ldrLog>;

/** A Keep of the pool has been assigned to whoever sent this request. */
export const ldrAssigned = messageType('ldr-assigned', 64, v.strictObject({ request: requestNumber }));
export type LdrAssigned = Of<typeof ldrAssigned>;

/** For the host's metrics: something that the loader saw, and the milliseconds that it took. */
export const ldrMoment = messageType(
  'ldr-moment',
  64,
  v.strictObject({ moment: v.picklist(['evidence']), took: uint }),
);
export type LdrMoment = Of<typeof ldrMoment>;

/** Asks for a relay connection of this number. */
export const ldrOpen = messageType(
  'ldr-open',
  64,
  /** To the guest, unless it says so. */
  v.strictObject({ stream: uint, to: v.optional(v.literal('loader')) }),
);
export type LdrOpen = Of<typeof ldrOpen>;

/** keepldr → keepmgr and back, on the control connection and at the head of a relay connection. */
export const managerFrame = { hello: 0, state: 1, log: 2, open: 3, stop: 4, assigned: 5, moment: 6 } as const;
