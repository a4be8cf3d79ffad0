// SPDX-License-Identifier: Apache-2.0
//
// What client and keepmgr say to each other, as bodies of HTTP.
import * as v from 'valibot';

import { messageType, type Of } from '../message.ts';
import {
  logEntryEntries,
  bytes,
  keepId,
  keepState,
  protocolVersion,
  resources,
  tee,
  text,
  uint,
} from './words.ts';

export const managerInfo = messageType(
  'manager-info',
  4096,
  v.strictObject({
    protocol: v.literal(protocolVersion),
    release: text(64),
    tees: v.pipe(v.array(tee), v.maxLength(16)),
    /** Whether the host takes no new Keeps. */
    cordoned: v.optional(v.boolean()),
  }),
);
export type ManagerInfo = Of<typeof managerInfo>;

/** Milliseconds, from a second to a year. */
const lease = v.pipe(uint, v.minValue(1000), v.maxValue(31_536_000_000));

export const createKeep = messageType(
  'create-keep',
  1024,
  v.strictObject({
    tee,
    resources: v.optional(resources),
    /** The client's own id of this creation: asked again, it gives the same Keep. */
    request: v.optional(bytes(16)),
    /** How long the Keep may be before it is stopped, unless it is renewed. */
    lease: v.optional(lease),
  }),
);
export type CreateKeep = Of<typeof createKeep>;

/** Grants a Keep so many milliseconds from now. */
export const renewKeep = messageType('renew-keep', 64, v.strictObject({ lease }));
export type RenewKeep = Of<typeof renewKeep>;

const keepEntries = {
  id: keepId,
  tee,
  state: keepState,
  /** Milliseconds since 1970. */
  created: uint,
  ended: v.optional(uint),
  /** Code of the problem that ended the Keep. */
  reason: v.optional(text(64)),
  /** The end of its lease, milliseconds since 1970. */
  expires: v.optional(uint),
};

/** What the host says of a Keep. None of it is proof of anything. */
export const keep = messageType('keep', 4096, v.strictObject(keepEntries));
export type Keep = Of<typeof keep>;

export const keepList = messageType(
  'keep-list',
  4_194_304,
  v.pipe(v.array(v.strictObject(keepEntries)), v.maxLength(16_384)),
);
export type KeepList = Of<typeof keepList>;

/** What changed since a cursor, each Keep as it is now. */
export const keepChanges = messageType(
  'keep-changes',
  4_194_304,
  v.strictObject({
    /** Where to go on from. */
    cursor: text(64),
    /** The cursor was of no use: these are all Keeps there are. */
    reset: v.boolean(),
    keeps: v.pipe(v.array(v.strictObject(keepEntries)), v.maxLength(16_384)),
    removed: v.pipe(v.array(keepId), v.maxLength(16_384)),
  }),
);
export type KeepChanges = Of<typeof keepChanges>;

/** Host-side events of one Keep, oldest first. What the program prints never appears here. */
export const keepLog = messageType(
  'keep-log',
  1_048_576,
  v.pipe(v.array(v.strictObject(logEntryEntries)), v.maxLength(1024)),
);
export type KeepLog = Of<typeof keepLog>;
export type LogEntry = KeepLog[number];

/** What a host's operator hands to whoever is to help: JSON, for people. */
export const supportBundle = messageType(
  'support-bundle',
  4_194_304,
  v.strictObject({ json: text(4_194_240) }),
);
export type SupportBundle = Of<typeof supportBundle>;

export const platform = messageType(
  'platform',
  262_144,
  v.strictObject({
    release: text(64),
    backends: v.array(
      v.strictObject({
        tee,
        usable: v.boolean(),
        probes: v.array(
          v.strictObject({
            id: text(64),
            pass: v.boolean(),
            found: text(512),
            remedy: v.optional(text(512)),
          }),
        ),
      }),
    ),
  }),
);
export type Platform = Of<typeof platform>;
