// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { inspectModule, InitialMemoryTooLarge } from '../src/runner/compile.ts';
import { engine, type LinearMemory } from '../src/runner/engine.ts';
import { limitMemory } from '../src/runner/memory-limit.ts';
import { runToEnd } from './support.ts';

const headroom = 64;
const pages = 300;

/** A module that is a memory section and an export of the memory as `m`. */
function withMemory(...section: number[]): Uint8Array {
  return Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section, 7, 5, 1, 1, 0x6d, 2, 0);
}

function limited(module: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(headroom + module.length);
  buffer.set(module, headroom);
  const memory = inspectModule(buffer.subarray(headroom), pages);
  return buffer.subarray(limitMemory(buffer, headroom, memory, pages));
}

/** Pages that its memory can be grown to; `undefined` when the engine does not take it. */
function mostOf(module: Uint8Array): number | undefined {
  let memory: LinearMemory & { grow(by: number): number };
  try {
    const { exports } = new engine.Instance(new engine.Module(module), {});
    memory = exports['m'] as typeof memory;
  } catch {
    return undefined;
  }
  let size = memory.buffer.byteLength / 65_536;
  for (let by = 512; by >= 1; by = Math.floor(by / 2)) {
    while (size < 1024) {
      try {
        memory.grow(by);
      } catch {
        break;
      }
      size += by;
    }
  }
  return size;
}

describe('the limit of memory in a module', () => {
  for (const [what, section, most] of [
    ['that names no largest size', [5, 3, 1, 0, 1], pages],
    [
      'whose lengths are padded, as linkers leave them',
      [5, 0x87, 0x80, 0x80, 0x80, 0, 1, 0, 0x81, 0x80, 0x80, 0x80, 0],
      pages,
    ],
    ['that names a larger size', [5, 5, 1, 1, 1, 0x80, 8], pages],
    ['that names a smaller size', [5, 4, 1, 1, 1, 7], 7],
    ['that names the very limit', [5, 5, 1, 1, 1, 0xac, 2], pages],
    ['that is shared', [5, 5, 1, 3, 1, 0x80, 8], pages],
  ] as const) {
    test(`${what} holds`, () => {
      const module = withMemory(...section);
      assert.notEqual(mostOf(module), undefined);
      assert.equal(mostOf(limited(module)), most);
    });
  }

  for (const [what, section] of [
    ['shared without a largest size', [5, 3, 1, 2, 1]],
    ['of a section that holds more than it', [5, 4, 1, 0, 1, 0]],
    ['of a section that ends within it', [5, 2, 1, 0, 1]],
    ['of a section that goes on behind the module', [5, 60, 1, 0, 1]],
    ['of more than 4 GiB', [5, 6, 1, 1, 1, 0x81, 0x80, 4]],
  ] as const) {
    test(`makes no valid memory of one ${what}`, () => {
      const module = withMemory(...section);
      assert.equal(mostOf(module), undefined);
      assert.throws(() => limited(module), { code: 'wasm/malformed' });
    });
  }

  test('is kept from no second section of memories', () => {
    assert.throws(() => limited(withMemory(5, 3, 1, 0, 1, 5, 3, 1, 0, 1)), {
      code: 'wasm/unsupported-memory',
    });
  });

  test('holds whatever the bytes of a section are, and makes nothing valid that was not', () => {
    let state = 0x1234_5678;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const sections = [
      [5, 3, 1, 0, 1],
      [5, 5, 1, 1, 1, 0x80, 8],
      [5, 5, 1, 3, 1, 0x80, 8],
      [5, 0x87, 0x80, 0x80, 0x80, 0, 1, 0, 0x81, 0x80, 0x80, 0x80, 0],
    ];
    let ran = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const section = [...(sections[next(sections.length)] as number[])];
      for (let changes = next(3); changes >= 0; changes -= 1)
        section[next(section.length)] = next(4) === 0 ? next(256) : next(8);
      if (next(4) === 0) section.splice(next(section.length), next(3), next(256));
      const module = withMemory(...section);
      let rewritten: Uint8Array;
      try {
        rewritten = limited(module);
      } catch (error) {
        assert.ok(error instanceof EnarxError || error instanceof InitialMemoryTooLarge);
        continue;
      }
      const most = mostOf(rewritten);
      if (most === undefined) continue;
      ran += 1;
      assert.ok(most <= pages, `${Buffer.from(module).toString('hex')} grows to ${String(most)} pages`);
      assert.notEqual(mostOf(module), undefined, `${Buffer.from(module).toString('hex')} is not valid`);
    }
    assert.ok(ran > 500, String(ran));
  });

  test('leaves traps where they are in the module that was delivered', async () => {
    const small = programs.loopInModule(1, 600);
    const frames = async (optimize: 'auto' | 'full', memory: number) => {
      const { ended } = await runToEnd(small, { optimize, limits: { memory } });
      assert.equal(ended.how, 'trap');
      return ended.frames;
    };
    const expected = await frames('full', 2 ** 32);
    assert.match(expected[0] ?? '', /0x[0-9a-f]+$/);
    for (const optimize of ['auto', 'full'] as const)
      for (const memory of [2 ** 17, 2 ** 24, 2 ** 31])
        assert.deepEqual(await frames(optimize, memory), expected);
  });
});
