// SPDX-License-Identifier: Apache-2.0
//
// Commands of WASI 0.3 in a real runner.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';

import { client, LoopbackNetwork, readAll } from '../../../../../test/support/loopback-network.ts';
import { runToEnd, start, type Given } from '../../support.ts';
import { body03, echo03, file03, get03, print03, printThen, ready, serve03 } from './programs.ts';

const succeeded = { how: 'exit', code: 0 };
const streams: Given['files'] = [{ kind: 'stdin' }, { kind: 'stdout' }, { kind: 'stderr' }];

describe('a command of WASI 0.3', () => {
  test('waits on the clock, and prints', async () => {
    const module = await ready(print03('hello from 0.3\n', 200));
    const before = performance.now();
    const { ended, stdout } = await runToEnd(module);
    assert.deepEqual(ended, succeeded);
    assert.equal(stdout.toString(), 'hello from 0.3\n');
    assert.ok(performance.now() - before >= 200);
  });

  test('copies 1 MB from standard input to standard output', async () => {
    const stdin = randomBytes(1_000_000);
    const { ended, stdout } = await runToEnd(await ready(echo03()), { stdin });
    assert.deepEqual(ended, succeeded);
    assert.ok(stdout.equals(stdin));
  });

  test('writes a file and reads it, also where the descriptor is dropped before', async () => {
    const stdin = randomBytes(300_000);
    const { ended, stdout } = await runToEnd(await ready(file03()), {
      stdin,
      files: [...streams, { kind: 'directory', path: '/' }],
    });
    assert.deepEqual(ended, succeeded);
    assert.ok(stdout.equals(stdin));
  });

  test('that may not write its directory says that it failed', async () => {
    const { ended } = await runToEnd(await ready(file03()), {
      stdin: randomBytes(1),
      files: [...streams, { kind: 'directory', path: '/', readonly: true }],
    });
    assert.deepEqual(ended, { how: 'exit', code: 1 });
  });

  test('that says it failed ends with 1', async () => {
    assert.deepEqual((await runToEnd(await ready(body03('i32.const 1')))).ended, { how: 'exit', code: 1 });
  });

  test('has out what it printed when it ends, though it waits for nothing', async () => {
    const ends = {
      'i32.const 0': succeeded,
      '(call $exit (i32.const 7)) unreachable': { how: 'exit', code: 7 },
    };
    for (const [then, end] of Object.entries(ends)) {
      const { ended, stdout } = await runToEnd(await ready(printThen('last words', then)));
      assert.deepEqual(ended, end);
      assert.equal(stdout.toString(), 'last words');
    }
  });

  test('gets as many random bytes as one list holds where it asks for more', async () => {
    const asked =
      '(call $random (i64.const 0x7fffffffffff) (i32.const 0)) (i32.ne (i32.load (i32.const 4)) (i32.const 1048576))';
    assert.deepEqual((await runToEnd(await ready(body03(asked)))).ended, succeeded);
  });
});

describe('a trap of a command of WASI 0.3', () => {
  test('is told with the functions that led to it, and comes after all that was printed', async () => {
    const { ended, stdout } = await runToEnd(await ready(printThen('before', 'call $deep i32.const 0')));
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'unreachable');
    assert.match(ended.frames[0] ?? '', /^deep function/);
    assert.equal(stdout.toString(), 'before');
  });

  test('after a wait is one, too', async () => {
    const { ended } = await runToEnd(await ready(body03('(call $wait (i64.const 1000000)) unreachable')));
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'unreachable');
  });
});

describe('limits hold for a command of WASI 0.3:', () => {
  test('wall time, while it computes and while it waits', async () => {
    for (const body of [
      '(loop $for_ever (br $for_ever)) i32.const 0',
      '(call $wait (i64.const 60000000000)) i32.const 0',
      '(call $stdin (i32.const 0)) (drop (call $stdin_read (i32.load (i32.const 0)) (i32.const 1024) (i32.const 1))) i32.const 0',
    ]) {
      const { ended } = await runToEnd(await ready(body03(body)), { limits: { wall: 700 } });
      assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 700 });
    }
  });

  test('output, to the byte', async () => {
    const { ended, stdout } = await runToEnd(await ready(echo03()), {
      stdin: randomBytes(300_000),
      limits: { output: 100_000 },
    });
    assert.deepEqual(ended, { how: 'limit', limit: 'output', value: 100_000 });
    assert.equal(stdout.length, 100_000);
  });

  test('memory', async () => {
    const grow = '(i32.ne (memory.grow (i32.const 64)) (i32.const -1))';
    const module = await ready(body03(grow));
    assert.deepEqual((await runToEnd(module, { limits: { memory: 4_194_304 } })).ended, succeeded);
    assert.deepEqual((await runToEnd(module, { limits: { memory: 16_777_216 } })).ended, {
      how: 'exit',
      code: 1,
    });
  });

  test('files', async () => {
    const { ended } = await runToEnd(await ready(file03()), {
      stdin: randomBytes(300_000),
      files: [...streams, { kind: 'directory', path: '/' }],
      limits: { storage: 100_000 },
    });
    assert.equal(ended.how, 'trap');
  });
});

describe('sockets of a command of WASI 0.3', () => {
  test('are where the list has them: it serves one visitor after the other', async () => {
    await using network = new LoopbackNetwork();
    const port = await network.listen(3);
    const begun = Promise.withResolvers<undefined>();
    const { finished } = await start(await ready(serve03(8443, 2)), {
      network,
      files: [...streams, { kind: 'listen', prot: 'tcp', port: 8443 }],
      onStarted: () => {
        begun.resolve(undefined);
      },
    });
    await Promise.race([begun.promise, finished]);
    for (const text of ['hello', 'x'.repeat(300_000)]) {
      const socket = await client(port);
      socket.end(text);
      assert.equal((await readAll(socket)).toString(), text);
    }
    assert.deepEqual((await finished).ended, succeeded);
  });

  test('connect where the list says, and go on where the socket is dropped before its streams', async () => {
    await using network = new LoopbackNetwork();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      void readAll(socket).then((content) => socket.end(content.toString().toUpperCase()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await network.connect(3, (server.address() as AddressInfo).port);
    const { ended, stdout, stderr } = await runToEnd(await ready(get03(7, 'hello from 0.3')), {
      network,
      files: [...streams, { kind: 'connect', prot: 'tcp', host: '127.0.0.1', port: 7 }],
    });
    server.close();
    assert.deepEqual(ended, succeeded, stderr.toString());
    assert.equal(stdout.toString(), 'HELLO FROM 0.3');
  });

  test('are denied everywhere else', async () => {
    // `access-denied` is the first of the error codes.
    for (const module of [serve03(8443, 1), get03(7, 'x')])
      assert.deepEqual((await runToEnd(await ready(module))).ended, { how: 'exit', code: 1 });
  });
});
