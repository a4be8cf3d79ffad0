// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { readProcessorTime } from '../src/processor-time.ts';
import { runToEnd, start } from './support.ts';

const mebibyte = 1_048_576;

describe('the limit of linear memory', () => {
  test('ends growing, and the program is told so', async () => {
    const { ended, stdout } = await runToEnd(programs.memoryBomb(), { limits: { memory: 32 * mebibyte } });
    assert.deepEqual(ended, { how: 'exit', code: 7 });
    assert.equal(stdout.readUInt32LE(0), 512);
  });

  test('is 1 GiB for a program that names none', async () => {
    const { ended } = await runToEnd(programs.initialMemory(16_384));
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    const beyond = await runToEnd(programs.initialMemory(16_385));
    assert.deepEqual(beyond.ended, { how: 'limit', limit: 'memory', value: 1024 * mebibyte });
  });

  test('ends a program that asks for more from the start, and leaves one that asks for just that much', async () => {
    const limits = { memory: 32 * mebibyte };
    const beyond = await runToEnd(programs.initialMemory(513), { limits });
    assert.deepEqual(beyond.ended, { how: 'limit', limit: 'memory', value: 32 * mebibyte });
    const within = await runToEnd(programs.initialMemory(512), { limits });
    assert.deepEqual(within.ended, { how: 'exit', code: 0 });
  });

  test('of less than a page leaves none, and is reported with its own value', async () => {
    const { ended } = await runToEnd(programs.nothing(), { limits: { memory: 1000 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'memory', value: 1000 });
  });

  test('of more than 32 bits can address is kept at that', async () => {
    const { ended } = await runToEnd(programs.initialMemory(1), { limits: { memory: 2 ** 40 } });
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });
});

describe('the heap and tables, which count against the limit of memory,', () => {
  test('end a program that fills them with objects', async () => {
    const limits = { memory: 64 * mebibyte };
    const { ended } = await runToEnd(programs.heapBomb(), { limits });
    assert.deepEqual(ended, { how: 'limit', limit: 'memory', value: limits.memory });
  });

  test('end a program that declares tables without end', async () => {
    const limits = { memory: 64 * mebibyte };
    const { ended } = await runToEnd(programs.tableBomb(8), { limits });
    assert.deepEqual(ended, { how: 'limit', limit: 'memory', value: limits.memory });
  });
});

describe('the limit of stack', () => {
  const depth = async (stack: number | undefined, blocking: boolean): Promise<number> => {
    const { ended, stdout } = await runToEnd(programs.countDepth(), {
      limits: stack === undefined ? {} : { stack },
      blocking,
    });
    assert.equal(ended.how === 'trap' ? ended.trap : ended.how, 'stack overflow');
    return stdout.length;
  };

  test('ends a program that nests deeper, and a higher one lets it', async () => {
    for (const blocking of [false, true]) {
      const [low, usual, high] = [
        await depth(131_072, blocking),
        await depth(undefined, blocking),
        await depth(4 * mebibyte, blocking),
      ];
      assert.ok(low * 2 < usual && usual * 2 < high, `${String(low)}, ${String(usual)}, ${String(high)}`);
    }
  });
});

describe('the limit of wall time', () => {
  test('ends a program that computes, after what it printed', async () => {
    const { ended, stdout } = await runToEnd(programs.hotLoop(), { limits: { wall: 300 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 300 });
    assert.equal(stdout.toString(), 'begun\n');
  });

  test('ends a program that waits', async () => {
    const { ended } = await runToEnd(programs.sleep(60_000), { limits: { wall: 200 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 200 });
  });

  test('ends a program that waits for input that never comes', async () => {
    const { ended } = await runToEnd(programs.waitForInput(), { limits: { wall: 200 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 200 });
  });

  test('ends a program whose output nobody takes', async () => {
    const stuck = Promise.withResolvers<undefined>();
    const { run, runner, finished } = await start(programs.flood(), {
      limits: { wall: 200 },
      onOutput: () => stuck.promise,
    });
    await runner.exited;
    stuck.resolve(undefined);
    assert.deepEqual(await run.ended, { how: 'limit', limit: 'wall', value: 200 });
    await finished;
  });

  test('of a year lets a program run', async () => {
    const { ended } = await runToEnd(programs.nothing(), { limits: { wall: 31_536_000_000 } });
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });
});

describe('the limit of processor time', () => {
  test('ends a program that computes', async () => {
    const { ended, stdout } = await runToEnd(programs.hotLoop(), { limits: { cpu: 300 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'cpu', value: 300 });
    assert.equal(stdout.toString(), 'begun\n');
  });

  test('leaves a program alone that waits for longer', async () => {
    const { ended } = await runToEnd(programs.sleep(1500), { limits: { cpu: 1000 } });
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });

  test('is measured as the kernel counts', () => {
    const before = readProcessorTime(process.pid);
    assert.ok(before !== undefined);
    const own = process.cpuUsage();
    const spent = (): number => process.cpuUsage(own).user + process.cpuUsage(own).system;
    while (spent() < 100_000);
    const counted = (readProcessorTime(process.pid) ?? 0) - before;
    assert.ok(counted >= 80 && counted <= 1000, `${counted} ms`);
  });

  test('of a process that is not there cannot be measured', () => {
    assert.equal(readProcessorTime(0x7fff_ffff), undefined);
  });
});

describe('the limit of output', () => {
  test('ends a program that prints without end, after exactly that much', async () => {
    const { ended, stdout } = await runToEnd(programs.flood(), { limits: { output: 1_000_000 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'output', value: 1_000_000 });
    assert.equal(stdout.length, 1_000_000);
  });

  test('counts a single write of 50 MB, too, and one byte at a time', async () => {
    for (const size of [50_000_000, 1]) {
      const { ended, stdout } = await runToEnd(programs.flood(size), { limits: { output: 70_000 } });
      assert.deepEqual(ended, { how: 'limit', limit: 'output', value: 70_000 });
      assert.equal(stdout.length, 70_000);
    }
  });

  test('leaves a program alone that prints just that much', async () => {
    const { ended, stdout } = await runToEnd(programs.print('x'.repeat(70_000)), {
      limits: { output: 70_000 },
    });
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    assert.equal(stdout.length, 70_000);
  });
});
