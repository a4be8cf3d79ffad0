// SPDX-License-Identifier: Apache-2.0
//
// Programs in real Keeps, as a user of the library hears them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';

import {
  createIdentity,
  moduleFromBytes,
  moduleFromFile,
  type AttestedKeep,
  type Keep,
  type Workload,
} from '@enarx/client';
import { messageTypes } from '@enarx/protocol';

import { brokenRule } from '../../../test/support/cddl/enarx.ts';
import { programs } from '../../../test/support/programs.ts';
import { startTestHost, type TestHost } from './support/host.ts';

const messages: [rule: string, bytes: Uint8Array][] = [];
let host: TestHost;
const directory = mkdtempSync(join(tmpdir(), 'enarx-client-'));
before(async () => {
  host = await startTestHost({ tap: (_, rule, bytes) => messages.push([rule, bytes]) });
});
after(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const owner = await createIdentity();
const quiet = { stdout: 'discard', stderr: 'discard' } as const;

async function ready(): Promise<[Keep, AttestedKeep<'deliver'>]> {
  const keep = await host.host.createKeep({ tee: 'sim' });
  const open = await keep.open({ identity: owner });
  return [keep, await open.attest({ purpose: 'deliver', ...host.trust })];
}

async function back(keep: Keep, identity = owner): Promise<AttestedKeep<'attach'>> {
  return (await keep.open({ identity })).attest({ purpose: 'attach', ...host.trust });
}

function workload(module: Uint8Array, more: Partial<Workload> = {}): Workload {
  return { module: moduleFromBytes(module), args: ['main.wasm'], ...quiet, ...more };
}

function collector(): { chunks: Buffer[]; text(): string } {
  const chunks: Buffer[] = [];
  return { chunks, text: () => Buffer.concat(chunks).toString('latin1') };
}

describe('a program', () => {
  test('is read from a file and heard through streams of Node', async () => {
    const path = join(directory, 'echo.wasm');
    writeFileSync(path, programs.echo());
    const [keep, attested] = await ready();
    const out = collector();
    const program = await attested.deliver({
      module: await moduleFromFile(path),
      args: ['echo'],
      stdin: Readable.from([Buffer.from('one '), Buffer.from('two')]),
      stdout: new Writable({
        write: (chunk: Buffer, _, done) => {
          out.chunks.push(chunk);
          setTimeout(done, 5);
        },
      }),
      stderr: 'discard',
    });
    assert.deepEqual(await program.ended, { how: 'exit', code: 0 });
    assert.equal(out.text(), 'one two');
    await keep.remove();
  });

  test('is heard through streams of the web', async () => {
    const input = randomBytes(1_500_000);
    const [keep, attested] = await ready();
    const out = collector();
    const program = await attested.deliver(
      workload(programs.echo(), {
        stdin: new Blob([input]).stream(),
        stdout: new WritableStream<Uint8Array>({
          write: (chunk) => void out.chunks.push(Buffer.from(chunk)),
        }),
      }),
    );
    assert.deepEqual(await program.ended, { how: 'exit', code: 0 });
    assert.ok(Buffer.concat(out.chunks).equals(input));
    await keep.remove();
  });

  test('that does not read leaves the input unread', async () => {
    const [keep, attested] = await ready();
    let asked = 0;
    const stdin = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked += 1;
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    };
    const program = await attested.deliver(workload(programs.print('no thanks'), { stdin }));
    await program.ended;
    assert.equal(asked, 0);
    await keep.remove();
  });

  test('is none: the reason is the Keep’s', async () => {
    const [keep, attested] = await ready();
    await assert.rejects(attested.deliver(workload(Buffer.from('no program'))), {
      code: 'wasm/malformed',
      by: 'keep',
    });
    await keep.remove();
  });

  test('that was delivered detached is found again by its owner, and by nobody else', async () => {
    const [keep, attested] = await ready();
    const first = await attested.deliver(
      workload(programs.echo(), { detach: true, stdin: Readable.from(forEver()) }),
    );
    first.leave();
    await assert.rejects(first.ended, { code: 'client/aborted' });
    await assert.rejects((await back(keep, await createIdentity())).attach(quiet), {
      code: 'wasmldr/not-owner',
    });
    const out = collector();
    const again = await (
      await back(keep)
    ).attach({
      stdin: ['found'],
      stdout: (chunk) => void out.chunks.push(Buffer.from(chunk)),
      stderr: 'discard',
    });
    assert.deepEqual(await again.ended, { how: 'exit', code: 0 });
    assert.equal(out.text(), 'found');
    await keep.remove();
  });

  test('is stopped by its owner', async () => {
    const [keep, attested] = await ready();
    const program = await attested.deliver(workload(programs.hotLoop()));
    await (await back(keep)).stop();
    assert.deepEqual(await program.ended, { how: 'stopped' });
    await keep.remove();
  });

  test('whose Keep the host ends is cut off, and not taken for ended', async () => {
    const [keep, attested] = await ready();
    const program = await attested.deliver(workload(programs.hotLoop()));
    await keep.stop();
    await assert.rejects(program.ended, { code: 'client/cut-off' });
  });
});

async function* forEver(): AsyncGenerator<Uint8Array> {
  await new Promise(() => undefined);
  yield new Uint8Array(0);
}

describe('what fails on this side', () => {
  const cases: Record<string, readonly [code: string, module: Uint8Array, more: Partial<Workload>]> = {
    'output that cannot be written': [
      'client/output-failed',
      programs.flood(),
      { stdout: () => Promise.reject(new Error('no space')) },
    ],
    'output into a stream that is destroyed': [
      'client/output-failed',
      programs.flood(),
      { stdout: new Writable().destroy() },
    ],
    'input that cannot be read': [
      'client/input-failed',
      programs.echo(),
      {
        stdin: (async function* () {
          yield await Promise.reject<Uint8Array>(new Error('EIO'));
        })(),
      },
    ],
  };
  for (const [name, [code, module, more]] of Object.entries(cases)) {
    test(`${name} ends the program, and says so`, async () => {
      const [keep, attested] = await ready();
      const program = await attested.deliver(workload(module, more));
      await assert.rejects(program.ended, { code });
      await keep.remove();
    });
  }

  test('a module that changes while it is sent is not taken for delivered', async () => {
    const { size, digest } = moduleFromBytes(programs.nothing());
    for (const [bytes, code] of [
      [new Uint8Array(size + 1), 'client/module-changed'],
      [new Uint8Array(size - 1), 'client/module-changed'],
      [new Uint8Array(size), 'wasmldr/digest-other'],
    ] as const) {
      const [keep, attested] = await ready();
      const module = { size, digest, open: () => [bytes] };
      await assert.rejects(attested.deliver({ ...workload(bytes), module }), { code });
      await keep.remove();
    }
  });

  test('a signal calls it off, wherever it stands', async () => {
    const keep = await host.host.createKeep({ tee: 'sim' });
    await assert.rejects(keep.open({ identity: owner, signal: AbortSignal.abort() }), {
      code: 'client/aborted',
    });
    const abort = new AbortController();
    const open = await keep.open({ identity: owner, signal: abort.signal });
    const attested = await open.attest({ purpose: 'deliver', ...host.trust });
    const program = await attested.deliver(workload(programs.hotLoop()));
    abort.abort();
    await assert.rejects(program.ended, { code: 'client/aborted' });
    await keep.remove();
  });
});

test('the ten steps are told once each and in order', async () => {
  host.steps.length = 0;
  const [keep, attested] = await ready();
  await (
    await attested.deliver(workload(programs.nothing()))
  ).ended;
  assert.deepEqual(
    host.steps.map(({ n }) => n),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.ok(host.steps.every(({ ms }) => ms >= 0));
  await keep.remove();
});

test('every message that crossed a socket of the client’s keeps its rule', () => {
  const rules = new Set([...messageTypes.map(({ name }) => name), 'problem']);
  const checked = new Set<string>();
  for (const [rule, bytes] of messages) {
    if (!rules.has(rule)) continue;
    assert.equal(brokenRule(rule, bytes), undefined, rule);
    checked.add(rule);
  }
  for (const rule of [
    'create-keep',
    'keep',
    'attest-request',
    'evidence',
    'deliver',
    'accepted',
    'credit',
    'ended',
    'problem',
  ])
    assert.ok(checked.has(rule), `no ${rule} was seen`);
});
