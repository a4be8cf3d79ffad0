// SPDX-License-Identifier: Apache-2.0
//
// Calls that must not wait: what has arrived is let in before a program is told, again and again, that there is nothing; and not once for every call.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Connection } from '../src/wasi/connection.ts';
import { FlatBuffer } from '../src/wasi/io-vectors.ts';
import { Listener } from '../src/wasi/listener.ts';
import type { Waiting } from '../src/wasi/waiting.ts';

const nonblock = 4;

function connection(): Connection {
  const made = new Connection({
    largest: 1,
    credit: 0,
    congested: false,
    send: () => undefined,
    grant: () => undefined,
    end: () => undefined,
    close: () => undefined,
  });
  made.flags = nonblock;
  return made;
}

/** Whether a call lets in what has arrived, before it says that there is nothing. */
function letsIn(call: () => number | object): boolean {
  let later: number | object;
  try {
    later = call();
  } catch (error) {
    assert.equal((error as Error).message, 'again');
    return false;
  }
  const waiting = later as Waiting<number>;
  assert.deepEqual(waiting.next(), { done: false, value: 0 });
  assert.throws(() => waiting.next(), { message: 'again' });
  return true;
}

test('a program that only ever tries lets in what has arrived with each call, whatever it tries', () => {
  const [one, listener] = [
    connection(),
    new Listener({ accepted: () => undefined, closed: () => undefined }),
  ];
  listener.flags = nonblock;
  const calls = {
    receive: () => one.receive(new FlatBuffer(new Uint8Array(1)), 0),
    send: () => one.send(new FlatBuffer(new Uint8Array(1))),
    accept: () => listener.accept(0),
  };
  for (const call of Object.values(calls)) {
    letsIn(call);
    for (let i = 0; i < 3; i += 1) assert.ok(letsIn(call));
  }
});

test('a call that finds nothing says so at once where another has let in what has arrived since it last did', () => {
  const [one, other] = [connection(), connection()];
  const receiving = (from: Connection) => (): number | object =>
    from.receive(new FlatBuffer(new Uint8Array(1)), 0);
  letsIn(receiving(one));
  letsIn(receiving(one));
  assert.ok(letsIn(receiving(one)));
  letsIn(receiving(other));
  assert.ok(letsIn(receiving(other)));
  assert.equal(letsIn(receiving(one)), false);
  assert.ok(letsIn(receiving(one)));
});

test('what has arrived is taken without a turn, also by a call for more than that', () => {
  const one = connection();
  one.push(Uint8Array.of(1, 2));
  const waitAll = 2;
  assert.equal(one.receive(new FlatBuffer(new Uint8Array(3)), waitAll), 2);
});
