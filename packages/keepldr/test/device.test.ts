// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  decodeProblem,
  encodeFrameHead,
  encodeMessage,
  evidence,
  guestFrame,
  guestLaunch,
  guestState,
  reportRequest,
  type Evidence,
  type GuestState,
} from '@enarx/protocol';

import { serveDevice } from '../src/backends/device.ts';
import { GuestSockets } from '../src/sockets/guest-sockets.ts';
import { connectedPair, eventually, ownDirectory } from './support/sockets.ts';

const launch = { id: new Uint8Array(16).fill(9), tee: 'sim' } as const;

interface Served extends Disposable {
  readonly guest: Socket;
  readonly frames: FrameStream;
  readonly words: string[];
  readonly reports: () => number;
  readonly done: Promise<void>;
}

async function served(
  report: (data: Uint8Array) => Promise<Evidence> = (data) =>
    Promise.resolve({ format: 'snp', report: data, endorsements: new Uint8Array(0) }),
): Promise<Served> {
  const directory = ownDirectory();
  const [guest, host] = await connectedPair(directory.path);
  const words: string[] = [];
  let reports = 0;
  const done = serveDevice(host, launch, {
    state: (word) => words.push(word),
    report: (data) => {
      reports += 1;
      return report(data);
    },
    sockets: new GuestSockets({ listen: [], dial: [] }),
  });
  done.catch(() => undefined);
  return {
    guest,
    frames: new FrameStream(guest),
    words,
    reports: () => reports,
    done,
    [Symbol.dispose]: () => {
      guest.destroy();
      host.destroy();
      directory[Symbol.dispose]();
    },
  };
}

function say(link: Served, state: GuestState['state']): Promise<void> {
  return link.frames.send(guestFrame.state, encodeMessage(guestState, { state }));
}

const request = (fill: number): Uint8Array =>
  encodeMessage(reportRequest, { 'report-data': new Uint8Array(64).fill(fill) });

test('a guest is told which Keep it is, reports its states and is given evidence over its own report data', async () => {
  using link = await served();
  const first = await link.frames.read();
  assert.equal(first?.kind, guestFrame.launch);
  assert.deepEqual({ ...decodeMessage(guestLaunch, first.payload) }, launch);
  await say(link, 'ready');
  await link.frames.send(guestFrame.reportRequest, request(3));
  const answer = await link.frames.read();
  assert.equal(answer?.kind, guestFrame.evidence);
  assert.deepEqual(decodeMessage(evidence, answer.payload).report, new Uint8Array(64).fill(3));
  for (const word of ['claimed', 'running', 'exited'] as const) await say(link, word);
  link.frames.end();
  await link.done;
  assert.deepEqual(link.words, ['ready', 'claimed', 'running', 'exited']);
});

test('a processor that gives no report is told to the guest as a problem, and the next request is answered', async () => {
  let asked = 0;
  using link = await served(() => {
    asked += 1;
    if (asked === 1) return Promise.reject(new Error('the processor is busy'));
    return Promise.resolve({ format: 'snp', report: new Uint8Array(1), endorsements: new Uint8Array(0) });
  });
  await link.frames.read();
  await link.frames.send(guestFrame.reportRequest, request(0));
  const refused = await link.frames.read();
  assert.equal(refused?.kind, guestFrame.problem);
  assert.equal(decodeProblem(refused.payload).code, 'keepldr/report-failed');
  await link.frames.send(guestFrame.reportRequest, request(0));
  assert.equal((await link.frames.read())?.kind, guestFrame.evidence);
});

test('a step that is no step forwards ends the guest', async () => {
  for (const [way, wrong] of [
    [[], 'claimed'],
    [['ready'], 'ready'],
    [['ready'], 'exited'],
    [['ready', 'claimed'], 'ready'],
    [['ready', 'claimed', 'running', 'exited'], 'failed'],
    [['failed'], 'ready'],
  ] as const) {
    using link = await served();
    for (const word of way) await say(link, word);
    await say(link, wrong);
    await assert.rejects(link.done, { code: 'keepldr/guest-misbehaved' }, `${wrong} after ${way.join()}`);
    assert.deepEqual(link.words, way);
  }
});

test('whatever is no frame of this protocol ends the guest', async () => {
  const frame = (kind: number, payload: Uint8Array): Buffer =>
    Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
  const wrong: Readonly<Record<string, Uint8Array>> = {
    'bytes that are no frame': Buffer.alloc(4096, 0xff),
    'a kind that only the host sends': frame(guestFrame.evidence, new Uint8Array(0)),
    'a kind that nobody sends': frame(23, new Uint8Array(0)),
    'a state of 64 KiB': frame(guestFrame.state, new Uint8Array(65_536)),
    'a state that is no CBOR': frame(guestFrame.state, Buffer.from('ready')),
    'a state that a guest may not report': frame(
      guestFrame.state,
      Buffer.concat([
        Uint8Array.of(0xa1, 0x65),
        Buffer.from('state'),
        Uint8Array.of(0x69),
        Buffer.from('launching'),
      ]),
    ),
    'report data of 63 bytes': frame(
      guestFrame.reportRequest,
      Buffer.concat([
        Uint8Array.of(0xa1, 0x6b),
        Buffer.from('report-data'),
        Uint8Array.of(0x58, 63),
        new Uint8Array(63),
      ]),
    ),
    'a payload that announces 2^40 bytes': Uint8Array.of(0x82, 0x01, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0),
  };
  for (const [name, bytes] of Object.entries(wrong)) {
    using link = await served();
    link.guest.write(bytes);
    await assert.rejects(link.done, { code: 'keepldr/guest-misbehaved' }, name);
    assert.deepEqual(link.words, [], name);
  }
});

test('a guest that floods with requests waits in its own socket, and the processor is asked at its pace', async () => {
  using link = await served();
  let written = 0;
  const began = performance.now();
  await eventually('the guest is held back', () => {
    for (let i = 0; i < 500 && link.guest.writableLength < 1 << 20; i += 1) {
      written += 1;
      void link.frames.send(guestFrame.reportRequest, request(1)).catch(() => undefined);
    }
    return link.guest.writableLength >= 1 << 20;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const seconds = (performance.now() - began) / 1000;
  assert.ok(written > 5000);
  assert.ok(link.reports() <= 64 + 32 * seconds + 1, `${String(link.reports())} in ${seconds.toFixed(2)} s`);
  assert.ok(link.reports() >= 64);
});

test('a guest that closes its device without a word is no error: its exit tells', async () => {
  using link = await served();
  link.guest.destroy();
  await link.done;
  assert.deepEqual(link.words, []);
});
