// SPDX-License-Identifier: Apache-2.0
//
// Nothing of a workload is on its host: not in its state, logs, process tables or memory, and not on the wire.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { enarx, start, startHost } from './support/enarx.ts';
import { hostileHost } from './support/hostile-host.ts';
import { nothingRunsIn, processesOf, readOr, type FoundProcess } from './support/processes.ts';
import { op, wasmModule } from './support/wasm-module.ts';
import { wasi } from './support/programs.ts';
import { sandbox } from './support/sandbox.ts';

const secret = 'f3a9c6-secret-of-the-tenant-5d17';
const inArgument = `argument-${secret}`;
const inVariable = `variable-${secret}`;
const inInput = `input-${secret}`;
const inProgram = `program-${secret}`;
const secrets = [inArgument, inVariable, inInput, inProgram];

/** Prints a text that is in its own data, takes its input and prints it, and then computes until it is stopped. */
function talkative(text: string): Uint8Array {
  const content = new TextEncoder().encode(text);
  const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
  const { i32Const, call, drop } = op;
  const write = (vector: number): number[] => [
    ...[...i32Const(1), ...i32Const(vector), ...i32Const(1), ...i32Const(0), ...call(1), ...drop],
  ];
  return wasmModule({
    imports: [wasi.fdRead, wasi.fdWrite],
    functions: [
      {
        name: '_start',
        exported: true,
        body: [
          ...write(8),
          ...[...i32Const(0), ...i32Const(24), ...i32Const(1), ...i32Const(36), ...call(0), ...drop],
          // The read's count is the length of the next write.
          ...write(32),
          ...op.loop(op.br(0)),
        ],
      },
    ],
    data: [
      { at: 8, bytes: words(4096, content.length) },
      { at: 24, bytes: words(8192, 4096) },
      { at: 32, bytes: words(8192) },
      { at: 4096, bytes: content },
    ],
  });
}

/** Names of the files below a directory that hold any of the texts. */
function filesWith(directory: string, texts: readonly string[]): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const file = join(directory, name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    const content = readFileSync(file);
    return texts.some((text) => content.includes(text));
  });
}

/** Which of the texts are in the memory that a process can write to. */
function textsInMemory({ id }: FoundProcess, texts: readonly string[]): string[] {
  const found = new Set<string>();
  const memory = openSync(`/proc/${String(id)}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${String(id)}/maps`, 'latin1').split('\n')) {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === '') continue;
      const size = Number(BigInt(`0x${to}`) - BigInt(`0x${from}`));
      // Reserved address space is sparse and huge; what is in use of it is not.
      for (let at = 0; at < size; at += 16_777_216) {
        const chunk = Buffer.alloc(Math.min(16_777_216 + 256, size - at));
        try {
          readSync(memory, chunk, 0, chunk.length, BigInt(`0x${from}`) + BigInt(at));
        } catch {
          continue;
        }
        for (const text of texts) if (chunk.includes(text)) found.add(text);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}

test(
  'nothing of a workload is found anywhere on its host while it runs, nor afterwards',
  { timeout: 120_000 },
  async () => {
    using box = await sandbox();
    await using host = await startHost(box);
    await using between = await hostileHost(host.url);
    const client = box.path('client');
    const program = `${client}.wasm`;
    writeFileSync(program, talkative(inProgram));
    const running = start(box, [
      ...['run', '--json', '--host', between.url, '--anchor', host.anchor],
      ...['--env', `NAME=${inVariable}`, program, '--', inArgument],
    ]);
    running.stdin.write(inInput);
    while (!running.text('stdout').includes(inInput)) await once(running.stdout, 'data');
    assert.ok(running.text('stdout').includes(inProgram), 'the owner reads all of it');

    const processes = processesOf(box.root).filter(({ id }) => id !== running.child.pid);
    assert.deepEqual(
      [...new Set(processes.map(({ program: name }) => name))].filter((name) => name !== 'bwrap').sort(),
      ['enarx', 'keepldr', 'runner', 'wasmldr'],
    );
    const everywhere = (when: string): void => {
      assert.deepEqual(filesWith(host.state, secrets), [], `files, ${when}`);
      for (const text of secrets) {
        assert.ok(!host.log().includes(text), `log, ${when}`);
        assert.ok(!between.received().includes(text), `wire to the host, ${when}`);
        assert.ok(!between.sent().includes(text), `wire from the host, ${when}`);
      }
      for (const { id, program: name } of processesOf(box.root).filter(
        (found) => found.id !== running.child.pid,
      )) {
        for (const file of ['cmdline', 'environ', 'comm']) {
          const content = readOr(`/proc/${String(id)}/${file}`);
          for (const text of secrets) assert.ok(!content.includes(text), `${file} of ${name}, ${when}`);
        }
      }
    };
    everywhere('while it runs');
    // Of the host's own processes even the memory holds ciphertext only.
    for (const found of processes.filter(({ program: name }) => name === 'enarx' || name === 'keepldr'))
      assert.deepEqual(textsInMemory(found, secrets), [], `memory of ${found.program}`);
    const runner = processes.find(({ program: name }) => name === 'runner');
    assert.ok(runner !== undefined);
    assert.deepEqual(
      textsInMemory(runner, secrets).sort(),
      [...secrets].sort(),
      'the search finds what is there',
    );

    const { stdout } = await enarx(box, ['keep', 'ls', '--json', '--host', host.url]);
    const [keep] = /[0-9a-f]{32}/.exec(stdout) ?? [];
    const logs = await enarx(box, ['keep', 'logs', '--json', '--host', host.url, keep ?? '']);
    assert.equal(logs.status, 0, logs.stderr);
    for (const text of secrets) assert.ok(!logs.stdout.includes(text));
    running.child.kill('SIGTERM');
    assert.equal((await running.ended).status, 143);
    everywhere('afterwards');
    await host.stop();
    await nothingRunsIn(box.root);
  },
);
