// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Worker } from 'node:worker_threads';

import { createIdentity, openChannel } from '@enarx/channel';
import { recordFramePayload } from '@enarx/protocol';

import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const mebibyte = 1_048_576;
/** What a client sends of a module at once. */
const piece = Buffer.alloc(16 * recordFramePayload, 'enarx');
/** What plain TLS is fastest with: larger pieces fall out of the cache of the processor. */
const plainPiece = Buffer.alloc(4 * recordFramePayload, 'enarx');
const keepId = new Uint8Array(16);

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const bytes = (short ? 64 : 1024) * piece.length;
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  const attested = join(directory, 'attested.sock');
  const plain = join(directory, 'plain.sock');
  const sink = new Worker(new URL('../channel-sink.ts', import.meta.url), {
    workerData: { keepId, attested, plain, bytes },
  });
  try {
    await once(sink, 'message');
    const { ratio, subject, baseline, samples } = await inPairs(
      short ? 3 : 11,
      () => overChannel(attested, bytes),
      () => overTls(plain, bytes),
    );
    return [
      {
        id: 'channel-throughput',
        goal: 0.9,
        better: 'higher',
        ratio,
        samples,
        detail: `${subject.toFixed(0)} MiB/s over ${baseline.toFixed(0)} MiB/s`,
      },
    ];
  } finally {
    await sink.terminate();
    rmSync(directory, { recursive: true, force: true });
  }
}

const rate = (bytes: number, started: number): number =>
  bytes / mebibyte / ((performance.now() - started) / 1000);

async function overChannel(path: string, bytes: number): Promise<number> {
  const channel = await openChannel({
    connection: connectSocket(path),
    identity: await createIdentity(),
    keepId,
  });
  const frames = await (await channel.attest('deliver', () => Promise.resolve())).deliver();
  const started = performance.now();
  for (let sent = 0; sent < bytes; sent += piece.length) await frames.sendBulk(1, piece);
  await frames.read();
  const measured = rate(bytes, started);
  frames.destroy();
  return measured;
}

async function overTls(path: string, bytes: number): Promise<number> {
  const socket = connectTls({ path, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await once(socket, 'secureConnect');
  const started = performance.now();
  for (let sent = 0; sent < bytes; sent += plainPiece.length) {
    if (!socket.write(plainPiece)) await once(socket, 'drain');
  }
  await once(socket, 'data');
  const measured = rate(bytes, started);
  socket.destroy();
  return measured;
}

export default {
  title: 'bulk through the attested connection over the same through plain TLS',
  measure,
} satisfies BenchModule;
