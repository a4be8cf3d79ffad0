// SPDX-License-Identifier: Apache-2.0
//
// Stands in for wasmldr where a test needs a guest that does as it is told: it speaks the device and the channel, and
// nothing else. A client commands it through the channel; the first line says what to do.
import { spawn, spawnSync } from 'node:child_process';
import { createServer, Socket } from 'node:net';
import { execPath } from 'node:process';

import {
  encodeFrameHead,
  encodeMessage,
  evidence,
  decodeMessage,
  FrameReader,
  guestFrame,
  guestState,
  reportRequest,
  type Frame,
  type GuestState,
} from '@enarx/protocol';

const device = new Socket({ fd: 3, readable: true, writable: true });
const reader = new FrameReader();
const waiting: ((frame: Frame) => void)[] = [];

function send(kind: number, payload: Uint8Array): boolean {
  device.write(encodeFrameHead(kind, payload.length));
  return device.write(payload);
}

function state(word: GuestState['state']): void {
  send(guestFrame.state, encodeMessage(guestState, { state: word }));
}

function requestReport(fill: number): void {
  const message = encodeMessage(reportRequest, { 'report-data': new Uint8Array(64).fill(fill) });
  send(guestFrame.reportRequest, message);
}

/** Runs code in a Node without the permission model, as hostile code in a guest would: Node hands its permissions on to a child Node unless it finds that word among the arguments. */
function unconfined(code: string, ...args: string[]): Buffer {
  const { stdout, stderr } = spawnSync(execPath, ['--eval', code, '--', ...args, '--permission'], {
    env: {},
  });
  return stdout.length > 0 ? stdout : stderr;
}

const commands: Readonly<Record<string, (connection: Socket, rest: string) => void>> = {
  /** Everything comes back, the end included. */
  echo: (connection) => connection.pipe(connection),
  /** Speaks only when the other side has ended. */
  'after-end': (connection) => {
    let length = 0;
    connection.on('data', (chunk: Uint8Array) => (length += chunk.length));
    connection.on('end', () => connection.end(`${String(length)} bytes`));
  },
  /** Ends at once, and then tells on the device how much it still received. */
  'end-first': (connection) => {
    connection.end('done');
    connection
      .on('end', () => {
        state('claimed');
      })
      .resume();
  },
  claim: (connection) => {
    state('claimed');
    connection.end('claimed');
  },
  run: (connection) => {
    state('claimed');
    state('running');
    connection.end('running');
  },
  finish: (connection) => {
    state('claimed');
    state('running');
    state('exited');
    connection.end('last words');
    connection.on('close', () => process.exit(0));
  },
  /** One step further than `claim`, and one more. */
  proceed: (connection) => {
    state('running');
    connection.end('running');
  },
  conclude: (connection) => {
    state('exited');
    connection.end('exited');
  },
  /** Asks for evidence and passes the report on. */
  report: (connection) => {
    waiting.push(({ payload }) => connection.end(decodeMessage(evidence, payload).report));
    requestReport(7);
  },
  'flood-reports': (connection) => {
    connection.end('flooding');
    const flood = (): void => {
      for (let i = 0; i < 1000; i += 1) requestReport(i % 256);
      setImmediate(flood);
    };
    flood();
  },
  'flood-states': (connection) => {
    connection.end('flooding');
    for (let i = 0; i < 1000; i += 1) state('claimed');
  },
  garbage: (connection) => {
    connection.end('garbage');
    device.write(new Uint8Array(4096).fill(0xff));
  },
  oversized: (connection) => {
    connection.end('oversized');
    send(guestFrame.state, new Uint8Array(65_536));
  },
  skip: (connection) => {
    connection.end('skipped');
    state('exited');
  },
  /** A child that computes for ever and listens to nobody, as a runner may. */
  spin: (connection) => {
    const child = spawn(execPath, ['--eval', 'for (;;);'], { env: {}, stdio: 'ignore' });
    connection.end(String(child.pid));
  },
  /** Puts a link to another socket in the place of its own. The rest of the line is the target. */
  link: (connection, target) => {
    const code = `
      const { symlinkSync, unlinkSync } = require('node:fs');
      unlinkSync('channel.sock');
      symlinkSync(process.argv[1], 'channel.sock');
      process.stdout.write('linked');`;
    connection.end(unconfined(code, target));
  },
  /** Fills what it can write to, up to 64 MiB, and says how far it came. */
  fill: (connection) => {
    const code = `
      const { openSync, writeSync } = require('node:fs');
      const chunk = new Uint8Array(1 << 20);
      let written = 0;
      try {
        for (let i = 0; i < 64; i += 1) written += writeSync(openSync('fill-' + i, 'w'), chunk);
      } catch {}
      process.stdout.write(String(written));`;
    connection.end(unconfined(code));
  },
  /** Takes memory for as long as it is given any. */
  bomb: (connection) => {
    connection.end('ticking');
    const hoard: Buffer[] = [];
    const grow = (): void => {
      hoard.push(Buffer.alloc(33_554_432, 1));
      setImmediate(grow);
    };
    setTimeout(grow, 100);
  },
  pid: (connection) => connection.end(String(process.pid)),
  environment: (connection) => connection.end(JSON.stringify(process.env)),
  die: () => process.exit(3),
};

const server = createServer({ allowHalfOpen: true }, (connection) => {
  connection.on('error', () => undefined);
  connection.once('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    const end = text.indexOf('\n');
    const [word = '', rest = ''] = text.slice(0, end).split(' ');
    const command = commands[word];
    connection.pause();
    if (end + 1 < chunk.length) connection.unshift(chunk.subarray(end + 1));
    if (command === undefined) connection.destroy();
    else command(connection, rest);
    connection.resume();
  });
});

device.on('data', (chunk: Uint8Array) => {
  for (const frame of reader.push(chunk)) {
    if (frame.kind !== guestFrame.launch) waiting.shift()?.(frame);
    else
      server.listen('channel.sock', () => {
        state('ready');
      });
  }
});
device.on('end', () => process.exit(0));
