// SPDX-License-Identifier: Apache-2.0
//
// Many small files: what they cost is how often something is handed over and waited for.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';

import { moduleFromBytes, packageFromDirectories } from '@enarx/client';
import { FrameStream } from '@enarx/channel/frame-stream';
import { decodeMessage, deliver, entry, FrameReader, workloadFrame } from '@enarx/protocol';

import { sendWorkload } from '../src/delivery.ts';

const directory = mkdtempSync(join(tmpdir(), 'enarx-many-'));
after(() => {
  rmSync(directory, { recursive: true });
});

/** The length of a file: mostly a line, some as long as a frame and longer. */
const sizeOf = (index: number): number => (index % 1000 === 999 ? 16_000 + index * 5 : index % 40);
const contentOf = (index: number): Buffer => Buffer.alloc(sizeOf(index), `${String(index)}:`);

test('20,000 small files are sent whole and in order in some hundred writes', async () => {
  const count = 20_000;
  for (let index = 0; index < count; index += 1) {
    const folder = join(directory, String(index % 100));
    if (index < 100) mkdirSync(folder);
    writeFileSync(join(folder, String(index)), contentOf(index));
  }
  let writes = 0;
  const reader = new FrameReader();
  const seen = new Map<string, Buffer[]>();
  let open: Buffer[] | undefined;
  let module = '';
  const receive = (chunk: Uint8Array): void => {
    writes += 1;
    for (const { kind, payload } of reader.push(chunk)) {
      const bytes = Buffer.from(payload);
      if (kind === workloadFrame.deliver)
        assert.equal(decodeMessage(deliver, bytes).package?.entries, count + 101);
      else if (kind === workloadFrame.entry) {
        const item = decodeMessage(entry, bytes);
        open = item.kind === 'file' ? [] : undefined;
        if (open !== undefined) seen.set(item.path, open);
      } else if (kind === workloadFrame.content) open?.push(bytes);
      else module += bytes.toString();
    }
  };
  const duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Uint8Array, _, done) => {
      receive(chunk);
      // As a connection does: not before the next turn.
      setImmediate(done);
    },
  });
  await sendWorkload(
    new FrameStream(duplex),
    {
      module: moduleFromBytes(Buffer.from('the module')),
      args: ['main'],
      package: await packageFromDirectories([{ from: directory, to: '/many' }]),
      stdout: 'discard',
      stderr: 'discard',
    },
    undefined,
  );
  assert.equal(seen.size, count);
  for (let index = 0; index < count; index += 1) {
    const pieces = seen.get(`/many/${String(index % 100)}/${String(index)}`) ?? [];
    assert.ok(Buffer.concat(pieces).equals(contentOf(index)), String(index));
  }
  assert.equal(module, 'the module');
  // Each by itself, they were 40,000.
  assert.ok(writes < 300, String(writes));
});
