// SPDX-License-Identifier: Apache-2.0
import {
  decodeCbor,
  decodeMessage,
  decodeProblem,
  encodeCbor,
  encodeFrameHead,
  encodeMessage,
  FrameReader,
  messageTypes,
  type MessageType,
} from '@enarx/protocol';
import fc from 'fast-check';

import { enarxRules } from '../../../test/support/cddl/enarx.ts';
import { itemsOf } from '../../../test/support/cddl/generate.ts';
import type { FuzzTarget } from '../target.ts';

const sample = (rule: string, count: number): Uint8Array[] =>
  fc.sample(itemsOf(enarxRules, rule), { numRuns: count, seed: 1 }).map((item) => encodeCbor(item));

function assertSame(a: Uint8Array, b: Uint8Array, what: string): void {
  if (Buffer.compare(a, b) !== 0) throw new Error(what);
}

const cbor: FuzzTarget = {
  name: 'cbor',
  run: (input) => {
    const value = decodeCbor(input, input.length);
    assertSame(encodeCbor(value), input, 'what was decoded encodes to other bytes');
  },
  seeds: () => messageTypes.flatMap(({ name }) => sample(name, 2)),
};

/** The first byte says which message; all are tried so. */
const messages: FuzzTarget = {
  name: 'messages',
  run: (input) => {
    const type = messageTypes[(input[0] ?? 0) % messageTypes.length] as MessageType<unknown>;
    const bytes = input.subarray(1);
    assertSame(encodeMessage(type, decodeMessage(type, bytes)), bytes, `${type.name} encodes to other bytes`);
  },
  seeds: () =>
    messageTypes.flatMap(({ name }, index) =>
      sample(name, 3).map((bytes) => Uint8Array.of(index, ...bytes.subarray(0, 4096))),
    ),
};

const problem: FuzzTarget = {
  name: 'problem-details',
  run: decodeProblem,
  seeds: () => sample('problem', 8),
};

/** Whole and in pieces, the reader must give the same frames. */
const frames: FuzzTarget = {
  name: 'frames',
  run: (input) => {
    const read = (pieces: readonly Uint8Array[]): string => {
      const reader = new FrameReader();
      const all = pieces.flatMap((piece) => reader.push(piece));
      const shown = all.map(({ kind, payload }) => `${String(kind)}:${Buffer.from(payload).toString('hex')}`);
      try {
        reader.end();
      } catch {
        shown.push('cut off');
      }
      return shown.join();
    };
    const whole = read([input]);
    const step = 1 + ((input[0] ?? 0) % 7);
    const pieces = Array.from({ length: Math.ceil(input.length / step) }, (_, index) =>
      input.subarray(index * step, (index + 1) * step),
    );
    if (read(pieces) !== whole) throw new Error('pieces give other frames than the whole');
  },
  seeds: () =>
    [0, 5, 30, 300].map((length) =>
      Uint8Array.from([...encodeFrameHead(3, length), ...new Uint8Array(length), ...encodeFrameHead(23, 0)]),
    ),
  tokens: [Uint8Array.of(0x82, 1), Uint8Array.of(0x5a, 0, 1, 0, 0), Uint8Array.of(0x58), Uint8Array.of(0x59)],
};

export default [cbor, messages, problem, frames];
