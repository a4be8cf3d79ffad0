// SPDX-License-Identifier: Apache-2.0
//
// How the supervisor's end of a connection cuts what comes, in which order it tells of it, and what it holds meanwhile.
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { suite, test } from 'node:test';

import { Carried } from '../src/carried.ts';
import { socketWindow } from '../src/runner-frames.ts';

const record = 16_384;

interface Carrying {
  readonly stream: Duplex;
  readonly carried: Carried;
  /** What it said, in order: pieces of data by their length and first byte, and words. */
  readonly said: string[];
  /** Credit that went out, by itself (`granted`) or along with data. */
  readonly credit: number[];
  /** Called to hold the connection up. */
  full: boolean;
}

function carrying(): Carrying {
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => undefined,
    write: (_chunk, _encoding, written) => {
      written();
    },
  });
  const said: string[] = [];
  const credit: number[] = [];
  const it: { full: boolean } = { full: false };
  const carried = new Carried(stream, {
    data: (length) => {
      const target = new Uint8Array(3 + length);
      const owed = carried.owed();
      if (owed > 0) credit.push(owed);
      carried.take(target, 3);
      said.push(`${String(length)} of ${String(target[3])} to ${String(target.at(-1))}`);
      return !it.full;
    },
    granted: (bytes) => credit.push(bytes),
    ended: () => said.push('ended'),
    broken: () => said.push('broken'),
  });
  return Object.assign(it, { stream, carried, said, credit });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (): Promise<void> => {
  for (let i = 0; i < 3; i += 1) await turn();
};

suite('the supervisor’s end of a connection', () => {
  test('gathers the records of one turn to a frame, and keeps their order', async () => {
    const { stream, said } = carrying();
    await turns();
    for (let i = 1; i <= 5; i += 1) stream.push(Buffer.alloc(record, i));
    assert.deepEqual(said, ['65536 of 1 to 4']);
    await turns();
    assert.deepEqual(said, ['65536 of 1 to 4', '16384 of 5 to 5']);
  });

  test('passes on at once what is no full record, with all that came before', async () => {
    const { stream, said } = carrying();
    await turns();
    stream.push(Buffer.alloc(record, 1));
    stream.push(Buffer.alloc(64, 2));
    stream.push(Buffer.alloc(64, 3));
    assert.deepEqual(said, ['16448 of 1 to 2', '64 of 3 to 3']);
  });

  test('says that it has ended or is broken after the last byte, also of what is gathered', async () => {
    const ending = carrying();
    await turns();
    ending.stream.push(Buffer.alloc(record, 1));
    ending.stream.push(null);
    await turns();
    assert.deepEqual(ending.said, ['16384 of 1 to 1', 'ended']);
    const breaking = carrying();
    await turns();
    breaking.stream.push(Buffer.alloc(record, 1));
    breaking.stream.destroy(new Error('reset'));
    await turns();
    assert.deepEqual(breaking.said, ['16384 of 1 to 1', 'broken']);
  });

  test('tells nothing of what is gathered once the program has closed it', async () => {
    const { stream, carried, said } = carrying();
    await turns();
    stream.push(Buffer.alloc(record, 1));
    carried.retire();
    await turns();
    assert.deepEqual(said, []);
  });

  test('sends no more than a window, cut at its last byte, and pauses its stream until it is granted more', async () => {
    const { stream, carried, said } = carrying();
    await turns();
    for (let i = 0; i < 6; i += 1) stream.push(Buffer.alloc(50_000, i));
    await turns();
    const sent = (): number => said.reduce((sum, piece) => sum + Number.parseInt(piece, 10), 0);
    assert.equal(sent(), socketWindow);
    assert.equal(said.at(-1), `${String(socketWindow - 250_000)} of 5 to 5`);
    assert.ok(stream.isPaused());
    carried.grant(1);
    assert.equal(sent(), socketWindow + 1);
    carried.grant(40_000);
    assert.equal(sent(), 300_000);
    assert.ok(!stream.isPaused());
  });

  test('that is held up sends nothing before it is told to carry on', async () => {
    const it = carrying();
    await turns();
    it.full = true;
    it.stream.push(Buffer.alloc(100, 1));
    it.stream.push(Buffer.alloc(100, 2));
    await turns();
    assert.deepEqual(it.said, ['100 of 1 to 1']);
    it.full = false;
    it.carried.carry();
    await turns();
    assert.deepEqual(it.said, ['100 of 1 to 1', '100 of 2 to 2']);
  });

  test('gives back the credit of what is written with the next data, and by itself from half a window on', async () => {
    const { stream, carried, credit } = carrying();
    carried.send(Buffer.alloc(1000));
    await turns();
    assert.deepEqual(credit, []);
    stream.push(Buffer.alloc(1));
    await turns();
    assert.deepEqual(credit, [1000]);
    carried.send(Buffer.alloc(socketWindow / 2));
    await turns();
    assert.deepEqual(credit, [1000, socketWindow / 2]);
    // Nothing is given back twice: a whole window may be sent again, and no more.
    carried.send(Buffer.alloc(socketWindow));
    assert.throws(
      () => {
        carried.send(Buffer.alloc(1));
      },
      { code: 'runner/misbehaved' },
    );
  });
});
