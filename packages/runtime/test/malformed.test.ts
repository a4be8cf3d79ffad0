// SPDX-License-Identifier: Apache-2.0
//
// Modules that are broken in one place or many, made from real ones. Whatever a runner makes of them, its supervisor hears it in its own words: an end,
// or a problem of the program's. ENARX_LONG=1 runs 36,000 of them, otherwise 108.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { readDeclaredMemory } from '../src/runner/declared-memory.ts';
import { exportHotPaths } from '../src/runner/hot-paths.ts';
import { runToEnd } from './support.ts';

const fixtures = join(import.meta.dirname, '../../../test/programs');
const originals: Record<string, Uint8Array> = {
  C: readFileSync(join(fixtures, 'files-c.wasm')),
  Rust: readFileSync(join(fixtures, 'files-rs.wasm')),
  AssemblyScript: readFileSync(join(fixtures, 'process-as.wasm')),
};
const count = process.env['ENARX_LONG'] === '1' ? 2000 : 6;
const atOnce = 3;

/** xorshift32: the same mutants each time, so that one that matters can be found again by its number. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Mutation = (bytes: Uint8Array, next: (below: number) => number) => Uint8Array;

const mutations: Record<string, Mutation> = {
  'one byte changed': (bytes, next) => {
    bytes[next(bytes.length)] = next(256);
    return bytes;
  },
  'one byte of its sections before the code changed': (bytes, next) => {
    bytes[8 + next(Math.min(1500, bytes.length - 8))] = next(256);
    return bytes;
  },
  'its end cut off': (bytes, next) => bytes.subarray(0, next(bytes.length)),
  'a stretch removed': (bytes, next) => {
    const at = next(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + next(64))]);
  },
  'a stretch doubled': (bytes, next) => {
    const at = next(bytes.length);
    return Buffer.concat([bytes.subarray(0, at + 1 + next(64)), bytes.subarray(at)]);
  },
  'a number made huge': (bytes, next) => {
    bytes.set([0xff, 0xff, 0xff, 0xff, 0x0f], next(bytes.length - 5));
    return bytes;
  },
};

const ours = /^wasm\//;

/** How a mutant ended, in one word. Whatever else comes is a fault of ours. */
async function outcome(module: Uint8Array): Promise<string> {
  try {
    const { ended } = await runToEnd(module, {
      stdin: new Uint8Array(0),
      limits: { memory: 67_108_864, wall: 3000, output: 1_000_000, storage: 1_000_000 },
    });
    return ended.how;
  } catch (error) {
    assert.ok(error instanceof EnarxError, String(error));
    const { code, message } = error as EnarxError;
    assert.match(code, ours, message);
    return 'refused';
  }
}

describe('a module', () => {
  for (const [what, mutate] of Object.entries(mutations)) {
    test(`with ${what} is refused, or runs to an end within its limits`, { timeout: 3_600_000 }, async () => {
      const next = numbers(0x9e37_79b9);
      const outcomes = new Map<string, number>();
      for (const original of Object.values(originals)) {
        for (let done = 0; done < count; done += atOnce) {
          const mutants = Array.from({ length: Math.min(atOnce, count - done) }, () =>
            mutate(Uint8Array.from(original), next),
          ).filter(({ length }) => length > 0);
          for (const how of await Promise.all(mutants.map(outcome)))
            outcomes.set(how, (outcomes.get(how) ?? 0) + 1);
        }
      }
      assert.ok((outcomes.get('refused') ?? 0) > 0, JSON.stringify([...outcomes]));
    });
  }

  test('with anything at all changed has its declared memory read in no time', () => {
    const next = numbers(0x1234_5678);
    const begun = performance.now();
    for (let done = 0; done < 3000; done += 1) {
      for (const mutate of Object.values(mutations)) {
        const { count: memories, initialPages } = readDeclaredMemory(
          mutate(Uint8Array.from(originals['AssemblyScript'] ?? []), next),
        );
        assert.ok(memories >= 0 && initialPages >= 0);
      }
    }
    assert.ok(performance.now() - begun < 20_000);
  });

  test('with anything at all changed is searched for loops in no time, and without an exception', () => {
    const next = numbers(0x2345_6789);
    const begun = performance.now();
    let found = 0;
    for (let done = 0; done < 500; done += 1) {
      for (const mutate of Object.values(mutations)) {
        const mutant = mutate(Uint8Array.from(originals['C'] ?? []), next);
        const buffer = new Uint8Array(65_536 + mutant.length);
        buffer.set(mutant, 65_536);
        if (exportHotPaths(buffer, 65_536) !== undefined) found += 1;
      }
    }
    assert.ok(found > 0);
    assert.ok(performance.now() - begun < 30_000);
  });
});
