// SPDX-License-Identifier: Apache-2.0
//
// Every message that crosses a socket while Keeps are made, attested, used and ended, held against packages/protocol/enarx.cddl.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  connect,
  createIdentity,
  moduleFromBytes,
  type Host,
  type Keep,
  type Tap,
  type Trust,
  type Workload,
} from '@enarx/client';
import { messageTypes, type Ended } from '@enarx/protocol';

import { brokenRule } from './support/cddl/enarx.ts';
import { startHost } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { recordingRelease, type RecordedMessage } from './support/recording-release.ts';
import { sandbox } from './support/sandbox.ts';
import { trusting } from './support/trusting.ts';

/** Bulk data is raw; its frames have no rule of their own. */
const bulk: ReadonlySet<string> = new Set(['module', 'stdin', 'stdout', 'stderr', 'content']);
/** What only a Keep in a virtual machine, or a workload with files, sends. */
const notHere: ReadonlySet<string> = new Set(['port-stream', 'port-credit', 'entry']);

test('every message of every link keeps its rule of the CDDL', async () => {
  using box = await sandbox();
  const recording = await recordingRelease(box);
  const seen: RecordedMessage[] = [];
  const tap: Tap = (_direction, rule, bytes) => {
    if (!bulk.has(rule)) seen.push({ rule, bytes: Uint8Array.from(bytes) });
  };
  {
    await using daemon = await startHost(box, { program: [join(recording.directory, 'keepmgr.js')] });
    const host = connect({ url: daemon.url, tap });
    await useEverything(host, await trusting(daemon));
    host.close();
  }
  await nothingRunsIn(box.root);
  seen.push(...recording.recorded());
  for (const { rule, bytes } of seen) {
    assert.equal(brokenRule(rule, bytes), undefined, `${rule}: ${Buffer.from(bytes).toString('hex')}`);
  }
  const rules = new Set(seen.map(({ rule }) => rule));
  const missing = messageTypes
    .map(({ name }) => name)
    .filter((name) => !rules.has(name) && !notHere.has(name));
  assert.deepEqual(missing, [], 'messages that this test never sees');
});

async function useEverything(host: Host, trust: Trust): Promise<void> {
  await host.info();
  await host.platform();
  await assert.rejects(host.keep('00'.repeat(16)).show(), { code: 'keep/unknown' });
  await assert.rejects(host.createKeep({ tee: 'tdx' }), { code: 'tee/unsupported' });

  const input = Buffer.alloc(300_000, 'x');
  const keep = await host.createKeep({ tee: 'sim' });
  const ended = await run(keep, trust, programs.echo(), { stdin: [input] });
  assert.deepEqual(ended, { how: 'exit', code: 0 });
  await host.keeps();
  await keep.show();
  await keep.log();
  await keep.remove();

  const ends: readonly (readonly [program: Uint8Array, how: Ended['how'], workload: Partial<Workload>])[] = [
    [programs.trap('deep'), 'trap', {}],
    [programs.hotLoop(), 'limit', { limits: { wall: 200 } }],
    [programs.flood(), 'limit', { limits: { output: 100_000 } }],
  ];
  for (const [program, how, workload] of ends) {
    const own = await host.createKeep({ tee: 'sim' });
    assert.equal((await run(own, trust, program, workload)).how, how);
    await own.remove();
  }
  const refusing = await host.createKeep({ tee: 'sim' });
  await assert.rejects(run(refusing, trust, programs.notWasm()), { code: 'wasm/malformed' });
  const stopped = await host.createKeep({ tee: 'sim' });
  const running = run(stopped, trust, programs.hotLoop());
  running.catch(() => undefined);
  await stopped.stop();
  await running.catch(() => undefined);
}

async function run(
  keep: Keep,
  trust: Trust,
  module: Uint8Array,
  more: Partial<Workload> = {},
): Promise<Ended> {
  const unattested = await keep.open({ identity: await createIdentity() });
  const attested = await unattested.attest({ purpose: 'deliver', ...trust });
  const program = await attested.deliver({
    module: moduleFromBytes(module),
    args: ['program', 'one'],
    env: [['NAME', 'value']],
    stdout: 'discard',
    stderr: 'discard',
    ...more,
  });
  return program.ended;
}
