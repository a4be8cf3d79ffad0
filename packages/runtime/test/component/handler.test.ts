// SPDX-License-Identifier: Apache-2.0
//
// A component in Rust answers HTTP requests of Node's own client.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { packageOfTree } from '../files-of.ts';
import { readAll } from '../../../../test/support/loopback-network.ts';
import { runToEnd } from '../support.ts';
import { ask, handler, said, serving, type Answer } from './serving.ts';
import { delivered } from './support.ts';

function problem({ status, body, headers }: Answer): unknown {
  assert.equal(headers['content-type'], 'application/problem+json');
  const { type, status: stated } = JSON.parse(body.toString()) as {
    readonly type: string;
    readonly status: number;
  };
  assert.equal(stated, status);
  return [status, type];
}

describe('a component that answers requests', () => {
  test('sees method, target, authority and headers as they were sent, and answers', async () => {
    await using server = await serving(handler);
    const text = await said(server.port, '/show/a?b=%20', {
      method: 'OPTIONS',
      headers: { Host: 'keep.example:8443', 'X-One': ['a', 'b'], Connection: 'keep-alive', TE: 'trailers' },
    });
    assert.deepEqual(text.split('\n'), [
      'method Method::Options',
      'path Some("/show/a?b=%20")',
      'scheme Some(Scheme::Http)',
      'authority Some("keep.example:8443")',
      'X-One: a',
      'X-One: b',
      'immutable Err(HeaderError::Immutable)',
    ]);
    assert.match(await said(server.port, '/show', { method: 'PURGE' }), /^method Method::Other\("PURGE"\)/);
  });

  test('streams both ways at once, in order, and hands trailers on', async () => {
    await using server = await serving(handler);
    const body = randomBytes(3_000_000);
    const answer = await ask(server.port, '/echo', {
      body,
      headers: { 'content-type': 'application/x-random' },
      trailers: { 'X-Sum': 'abc' },
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/x-random');
    assert.equal(Buffer.compare(answer.body, body), 0);
    assert.equal(answer.trailers['x-sum'], 'abc');
  });

  test('is an instance of its own for each request, also on one connection', async () => {
    await using server = await serving(handler);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i += 1) assert.equal(await said(server.port, '/count', { agent }), '1');
    agent.destroy();
  });

  test('is suspended while it waits, and others are answered meanwhile', async () => {
    await using server = await serving(handler);
    const slow = said(server.port, '/late/1500');
    let done = false;
    void slow.then(() => (done = true));
    for (let i = 0; i < 5; i += 1) assert.equal(await said(server.port, '/count'), '1');
    assert.equal(done, false);
    assert.equal(await slow, 'at last');
  });

  test('may send its head long before its body', async () => {
    await using server = await serving(handler);
    await said(server.port, '/count');
    const began = performance.now();
    const headAfter = await new Promise<number>((resolve, reject) => {
      const sending = request({ port: server.port, path: '/early/1500', agent: false }, (message) => {
        resolve(performance.now() - began);
        message.resume();
      });
      sending.on('error', reject).end();
    });
    assert.ok(headAfter < 1200, `${String(headAfter)} ms`);
  });

  test('finds what was carried into the Keep, and its environment', async () => {
    await using server = await serving(handler, {
      files: [
        { kind: 'null' },
        { kind: 'stdout' },
        { kind: 'stderr' },
        { kind: 'listen', prot: 'tcp', port: 0 },
        { kind: 'directory', path: '/data', name: '/data' },
      ],
      package: packageOfTree({ '/data/a.txt': 'A' }),
    });
    assert.equal(await said(server.port, '/read/data/a.txt'), 'A');
  });

  test('has an answer without a body, and one to HEAD', async () => {
    await using server = await serving(handler);
    const none = await ask(server.port, '/nothing');
    assert.deepEqual([none.status, none.headers['content-length'], none.body.length], [404, '0', 0]);
    const head = await ask(server.port, '/bytes/1000', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
  });

  test('is refused fields that would change the message', async () => {
    await using server = await serving(handler);
    assert.equal(
      await said(server.port, '/fields'),
      '[Err(HeaderError::InvalidSyntax), Err(HeaderError::InvalidSyntax), Err(HeaderError::Forbidden), Ok(())]',
    );
  });

  test('waits for a client that reads slowly, and holds no more than windows of it', async () => {
    await using server = await serving(handler, { limits: { memory: 67_108_864 } });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /bytes/300000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    socket.pause();
    await delay(300);
    assert.equal(await said(server.port, '/count'), '1');
    let length = 0;
    for await (const chunk of socket) length += (chunk as Buffer).length;
    assert.ok(length > 300_000_000);
  });
});

describe('a handler that does what it should not', () => {
  test('traps: its client gets 500, its owner the trap, and the next request its answer', async () => {
    await using server = await serving(handler);
    assert.deepEqual(problem(await ask(server.port, '/trap')), [500, 'urn:enarx:handler/trapped']);
    assert.equal(await said(server.port, '/count'), '1');
    server.started.run.kill();
    const { stderr } = await server.started.finished;
    assert.match(stderr.toString(), /on purpose/);
    assert.match(stderr.toString(), /^handler trapped: unreachable at function\[\d+\]:0x[0-9a-f]+/m);
  });

  test('returns or exits without a response: 500', async () => {
    await using server = await serving(handler);
    assert.deepEqual(problem(await ask(server.port, '/silent')), [500, 'urn:enarx:handler/no-response']);
    assert.deepEqual(problem(await ask(server.port, '/exit')), [500, 'urn:enarx:handler/no-response']);
  });

  test('answers with an error: the status that fits it', async () => {
    await using server = await serving(handler);
    const answer = await ask(server.port, '/error');
    assert.deepEqual(problem(answer), [403, 'urn:enarx:handler/failed']);
    assert.match(answer.body.toString(), /"code":"HTTP-request-denied"/);
  });

  test('waits for ever: 504 when its time is over, and its place is free again', async () => {
    await using server = await serving(handler, { limits: { request: 500, requests: 1 } });
    assert.deepEqual(problem(await ask(server.port, '/hang')), [504, 'urn:enarx:handler/timeout']);
    assert.equal(await said(server.port, '/count'), '1');
  });

  test('computes for ever: the program ends with the limit that it passed', async () => {
    await using server = await serving(handler, { limits: { request: 700 } });
    await assert.rejects(ask(server.port, '/spin'));
    assert.deepEqual((await server.started.finished).ended, { how: 'limit', limit: 'request', value: 700 });
  });

  test('gives up in the middle of a body, or sends another length than it said: the client sees that it is not whole', async () => {
    await using server = await serving(handler);
    await assert.rejects(ask(server.port, '/cut/100'));
    await assert.rejects(ask(server.port, '/short/100'));
    // Before anything is on its way, there is still an answer.
    assert.deepEqual(problem(await ask(server.port, '/cut')), [500, 'urn:enarx:handler/incomplete']);
    assert.deepEqual(problem(await ask(server.port, '/short')), [500, 'urn:enarx:handler/incomplete']);
    assert.equal(await said(server.port, '/count'), '1');
    server.started.run.kill();
    assert.match((await server.started.finished).stderr.toString(), /HttpResponseBodySize\(Some\(11\)\)/);
  });

  test('eats memory: each gets its share and no more', async () => {
    await using server = await serving(handler, { limits: { memory: 134_217_728, requests: 4 } });
    const eaten = (await Promise.all([1, 2, 3].map(() => said(server.port, '/eat')))).map(Number);
    for (const mebibytes of eaten) assert.ok(mebibytes > 20 && mebibytes <= 32, String(mebibytes));
  });
});

describe('visitors', () => {
  test('wait for their turn where there are more than may be answered at once', async () => {
    await using server = await serving(handler, { limits: { requests: 2 } });
    const began = performance.now();
    const answers = await Promise.all([1, 2, 3, 4].map(() => said(server.port, '/late/400')));
    assert.deepEqual(answers, ['at last', 'at last', 'at last', 'at last']);
    assert.ok(performance.now() - began >= 780);
  });

  test('are turned away with 503 where too many wait', async () => {
    await using server = await serving(handler, { limits: { requests: 1, descriptors: 600 } });
    const holding = ask(server.port, '/late/5000');
    await delay(200);
    const asked: Promise<Answer>[] = [];
    for (let wave = 0; wave < 6; wave += 1) {
      // No more at once than may wait to be accepted.
      asked.push(...Array.from({ length: 50 }, () => ask(server.port, '/count')));
      await delay(200);
    }
    const many = await Promise.all(asked);
    const refused = many.filter(({ status }) => status === 503);
    assert.equal(refused.length, 300 - 256);
    const [one] = refused;
    assert.deepEqual(problem(one!), [503, 'urn:enarx:handler/busy']);
    assert.equal((await holding).status, 200);
  });

  test('who go away, lie about lengths or speak no HTTP harm nobody else', async () => {
    await using server = await serving(handler);
    const rude = [
      'GET / HTTP/1.1\r\n',
      'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nnot so many',
      'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'GET /count HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n',
      `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      '\u0016\u0003\u0001\u0002\u0000',
    ];
    for (const text of rude) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(text);
      await delay(50);
      socket.resetAndDestroy();
    }
    const bad = connect(server.port, '127.0.0.1');
    bad.end('nonsense\r\n\r\n');
    assert.match((await readAll(bad)).toString(), /^HTTP\/1\.1 400 /);
    assert.equal(await said(server.port, '/count'), '1');
  });

  test('who never get their head done lose their connection, so that they cannot take all', async () => {
    await using server = await serving(handler, { limits: { request: 500, descriptors: 12 } });
    const began = performance.now();
    const visitors = Array.from({ length: 8 }, (_, index) => {
      const socket = connect(server.port, '127.0.0.1');
      if (index > 0) socket.write('GET /count HTTP/1.1\r\nHost: a\r\nX: ');
      // As slow as it may be, but never silent.
      const dribble = setInterval(() => index > 1 && socket.write('b'), 100);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearInterval(dribble);
        });
      return socket;
    });
    for (const answer of await Promise.all(visitors.map(readAll)))
      assert.match(answer.toString(), /^HTTP\/1\.1 408 /);
    assert.ok(performance.now() - began < 20_000);
    assert.equal(await said(server.port, '/count'), '1');
  });

  test('who name two hosts are refused, since others may have read the other one', async () => {
    await using server = await serving(handler);
    const socket = connect(server.port, '127.0.0.1');
    socket.end(`GET /count HTTP/1.1\r\nHost: a\r\nhost: b\r\nConnection: close\r\n\r\n`);
    const answer = (await readAll(socket)).toString();
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /urn:enarx:handler\/host-ambiguous/);
  });
});

test('a component that answers requests is not run without a listener', async () => {
  await assert.rejects(runToEnd(await delivered(handler)), { code: 'wasm/no-listener' });
});
