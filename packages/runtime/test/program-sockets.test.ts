// SPDX-License-Identifier: Apache-2.0
//
// What a program's end of its connections puts on the link: frames of 64 KiB, and credit that rides along with them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { FrameReader, type Frame } from '@enarx/protocol';

import { SupervisorLink } from '../src/runner/link.ts';
import { ProgramSockets } from '../src/runner/sockets.ts';
import {
  longestLinkPayload,
  readSocketHead,
  runnerFrame,
  socketHead,
  socketWindow,
  writeSocketHead,
} from '../src/runner-frames.ts';
import { FlatBuffer } from '../src/wasi/io-vectors.ts';

const piece = 65_536;
const number = 7;

class RecordedLink extends SupervisorLink {
  readonly congested = false;
  readonly frames: Frame[] = [];
  readonly #reader = new FrameReader(undefined, longestLinkPayload);

  protected transmit(frame: Uint8Array): void {
    this.frames.push(...this.#reader.push(frame));
  }
}

function connected() {
  const link = new RecordedLink({
    frame: () => undefined,
    room: () => undefined,
    writable: () => undefined,
    closed: () => undefined,
  });
  const sockets = new ProgramSockets(link);
  const connection = sockets.connection(number);
  return {
    connection,
    /** What the supervisor sends: so many bytes, and credit with them. */
    arrive: (bytes: number, credit = 0) => {
      const payload = new Uint8Array(socketHead + bytes);
      writeSocketHead(payload, 0, number, credit);
      sockets.receive({ kind: runnerFrame.socketData, payload });
    },
    take: (bytes: number) => connection.receive(new FlatBuffer(new Uint8Array(bytes)), 0),
    send: (bytes: number) => connection.send(new FlatBuffer(new Uint8Array(bytes))),
    /** What went out since the last time: kind, bytes of data, credit along with them. */
    sent: () =>
      link.frames
        .splice(0)
        .map(({ kind, payload }) =>
          kind === runnerFrame.socketData
            ? [kind, payload.length - socketHead, readSocketHead(payload).credit]
            : [kind],
        ),
  };
}

suite('the program’s end of a connection', () => {
  test('sends 64 KiB in one frame, and a window before it is granted more', () => {
    const { connection, send, sent, arrive } = connected();
    connection.flags = 4;
    for (let left = socketWindow; left > 0; left -= piece) assert.equal(send(piece), piece);
    assert.equal(sent().length, socketWindow / piece);
    assert.equal(connection.readiness('write'), undefined);
    arrive(1, 10);
    assert.equal(send(piece), 10);
    assert.deepEqual(sent(), [[runnerFrame.socketData, 10, 0]]);
  });

  test('gives back what the program has taken with what it sends next, once', () => {
    const { take, send, sent, arrive } = connected();
    arrive(1000);
    assert.equal(take(600), 600);
    assert.deepEqual(sent(), []);
    send(5);
    send(5);
    assert.deepEqual(sent(), [
      [runnerFrame.socketData, 5, 600],
      [runnerFrame.socketData, 5, 0],
    ]);
  });

  test('gives back half a window by itself, so that one who only reads is never waited for', () => {
    const { take, sent, arrive } = connected();
    let credited = 0;
    for (let i = 0; i < 3 * (socketWindow / piece); i += 1) {
      arrive(piece);
      take(piece);
      const frames = sent();
      for (const [kind] of frames) assert.equal(kind, runnerFrame.socketCredit);
      credited += frames.length;
    }
    assert.equal(credited, 6);
  });

  test('gives back what arrives for a program that reads no more', () => {
    const { connection, sent, arrive } = connected();
    arrive(piece);
    connection.shutdown(1);
    arrive(piece);
    assert.deepEqual(sent(), [[runnerFrame.socketCredit]]);
  });
});
