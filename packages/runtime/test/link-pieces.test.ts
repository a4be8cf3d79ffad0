// SPDX-License-Identifier: Apache-2.0
//
// The real runner, spoken to by its link without the supervisor's own code.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { describe, test } from 'node:test';

import { concatBytes, decodeMessage, encodeFrameHead, ended, FrameReader, type Frame } from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { bundledRunner } from '../../../test/support/runner-bundle.ts';
import { nodeArguments, tuningFor } from '../src/runner-flags.ts';
import { runnerFrame } from '../src/runner-frames.ts';
import { encodeWorkload } from '../src/workload.ts';

interface Said {
  readonly frames: readonly Frame[];
  readonly stderr: string;
}

/** Starts a runner and writes these pieces to it one by one; resolves when it has told an end, or is gone. */
async function tell(pieces: Iterable<Uint8Array>, blocking: boolean): Promise<Said> {
  const args = nodeArguments(await bundledRunner(), tuningFor(), blocking);
  const child = spawn(process.execPath, args, { env: {}, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const link = child.stdio[3] as Duplex;
  const reader = new FrameReader();
  const frames: Frame[] = [];
  let stderr = '';
  (child.stderr as Readable).on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  link.on('error', () => undefined);
  link.on('data', (chunk: Uint8Array) => {
    frames.push(...reader.push(chunk));
    if (frames.some(({ kind }) => kind === runnerFrame.ended)) child.kill('SIGKILL');
  });
  const closed = once(child, 'close');
  for (const piece of pieces) {
    link.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await closed;
  return { frames, stderr };
}

function frame(kind: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes(encodeFrameHead(kind, payload.length), payload);
}

function runOf(module: Uint8Array): Uint8Array {
  const never = (): void => undefined;
  const workload = { size: module.length, args: ['main.wasm'], env: [], limits: {} };
  return frame(
    runnerFrame.run,
    encodeWorkload({ ...workload, onStdinWanted: never, onOutput: () => Promise.resolve() }),
  );
}

/** Cuts bytes at these sizes, by turns, from the first on. */
function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Too long for one frame, so that payloads reach over what is read at once. */
const text = Array.from({ length: 40_000 }, (_, index) => String(index)).join(' ');

for (const blocking of [false, true]) {
  describe(`a runner ${blocking ? 'that blocks' : 'that suspends'}`, () => {
    const module = programs.print(text);
    const printed = (frames: readonly Frame[]): string =>
      Buffer.concat(
        frames.filter(({ kind }) => kind === runnerFrame.stdout).map(({ payload }) => payload),
      ).toString();

    // Frames of the largest size; of one byte, each before a large one; and both read in pieces that end within heads.
    for (const [what, payloads, reads] of [
      ['in large frames', [65_536], [1 << 20]],
      ['in large frames and pieces of any size', [65_536], [65_539, 70_001, 3, 64_000, 2, 1, 1, 1]],
      ['in frames of one byte between large ones', [1, 65_536, 1, 2, 60_000, 5], [50_000]],
      [
        'in frames of one byte between large ones, cut in heads',
        [1, 65_536, 1, 2, 60_000],
        [65_540, 4, 65_545, 1],
      ],
      ['after the first byte of its head', [40_000], [1, 1 << 20]],
    ] as const) {
      test(`takes a module ${what}`, async () => {
        const stream = [...cut(module, payloads)].map((payload) => frame(runnerFrame.module, payload));
        const bytes = concatBytes(runOf(module), ...stream, frame(runnerFrame.stdinEnd));
        const { frames, stderr } = await tell(cut(bytes, reads), blocking);
        assert.equal(stderr, '');
        assert.equal(printed(frames), text);
        const end = frames.find(({ kind }) => kind === runnerFrame.ended);
        assert.deepEqual(decodeMessage(ended, end?.payload ?? new Uint8Array(0)), { how: 'exit', code: 0 });
      });
    }

    test('ends at what it does not understand, and says in few words what that is', async () => {
      const { frames, stderr } = await tell([frame(runnerFrame.started)], blocking);
      assert.deepEqual(
        frames.map(({ kind }) => kind),
        [runnerFrame.ready],
      );
      assert.match(stderr, /the supervisor sent a frame of kind 6/);
      assert.ok(stderr.length < 4096, String(stderr.length));
    });
  });
}
