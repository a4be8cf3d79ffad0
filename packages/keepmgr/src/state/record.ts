// SPDX-License-Identifier: Apache-2.0
import { keepStates, tees, type MessageType } from '@enarx/protocol';
import * as v from 'valibot';

const uint = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const octets = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length === length, `not ${String(length)} bytes`),
  );
const processReference = v.strictTuple([v.pipe(uint, v.minValue(1)), uint]);

const schema = v.strictObject({
  version: v.literal(1),
  id: octets(16),
  tee: v.picklist(tees),
  state: v.picklist(keepStates),
  created: uint,
  ended: v.optional(uint),
  reason: v.optional(v.pipe(v.string(), v.maxLength(64))),
  /** SHA-256 of the loader's token: enough to know it again, useless to whoever reads the disk. */
  'token-digest': octets(32),
  /** Boot in which the processes ran. */
  boot: v.pipe(v.string(), v.maxLength(64)),
  loader: v.optional(processReference),
  processes: v.pipe(v.array(processReference), v.maxLength(16)),
});

/** What is on disk of one Keep: `record.cbor` in its directory. */
export type KeepRecord = v.InferOutput<typeof schema>;

export const keepRecord: MessageType<KeepRecord> = { name: 'keep-record', maxBytes: 4096, schema };
