// SPDX-License-Identifier: Apache-2.0
//
// Many small files on their way from the supervisor to its runner.
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';

import { FrameStream } from '@enarx/channel/frame-stream';
import { decodeMessage, FrameReader } from '@enarx/protocol';

import { Run, type ProcessEnd } from '../src/run.ts';
import { runnerFrame } from '../src/runner-frames.ts';
import { entryMessage } from '../src/runner-messages.ts';
import { encodeWorkload, type Workload } from '../src/workload.ts';
import { packageOfTree } from './files-of.ts';

test('20,000 small files reach a runner whole and in order in some dozen writes, before the module', async () => {
  const count = 20_000;
  const tree = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `/file-${String(index)}`,
      index === 7 ? Buffer.alloc(200_000, 7) : `content ${String(index)}`,
    ]),
  );
  let writes = 0;
  const reader = new FrameReader();
  const seen: { path: string; pieces: Buffer[] }[] = [];
  let module = 0;
  const duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Uint8Array, _, done) => {
      writes += 1;
      for (const { kind, payload } of reader.push(chunk)) {
        if (kind === runnerFrame.entry)
          seen.push({ path: decodeMessage(entryMessage, Buffer.from(payload)).path, pieces: [] });
        else if (kind === runnerFrame.content) seen.at(-1)?.pieces.push(Buffer.from(payload));
        else if (kind === runnerFrame.module) module = seen.length;
      }
      setImmediate(done);
    },
  });
  const exited = Promise.withResolvers<ProcessEnd>();
  const workload: Workload = {
    size: 8,
    args: [],
    env: [],
    limits: {},
    package: packageOfTree(tree),
    onStdinWanted: () => undefined,
    onOutput: () => Promise.resolve(),
  };
  const run = new Run(
    {
      pid: 0,
      frames: new FrameStream(duplex),
      exited: exited.promise,
      kill: () => {
        exited.resolve({ started: true, heapExhausted: false, how: 'killed' });
        duplex.destroy();
      },
    },
    workload,
    encodeWorkload(workload),
  );
  await run.writeModule(new Uint8Array(8));
  run.kill();
  await run.ended;
  assert.deepEqual(
    seen.map(({ path, pieces }) => [path, Buffer.concat(pieces).toString()]),
    Object.entries(tree).map(([path, content]) => [path, content.toString()]),
  );
  assert.equal(module, count);
  // Each by itself, they were 40,000.
  assert.ok(writes < 60, String(writes));
});
