// SPDX-License-Identifier: Apache-2.0
//
// Visitors of a handler who mean it harm, or speak HTTP as few do, over the TLS of a real Keep. What they do has an answer or costs them their connection; others never notice.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

import { events } from './support/enarx.ts';
import { eventually, nothingRunsIn, processesOf } from './support/processes.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';
import { ask, dial, served, type Served } from './support/served-handler.ts';

const handler = join(
  import.meta.dirname,
  ...['..', 'packages', 'runtime', 'test', 'component', 'rust', 'handler.component.wasm'],
);
const mebibyte = 1_048_576;
let box: DisposableSandbox;
let keep: Served;

before(async () => {
  box = await sandbox();
  keep = await served(box, handler, ['--listen', '127.0.0.1:0']);
});
after(async () => {
  await keep[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

/** Another Keep, with limits of its own. */
function limited(limits: string): Promise<Served> {
  const config = box.path(`Enarx-${String(limits.length)}.toml`);
  const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`).join('');
  writeFileSync(
    config,
    `${streams}[[files]]\nkind = "listen"\nname = "https"\nport = 0\n[limits]\n${limits}`,
  );
  return served(box, handler, ['--config', config]);
}

/** All that comes until the other end has no more to say, or breaks off. */
async function rest(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close');
  return text;
}

/** Sends bytes as they are, and reads to the end. */
async function exchange(served: Served, sent: string): Promise<string> {
  const socket = await dial(served);
  const answer = rest(socket);
  socket.write(sent);
  return answer;
}

/** Status lines of the answers, in their order. */
function statuses(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);
}

async function answersOthers(): Promise<void> {
  assert.deepEqual(await ask(keep, '/count'), { status: 200, body: Buffer.from('1') });
}

const last = 'GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('a request of which two parties could make two', () => {
  const post = 'POST /echo HTTP/1.1\r\nHost: a\r\n';
  const shapes: Record<string, string> = {
    'with a length and chunks': `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'with chunks and a length': `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    'with two lengths': `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    'with two equal lengths': `${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`,
    'with a list of lengths': `${post}Content-Length: 5, 5\r\n\r\nabcde`,
    'with a length that has a sign': `${post}Content-Length: +5\r\n\r\nabcde`,
    'with a length in base 16': `${post}Content-Length: 0x5\r\n\r\nabcde`,
    'with a coding before which there is another': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'with a coding of another name': `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    'with a vertical tab before the coding': `${post}Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n`,
    'with a space before a colon': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    'with a folded field': `${post}X-A: b\r\n Content-Length: 5\r\n\r\n`,
    'with a field folded at the start': `POST /echo HTTP/1.1\r\n Host: a\r\n\r\n`,
    'with a bare line feed after a field': `${post}X-A: b\nContent-Length: 5\r\n\r\nabcde`,
    'with a bare carriage return in a field': `${post}X-A: b\rContent-Length: 5\r\n\r\nabcde`,
    'with a NUL in a field': `${post}X-A: b\0c\r\nContent-Length: 5\r\n\r\nabcde`,
    'with a chunk whose size is too large': `${post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
    'with a chunk whose size has a sign': `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\n`,
    'with a chunk whose size is no number': `${post}Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n`,
    'with a chunk that is longer than it says': `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n`,
    'with a bare line feed after a chunk': `${post}Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n`,
    'without a host': 'GET /count HTTP/1.1\r\n\r\n',
    'of another version': 'GET /count HTTP/3.7\r\nHost: a\r\n\r\n',
    'with a preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'with a target that is none': 'GET count HTTP/1.1\r\nHost: a\r\n\r\n',
  };
  for (const [shape, text] of Object.entries(shapes)) {
    test(`${shape} is refused, and nothing that follows it on the connection is answered`, async () => {
      const answer = await exchange(keep, text + last);
      const found = statuses(answer);
      assert.ok(found.length <= 1 && found.every((status) => status.startsWith('4')), answer);
      assert.doesNotMatch(answer, /\r\n\r\n1$/);
    });
  }

  test('goes through where there is only one way to read it: chunks with extensions', async () => {
    const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n5;name=value\r\nabcde\r\n0;last\r\n\r\n${last}`;
    const answer = await exchange(keep, chunked);
    assert.deepEqual(statuses(answer), ['200', '200']);
    assert.match(answer, /abcde/);
  });

  test('whose extensions of chunks have no end is refused', async () => {
    const answer = await exchange(
      keep,
      `${post}Transfer-Encoding: chunked\r\n\r\n5;${'a'.repeat(40_000)}\r\nabcde\r\n0\r\n\r\n${last}`,
    );
    assert.ok(!statuses(answer).slice(1).includes('200'), answer);
    assert.match(answer, /413|^$|^HTTP\/1\.1 200 [^]*(?<!0\r\n\r\n)$/);
    await answersOthers();
  });
});

describe('a request as few send it', () => {
  test('that waits for 100 Continue gets it before its body is sent', async () => {
    const socket = await dial(keep);
    socket.write(
      'POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 100 Continue\r\n\r\n/);
    const answer = rest(socket);
    socket.write('abcde');
    assert.match(first.toString() + (await answer), /HTTP\/1\.1 200 OK\r\n[^]*abcde/);
  });

  test('that expects something else is refused', async () => {
    const answer = await exchange(
      keep,
      'GET /count HTTP/1.1\r\nHost: a\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n',
    );
    assert.deepEqual(statuses(answer), ['417']);
  });

  test('with HEAD gets the head alone, and the connection stays in step', async () => {
    const answer = await exchange(keep, `HEAD /bytes/1000 HTTP/1.1\r\nHost: a\r\n\r\n${last}`);
    assert.deepEqual(statuses(answer), ['200', '200']);
    assert.doesNotMatch(answer, /xxx/);
    assert.match(answer, /\r\n\r\n1$/);
  });

  test('whose answer may have no body gets none, whatever the handler writes', async () => {
    for (const status of ['204', '205', '304']) {
      const answer = await exchange(keep, `GET /status/${status} HTTP/1.1\r\nHost: a\r\n\r\n${last}`);
      assert.deepEqual(statuses(answer), [status, '200'], answer);
      if (status !== '205') assert.doesNotMatch(answer, /a body that/);
      assert.match(answer, /\r\n\r\n1$/);
    }
  });

  test('with trailers gets them back', async () => {
    const answer = await exchange(
      keep,
      'POST /echo HTTP/1.1\r\nHost: a\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n',
    );
    assert.match(answer, /abc\r\n0\r\nx-sum: 7\r\n\r\n$/i);
  });

  test('to change to another protocol is answered in this one', async () => {
    for (const upgrade of ['websocket', 'h2c'])
      assert.deepEqual(
        statuses(
          await exchange(
            keep,
            `GET /count HTTP/1.1\r\nHost: a\r\nUpgrade: ${upgrade}\r\nConnection: Upgrade, close\r\n\r\n`,
          ),
        ),
        ['200'],
      );
  });

  test('whose target is absolute goes by that, and not by the field', async () => {
    const answer = await exchange(
      keep,
      'GET https://b.example:8443/show/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /path Some\("\/show\/x\?y"\)/);
    assert.match(answer, /authority Some\("b\.example:8443"\)/);
  });

  test('for a tunnel is refused', async () => {
    assert.deepEqual(
      statuses(await exchange(keep, 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n')),
      ['501'],
    );
    await answersOthers();
  });

  test('of a client that says no more afterwards is answered all the same', async () => {
    const raw = connectPlain({ port: keep.port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connect({ socket: raw, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    let answer = '';
    socket.setEncoding('latin1').on('data', (piece: string) => (answer += piece));
    socket.end('GET /late/400 HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'end');
    socket.destroy();
    assert.match(answer, /\r\n\r\nat last$/);
  });
});

describe('many requests', () => {
  test('on one connection, ten thousand, are answered in their order', { timeout: 240_000 }, async () => {
    const count = 10_000;
    const batch = 20;
    const socket = await dial(keep);
    let found = 0;
    let tail = '';
    const done = Promise.withResolvers<undefined>();
    const send = (number: number): void => {
      socket.write(
        Array.from(
          { length: batch },
          (_, at) => `GET /status/${String(200 + ((number + at) % 4))} HTTP/1.1\r\nHost: a\r\n\r\n`,
        ).join(''),
      );
    };
    socket.setEncoding('latin1').on('data', (piece: string) => {
      tail += piece;
      for (;;) {
        const [whole, status] = /HTTP\/1\.1 (\d{3}) [^]*?(?=HTTP\/1\.1 )/.exec(tail) ?? [];
        if (whole === undefined) break;
        assert.equal(status, String(200 + (found % 4)));
        tail = tail.slice(whole.length);
        found += 1;
        // The last of a batch is seen to be whole when the next begins, so that one batch is always ahead.
        if (found % batch === 1 && found + batch < count) send(found - 1 + batch);
      }
      if (found === count - 1) done.resolve(undefined);
    });
    socket.on('close', () => {
      done.reject(new Error(`closed after ${String(found)}`));
    });
    send(0);
    await done.promise;
    socket.destroy();
    await answersOthers();
  });

  test('that come at once on one connection take one place, and others do not wait for all of them', async () => {
    await using one = await limited('requests = 2\n');
    const socket = await dial(one);
    const answers = rest(socket);
    socket.write('GET /late/300 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(9));
    socket.write('GET /late/300 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await delay(100);
    const began = performance.now();
    assert.equal((await ask(one, '/count')).status, 200);
    assert.ok(performance.now() - began < 1500);
    assert.deepEqual(statuses(await answers), new Array<string>(10).fill('200'));
  });

  test('that nobody could keep in mind cost their client the connection', async () => {
    const socket = await dial(keep);
    const answers = rest(socket);
    const long = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n';
    socket.write(long + 'x'.repeat(2_000_000) + 'GET /late/9000 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(60_000));
    await delay(500);
    await answersOthers();
    socket.destroy();
    await answers;
    await answersOthers();
  });

  test('more than are answered at once wait for their turn', async () => {
    const slow = Array.from({ length: 17 }, () => ask(keep, '/late/1000'));
    assert.ok((await Promise.all(slow)).every(({ status }) => status === 200));
  });
});

describe('a visitor who', () => {
  test('never gets his head done is told so, and his connection taken', { timeout: 90_000 }, async () => {
    await using quick = await limited('request = "1s"\n');
    const socket = await dial(quick);
    const answer = rest(socket);
    socket.write('GET /count HTTP/1.1\r\nHost: a\r\nX: ');
    const dribble = setInterval(() => socket.writable && socket.write('b'), 100);
    assert.deepEqual(statuses(await answer), ['408']);
    clearInterval(dribble);
  });

  test('stops in the middle of his body loses his place', async () => {
    await using quick = await limited('request = "1s"\nrequests = 1\n');
    const socket = await dial(quick);
    const answer = rest(socket);
    socket.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nnot all');
    assert.doesNotMatch(await answer, /\r\n0\r\n\r\n$/);
    assert.equal((await ask(quick, '/count')).status, 200);
  });

  test('breaks off in the middle of his answer frees his place long before his time is over', async () => {
    await using narrow = await limited('requests = 1\n');
    for (const path of ['/bytes/3000000000', '/early/50000', '/late/50000']) {
      const raw = connectPlain(narrow.port, '127.0.0.1');
      const socket = connect({ socket: raw, rejectUnauthorized: false });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      if (path.startsWith('/late')) await delay(300);
      else await once(socket, 'data');
      raw.resetAndDestroy();
      const began = performance.now();
      assert.equal((await ask(narrow, '/count')).status, 200);
      assert.ok(performance.now() - began < 20_000, path);
    }
  });
});

test(
  'an answer of a gigabyte grows neither the program nor what carries it',
  { timeout: 300_000 },
  async () => {
    const size = (process.env['ENARX_LONG'] === '1' ? 1024 : 256) * mebibyte;
    const socket = await dial(keep);
    const mine = processesOf(box.root).filter(({ program }) => /^(runner|wasmldr)$/.test(program));
    assert.deepEqual(mine.map(({ program }) => program).sort(), ['runner', 'wasmldr']);
    const resident = (): number[] =>
      mine.map(
        ({ id }) =>
          Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(id)}/status`, 'latin1'))?.[1]) * 1024,
      );
    let length = 0;
    let peak: number[] = [0, 0];
    const before = resident();
    const watch = setInterval(() => {
      peak = resident().map((bytes, index) => Math.max(bytes, peak[index] ?? 0));
    }, 100);
    socket.write(`GET /bytes/${String(size)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    for await (const piece of socket) length += (piece as Buffer).length;
    clearInterval(watch);
    assert.ok(length > size);
    for (const [index, { program }] of mine.entries())
      assert.ok(
        (peak[index] ?? 0) < (before[index] ?? 0) + 96 * mebibyte,
        `${program}: ${String(before[index])} to ${String(peak[index])}`,
      );
  },
);

test('a handler that computes without end cuts off all at once, and its owner is told of the limit', async () => {
  await using short = await limited('request = "1s"\n');
  const waiting = await dial(short);
  const cut = rest(waiting);
  waiting.write('GET /early/60000 HTTP/1.1\r\nHost: a\r\n\r\n');
  await delay(300);
  const began = performance.now();
  await assert.rejects(ask(short, '/spin'));
  const answer = await cut;
  assert.ok(performance.now() - began < 15_000);
  // The head has come, and no end of the body: nobody takes it for whole.
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.doesNotMatch(answer, /0\r\n\r\n$/);
  const { status, stderr } = await short.running.ended;
  assert.equal(status, 137);
  const ended = events(stderr).find(({ event }) => event === 'ended');
  assert.deepEqual([ended?.['how'], ended?.['limit'], ended?.['value']], ['limit', 'request', 1000], stderr);
  await eventually('a refused connection', async () => {
    try {
      (await dial(short)).destroy();
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    }
  });
});
