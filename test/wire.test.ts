// SPDX-License-Identifier: Apache-2.0
//
// Every message that crosses a socket of the running system keeps its rule in enarx.cddl.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { anchorFromPem, KeyCache, releasePolicy } from '@enarx/attestation';
import { connect, createIdentity, moduleFromBytes, type Workload } from '@enarx/client';
import { fromHex, messageTypes } from '@enarx/protocol';

import { startHost } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { release, sandbox } from './support/sandbox.ts';
import { addDevices, recordingRelease, recordLoaders, WireRecord } from './support/wire-record.ts';

/** Of the guest of a VM, which has no network; held against their rules where they are tested. */
const elsewhere = ['port-stream', 'port-credit'];

test('every message between client, keepmgr, keepldr and wasmldr keeps its rule, and each message there is comes by', async () => {
  using box = await sandbox();
  const record = new WireRecord();
  const directory = box.path('recording');
  await recordingRelease(directory);
  {
    await using running = new AsyncDisposableStack();
    const server = running.use(
      await startHost(box, {
        program: [join(directory, 'enarx.js'), 'keepmgr', '--json'],
      }),
    );
    running.use(await recordLoaders(server.state, record));
    const host = connect({ url: server.url, tap: record.tap });
    await host.info();
    await host.platform();

    const { measurements } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
      measurements: { sim: string };
    };
    const trust = {
      anchors: [await anchorFromPem(readFileSync(server.anchor))],
      policy: releasePolicy({ measurements: [fromHex(measurements.sim) as Uint8Array] }),
      at: Date.now(),
      keys: new KeyCache(),
    };
    const identity = await createIdentity();
    const run = async (module: Uint8Array, workload: Partial<Workload> = {}) => {
      const keep = await host.createKeep({ tee: 'sim' });
      const attested = await (await keep.open({ identity })).attest({ purpose: 'deliver', ...trust });
      const program = await attested.deliver({
        module: moduleFromBytes(module),
        args: ['program'],
        env: [['NAME', 'välue']],
        stdout: 'discard',
        stderr: 'discard',
        ...workload,
      });
      return { keep, program };
    };

    // The four ways in which a program ends.
    const hello = readFileSync(join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm'));
    const done = await run(hello, {
      stdin: [Buffer.from('line\n')],
      files: [
        { kind: 'stdin' },
        { kind: 'stdout' },
        { kind: 'stderr' },
        { kind: 'directory', path: '/data', name: 'data' },
      ],
      package: {
        entries: 3,
        bytes: 4,
        open: () => [
          { kind: 'directory', path: '/data' },
          { kind: 'file', path: '/data/file', size: 4, content: [Buffer.from('text')] },
          { kind: 'symlink', path: '/link', target: 'data/file' },
        ],
      },
    });
    assert.equal((await done.program.ended).how, 'exit');
    const trapped = await run(programs.trap());
    assert.equal((await trapped.program.ended).how, 'trap');
    const limited = await run(programs.hotLoop(), { limits: { wall: 200 } });
    assert.equal((await limited.program.ended).how, 'limit');
    const detached = await run(programs.hotLoop(), { detach: true });
    detached.program.leave();
    await assert.rejects(detached.program.ended);
    const back = await (await detached.keep.open({ identity })).attest({ purpose: 'attach', ...trust });
    await back.stop();

    // A problem of the Keep's, and one of the host's.
    const stranger = await detached.keep.open({ identity: await createIdentity() });
    const other = await stranger.attest({ purpose: 'attach', ...trust });
    await assert.rejects(other.attach({ stdout: 'discard', stderr: 'discard' }), {
      code: 'wasmldr/not-owner',
    });
    await assert.rejects(host.keep('00'.repeat(16)).show(), { code: 'keep/unknown' });

    await detached.keep.log();
    await host.keeps();
    await detached.keep.stop();
    for (const { keep } of [done, trapped, limited, detached]) await keep.remove();
    host.close();
  }
  addDevices(directory, record);
  const rules = messageTypes.map(({ name }) => name).filter((name) => !elsewhere.includes(name));
  record.check([...rules, 'problem', 'empty', 'module', 'content', 'stdin', 'stdout', 'stderr']);
  await nothingRunsIn(box.root);
});

test('a record tells of a message that breaks its rule, of a frame that nobody knows, and of what it never saw', () => {
  const broken = new WireRecord();
  broken.tap('sent', 'create-keep', Uint8Array.of(0xa0));
  assert.throws(() => {
    broken.check([]);
  }, /create-keep\.tee/);
  const unknown = new WireRecord();
  unknown.frame({ sent: {}, received: {} }, 'sent', { kind: 9, payload: new Uint8Array(0) }, 'somewhere');
  assert.throws(() => {
    unknown.check([]);
  }, /a frame of kind 9/);
  assert.throws(() => {
    new WireRecord().check(['keep']);
  }, /never seen/);
});
