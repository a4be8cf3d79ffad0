// SPDX-License-Identifier: Apache-2.0
//
// An echo server in C in a Keep over an echo server of bare Node, both with TLS 1.3 on loopback, each in a process of its own; and over a chain of bare Node
// processes with as many hops as a Keep's isolation asks for: a relay, one that does TLS, one that echoes. The client is the same.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';

import { createKeepCertificate } from '@enarx/channel';

import { inPairs, type Pairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';
import { examples, servedInKeep, servedInNode, type Served } from '../served.ts';

const mebibyte = 1_048_576;
const pingSize = 64;
const pieceSize = 65_536;

const echo = `(socket) => { socket.on('error', () => {}).pipe(socket); }`;

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    using keep = await inKeep(directory);
    using node = await servedInNode('node:tls', echo, directory);
    using chain = await inChain(directory);
    const samples = short ? 3 : 11;
    const rounds = short ? 500 : 3000;
    const bytes = (short ? 16 : 64) * mebibyte;
    const against = async (other: Served, rate: (port: number) => Promise<number>): Promise<Pairs> =>
      inPairs(
        samples,
        () => rate(keep.port),
        () => rate(other.port),
      );
    const row = (id: string, goal: number, unit: string, pairs: Pairs): BenchRow => ({
      id,
      goal,
      better: 'higher',
      ratio: pairs.ratio,
      samples: pairs.samples,
      detail: `${pairs.subject.toFixed(0)}${unit} over ${pairs.baseline.toFixed(0)}${unit}`,
    });
    const pings = (port: number): Promise<number> => pingPong(port, rounds);
    const bulks = (port: number): Promise<number> => bulk(port, bytes);
    return [
      row('sockets-ping-pong', 0.5, '/s', await against(node, pings)),
      row('sockets-bulk', 0.8, ' MiB/s', await against(node, bulks)),
      row('sockets-ping-pong-of-hops', 0.9, '/s', await against(chain, pings)),
      row('sockets-bulk-of-hops', 0.9, ' MiB/s', await against(chain, bulks)),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function inKeep(directory: string): Promise<Served> {
  const config = join(directory, 'Enarx.toml');
  const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`);
  writeFileSync(config, `${streams.join('')}[[files]]\nkind = "listen"\nname = "echo"\nport = 0\n`);
  return servedInKeep(['--config', config, join(examples, 'echo', 'echo.wasm')], directory);
}

const relaying = `
  import { connect, createServer } from 'node:net';
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const inner = connect({ path: process.argv[2], allowHalfOpen: true });
    client.on('error', () => {}).on('close', () => inner.destroy());
    inner.on('error', () => {}).on('close', () => client.destroy());
    client.pipe(inner).pipe(client);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
const decrypting = `
  import { spawn } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { createServer } from 'node:net';
  import { createServer as createTlsServer } from 'node:tls';
  const [path, options, echo] = process.argv.slice(2);
  const tls = createTlsServer(JSON.parse(readFileSync(options)), (socket) => {
    const child = spawn(process.execPath, [echo], { env: {}, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    const link = child.stdio[3];
    link.on('error', () => {});
    socket.on('error', () => {}).on('close', () => child.kill());
    socket.pipe(link).pipe(socket);
  });
  createServer({ allowHalfOpen: true }, (socket) => tls.emit('connection', socket)).listen(path, () => console.log('ready'));`;
const echoing = `
  import { Socket } from 'node:net';
  const link = new Socket({ fd: 3, readable: true, writable: true });
  link.on('error', () => {}).on('close', () => process.exit());
  link.pipe(link);`;

/** What no program in three processes can be faster than with Node's streams: no frames, no limits, no WebAssembly. */
async function inChain(directory: string): Promise<Served> {
  const { key, certificate: cert } = await createKeepCertificate(new Uint8Array(16));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const path = join(directory, 'chain.sock');
  const options = file(
    'chain.json',
    JSON.stringify({ key, cert, minVersion: 'TLSv1.3', allowHalfOpen: true }),
  );
  const start = async (...args: string[]): Promise<{ readonly line: string; readonly end: () => void }> => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return { line, end: () => child.kill('SIGTERM') };
  };
  const tls = await start(file('tls.mjs', decrypting), path, options, file('echo-link.mjs', echoing));
  const relay = await start(file('relay.mjs', relaying), path);
  return {
    port: Number(relay.line),
    [Symbol.dispose]: () => {
      relay.end();
      tls.end();
    },
  };
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
  title:
    'an echo server in a Keep over one of bare Node, and over bare processes with as many hops; all with TLS 1.3',
  measure,
} satisfies BenchModule;
