// SPDX-License-Identifier: Apache-2.0
//
// An echo server in C in a Keep over an echo server of bare Node, both with TLS 1.3 on loopback, each in a process of its own. The client is the same.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';

import { createKeepCertificate } from '@enarx/channel';

import { release } from '../host.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const mebibyte = 1_048_576;
const pingSize = 64;
const pieceSize = 65_536;

interface Served extends Disposable {
  readonly port: number;
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    using keep = await inKeep(directory);
    using node = await inNode(directory);
    const samples = short ? 3 : 11;
    const pings = await inPairs(
      samples,
      () => pingPong(keep.port, short ? 500 : 3000),
      () => pingPong(node.port, short ? 500 : 3000),
    );
    const bulks = await inPairs(
      samples,
      () => bulk(keep.port, (short ? 16 : 64) * mebibyte),
      () => bulk(node.port, (short ? 16 : 64) * mebibyte),
    );
    return [
      {
        id: 'sockets-ping-pong',
        goal: 0.5,
        better: 'higher',
        ratio: pings.ratio,
        samples: pings.samples,
        detail: `${pings.subject.toFixed(0)}/s over ${pings.baseline.toFixed(0)}/s`,
      },
      {
        id: 'sockets-bulk',
        goal: 0.8,
        better: 'higher',
        ratio: bulks.ratio,
        samples: bulks.samples,
        detail: `${bulks.subject.toFixed(0)} MiB/s over ${bulks.baseline.toFixed(0)} MiB/s`,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function inKeep(directory: string): Promise<Served> {
  const config = join(directory, 'Enarx.toml');
  const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`);
  writeFileSync(config, `${streams.join('')}[[files]]\nkind = "listen"\nname = "echo"\nport = 0\n`);
  const child = spawn(
    process.execPath,
    [
      join(release, 'enarx.js'),
      ...['run', '--json', '--config', config, join(root, 'examples', 'echo', 'echo.wasm')],
    ],
    {
      env: { PATH: process.env['PATH'] ?? '', HOME: directory, XDG_STATE_HOME: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line) as { readonly event?: string; readonly port?: number };
    if (event.event !== 'listening' || event.port === undefined) continue;
    child.stderr.resume();
    return { port: event.port, [Symbol.dispose]: () => child.kill('SIGTERM') };
  }
  throw new Error('the Keep did not listen');
}

async function inNode(directory: string): Promise<Served> {
  const { key, certificate: cert } = await createKeepCertificate(new Uint8Array(16));
  const file = join(directory, 'echo.mjs');
  writeFileSync(
    file,
    `import { createServer } from 'node:tls';
     const server = createServer(${JSON.stringify({ key, cert, minVersion: 'TLSv1.3', noDelay: true })}, (socket) => {
       socket.on('error', () => {}).pipe(socket);
     });
     server.listen(0, '127.0.0.1', () => console.log(server.address().port));`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { port: Number(line), [Symbol.dispose]: () => child.kill('SIGTERM') };
}

async function connected(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  return socket;
}

/** Round trips each second. */
async function pingPong(port: number, rounds: number): Promise<number> {
  const socket = await connected(port);
  const ping = Buffer.alloc(pingSize, 'p');
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    let left = rounds;
    let got = 0;
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      if (got < pingSize) return;
      got = 0;
      left -= 1;
      if (left === 0) resolve();
      else socket.write(ping);
    });
    socket.write(ping);
  });
  const rate = rounds / ((performance.now() - started) / 1000);
  socket.destroy();
  return rate;
}

/** MiB each second, there and back. */
async function bulk(port: number, bytes: number): Promise<number> {
  const socket = await connected(port);
  const piece = Buffer.alloc(pieceSize, 'b');
  const started = performance.now();
  const received = new Promise<void>((resolve, reject) => {
    let got = 0;
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      if (got === bytes) resolve();
    });
  });
  for (let sent = 0; sent < bytes; sent += piece.length)
    if (!socket.write(piece)) await once(socket, 'drain');
  await received;
  const rate = bytes / mebibyte / ((performance.now() - started) / 1000);
  socket.destroy();
  return rate;
}

export default {
  title: 'an echo server in a Keep over one of bare Node, both with TLS 1.3',
  measure,
} satisfies BenchModule;
