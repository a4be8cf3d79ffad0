// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs, type HostCall } from '../../../test/support/programs.ts';
import { op, wasmModule } from '../../../test/support/wasm-module.ts';
import { expectErrnos } from './calls.ts';
import { preview1Function, preview1Functions } from './preview1-functions.ts';
import { runToEnd, start, type Given } from './support.ts';

const errno = {
  success: 0,
  again: 6,
  badf: 8,
  fault: 21,
  inval: 28,
  nosys: 52,
  notdir: 54,
  notsock: 57,
  spipe: 70,
  notcapable: 76,
};

const call = (name: string, ...args: (number | bigint)[]): HostCall => ({
  function: preview1Function(name),
  args,
});

/** What each call returned. */
async function results(
  calls: readonly HostCall[],
  data: readonly { at: number; bytes: Uint8Array }[] = [],
  given: Given = {},
): Promise<number[]> {
  const { ended, stdout } = await runToEnd(programs.callEach(calls, data), {
    stdin: new Uint8Array(0),
    ...given,
  });
  assert.deepEqual(ended, { how: 'exit', code: 0 });
  const printed = stdout.subarray(stdout.length - 4 * calls.length);
  return calls.map((_, index) => printed.readUInt32LE(4 * index));
}

/** Arguments that are all this pointer, and beyond it where they are 64-bit. */
const filled = (params: readonly string[], value: number): (number | bigint)[] =>
  params.map((type) => (type === 'i64' ? BigInt(value) : value));

describe('WASI preview 1', () => {
  test('has 46 functions, and a module that imports them all runs', async () => {
    const exit = { name: 'proc_exit', params: ['i32'], results: [] } as const;
    const module = wasmModule({
      imports: [...preview1Functions, exit],
      functions: [
        { name: '_start', exported: true, body: [...op.i32Const(5), ...op.call(preview1Functions.length)] },
      ],
    });
    assert.equal(preview1Functions.length + 1, 46);
    assert.deepEqual((await runToEnd(module)).ended, { how: 'exit', code: 5 });
  });

  test('answers calls with nonsense with an errno, and never with a trap', async () => {
    for (const value of [-1, 0x7fff_ffff, -16]) {
      const nonsense = preview1Functions.map((called) => ({
        function: called,
        args: filled(called.params, value),
      }));
      const answers = await results(nonsense, [], { env: [['A', 'B']] });
      const unmoved = new Set(['sched_yield']);
      for (const [index, answer] of answers.entries()) {
        const { name } = preview1Functions[index]!;
        assert.ok(
          unmoved.has(name) ? answer === 0 : answer > 0 && answer <= 76,
          `${name} returned ${String(answer)}`,
        );
      }
    }
  });

  test('answers a number that is not open with badf', async () => {
    const taking = preview1Functions.filter(({ name }) => /^(fd|path|sock)_/.test(name));
    const answers = await results(
      taking.map((called) => ({ function: called, args: filled(called.params, 77) })),
    );
    assert.deepEqual(
      answers,
      taking.map(() => errno.badf),
    );
  });

  test('answers pointers that are not the program’s with fault', async () => {
    const bad = -4;
    const calls = [
      call('args_sizes_get', bad, 0),
      call('args_sizes_get', 0, bad),
      call('args_get', bad, 0),
      call('args_get', 0, bad),
      call('environ_sizes_get', 65_533, 0),
      call('environ_get', 0, 65_535),
      call('clock_res_get', 0, bad),
      call('clock_time_get', 0, 0n, 65_529),
      call('random_get', bad, 8),
      call('random_get', 0, -1),
      call('random_get', 65_535, 2),
      call('fd_fdstat_get', 1, 65_513),
      call('fd_filestat_get', 1, 65_473),
      call('fd_write', 1, bad, 1, 0),
      call('fd_write', 1, 8, 1, bad),
      call('fd_write', 1, 16, 1, 0),
      call('fd_write', 1, 24, 1, 0),
      call('fd_write', 1, 0, 0x2000_0000, 0),
      call('fd_read', 0, bad, 1, 0),
      call('fd_read', 0, 16, 1, 0),
      call('poll_oneoff', bad, 0, 1, 0),
      call('poll_oneoff', 0, bad, 1, 0),
      call('poll_oneoff', 0, 0, 0x1000_0000, 0),
      call('poll_oneoff', 0, 0, 1, bad),
    ];
    const vectors = new Uint8Array(Uint32Array.from([64, 4, 65_535, 2, 0xffff_ffff, 0xffff_ffff]).buffer);
    const answers = await results(calls, [{ at: 8, bytes: vectors }], { env: [['A', 'B']] });
    assert.deepEqual(
      answers,
      calls.map(() => errno.fault),
    );
  });

  test('does not go on at address 0 where a list of strings would pass the end of 4 GiB', async () => {
    const memory = await expectErrnos(
      [
        ['fault', 'args_get', -4, 64],
        ['fault', 'args_get', 64, -3],
        ['fault', 'environ_get', -4, 64],
        ['success', 'args_get', -8, 512],
      ],
      {
        memory: { initial: 65_536 },
        given: {
          args: ['a', 'b'],
          env: [
            ['A', '1'],
            ['B', '2'],
          ],
          limits: { memory: 2 ** 32 },
        },
      },
    );
    assert.equal(memory.readUInt32LE(0), 0);
    assert.equal(memory.toString('latin1', 512, 516), 'a\0b\0');
  });

  test('polls rightly where its events are to lie on its subscriptions', async () => {
    const subscriptions = Buffer.alloc(96);
    subscriptions.writeBigUInt64LE(11n, 0);
    subscriptions.writeUInt8(2, 8);
    subscriptions.writeUInt32LE(2, 16);
    subscriptions.writeBigUInt64LE(22n, 48);
    subscriptions.writeUInt8(1, 56);
    subscriptions.writeUInt32LE(0, 64);
    for (const blocking of [false, true]) {
      const memory = await expectErrnos([['success', 'poll_oneoff', 512, 512, 2, 32]], {
        data: [{ at: 512, bytes: subscriptions }],
        // Standard input has nothing and does not end.
        given: { stdin: undefined, blocking },
      });
      assert.deepEqual(
        [
          memory.readUInt32LE(32),
          memory.readBigUInt64LE(512),
          memory.readUInt16LE(520),
          memory.readUInt8(522),
        ],
        [1, 11n, errno.success, 2],
      );
    }
  });

  test('answers the last byte of memory with success', async () => {
    const answers = await results([
      call('random_get', 65_535, 1),
      call('clock_time_get', 1, 0n, 65_528),
      call('random_get', 65_536, 0),
    ]);
    assert.deepEqual(answers, [errno.success, errno.success, errno.success]);
  });

  test('knows four clocks and no fifth', async () => {
    const answers = await results(
      [0, 1, 2, 3, 4].flatMap((id) => [call('clock_time_get', id, 0n, 0), call('clock_res_get', id, 0)]),
    );
    assert.deepEqual(answers, [0, 0, 0, 0, 0, 0, 0, 0, errno.inval, errno.inval]);
  });
});

describe('a descriptor', () => {
  test('that is a stream refuses what only files and directories and sockets can do', async () => {
    const calls = [
      [call('fd_seek', 1, 0n, 0, 0), errno.spipe],
      [call('fd_tell', 1, 0), errno.spipe],
      [call('fd_pwrite', 1, 0, 0, 0n, 0), errno.spipe],
      [call('fd_pread', 0, 0, 0, 0n, 0), errno.spipe],
      [call('fd_readdir', 1, 0, 0, 0n, 0), errno.notdir],
      [call('path_open', 1, 0, 0, 0, 0, 0n, 0n, 0, 0), errno.notdir],
      [call('path_symlink', 0, 0, 1, 0, 0), errno.notdir],
      [call('sock_accept', 1, 0, 0), errno.notsock],
      [call('sock_shutdown', 1, 0), errno.notsock],
      [call('fd_prestat_get', 1, 0), errno.badf],
      [call('fd_prestat_get', 3, 0), errno.badf],
      [call('proc_raise', 9), errno.nosys],
    ] as const;
    assert.deepEqual(
      await results(calls.map(([made]) => made)),
      calls.map(([, expected]) => expected),
    );
  });

  test('gives data one way only', async () => {
    const answers = await results([call('fd_read', 1, 0, 0, 0), call('fd_write', 0, 0, 0, 0)]);
    assert.deepEqual(answers, [errno.notcapable, errno.notcapable]);
  });

  test('is gone once it is closed', async () => {
    const answers = await results([call('fd_close', 0), call('fd_close', 0), call('fd_read', 0, 0, 0, 0)]);
    assert.deepEqual(answers, [errno.success, errno.badf, errno.badf]);
  });

  test('moves onto another number, which must be open', async () => {
    const answers = await results([
      call('fd_renumber', 0, 9),
      call('fd_renumber', 0, 2),
      call('fd_fdstat_get', 0, 64),
      call('fd_read', 2, 0, 0, 0),
      call('fd_renumber', 2, 2),
    ]);
    assert.deepEqual(answers, [errno.badf, errno.success, errno.badf, errno.success, errno.success]);
  });

  test('gives up rights and never gets them back', async () => {
    const all = 0x3fff_ffffn;
    const read = 2n;
    const answers = await results([
      call('fd_fdstat_set_rights', 0, all, 0n),
      call('fd_fdstat_set_rights', 0, read, 0n),
      call('fd_fdstat_set_rights', 0, read | 8n, 0n),
      call('fd_fdstat_set_flags', 0, 4),
      call('fd_filestat_get', 0, 64),
      call('fd_read', 0, 0, 0, 64),
    ]);
    const { success, notcapable } = errno;
    assert.deepEqual(answers, [notcapable, success, notcapable, notcapable, notcapable, success]);
  });

  test('that may not block says so when there is nothing to read', async () => {
    const vector = new Uint8Array(Uint32Array.from([1024, 16]).buffer);
    const calls = [
      call('fd_fdstat_set_flags', 0, 4),
      call('fd_read', 0, 8, 1, 0),
      call('fd_fdstat_set_flags', 0, 32),
    ];
    const { finished, run } = await start(programs.callEach(calls, [{ at: 8, bytes: vector }]));
    const { ended, stdout } = await finished;
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    assert.deepEqual(
      [0, 4, 8].map((at) => stdout.readUInt32LE(at)),
      [errno.success, errno.again, errno.inval],
    );
    run.kill();
  });
});

describe('the end of a program', () => {
  test('by proc_exit cannot be caught by the program', async () => {
    const exit = { name: 'proc_exit', params: ['i32'], results: [] } as const;
    // try … catch_all … end of the exception handling proposal's first form, then a trap.
    const body = [0x06, 0x40, ...op.i32Const(9), ...op.call(0), 0x19, 0x0b, ...op.unreachable];
    const { ended } = await runToEnd(
      wasmModule({ imports: [exit], functions: [{ name: '_start', exported: true, body }] }),
    );
    assert.deepEqual(ended, { how: 'exit', code: 9 });
  });
});
