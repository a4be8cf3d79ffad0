// SPDX-License-Identifier: Apache-2.0
//
// Every message that crosses a socket of the running system keeps its rule in enarx.cddl.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { anchorFromPem, KeyCache, releasePolicy } from '@enarx/attestation';
import { connect, createIdentity, moduleFromBytes, type Workload } from '@enarx/client';
import { cborContentType, encodeMessage, fromHex, messageTypes, renewKeep } from '@enarx/protocol';

import { startHost } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { release, sandbox } from './support/sandbox.ts';
import { addDevices, recordingRelease, recordLoaders, WireRecord } from './support/wire-record.ts';

/**
 * Nobody can stand where these pass: on the port of a machine, and at the head of a connection that a loader makes into its guest. `packages/channel/test/port.test.ts`
 * and `packages/wasmldr/test/host-sockets.test.ts` see both ends of them, and `packages/keepldr/test/keep-loader.test.ts` what a loader of the pool is told; their rules are held by `packages/protocol/test/cddl.test.ts`.
 */
const elsewhere = ['port-stream', 'port-credit', 'guest-connection', 'guest-close', 'ldr-assigned'];

test('every message between client, keepmgr, keepldr and wasmldr keeps its rule, and each message there is comes by', async () => {
  using box = await sandbox();
  const record = new WireRecord();
  const directory = box.path('recording');
  await recordingRelease(directory);
  {
    await using running = new AsyncDisposableStack();
    const server = running.use(
      await startHost(box, {
        program: [
          ...[join(directory, 'enarx.js'), 'keepmgr', '--json'],
          ...['--allow-listen', '127.0.0.1:*', '--allow-dial', '127.0.0.1:*'],
        ],
      }),
    );
    running.use(await recordLoaders(server.state, record));
    const host = connect({ url: server.url, tap: record.tap });
    await host.info();
    await host.platform();
    await host.supportBundle();

    const { measurements } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
      measurements: { sim: string; 'sim-sev': string };
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

    // Sockets: one that listens, one that connects, and one to where nobody listens.
    await using there = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(there, 'listening');
    const { port } = there.address() as AddressInfo;
    const socketFiles = (connectTo: number): Workload['files'] => [
      { kind: 'stdin' },
      { kind: 'stdout' },
      { kind: 'stderr' },
      { kind: 'listen', prot: 'tcp', address: '127.0.0.1', port: 0 },
      { kind: 'connect', prot: 'tcp', host: '127.0.0.1', port: connectTo },
    ];
    const connected = await run(hello, { files: socketFiles(port) });
    assert.equal((await connected.program.ended).how, 'exit');
    await assert.rejects(run(hello, { files: socketFiles(1) }));

    // A launch with a secret, on the loader of the same release.
    const sealing = await host.createKeep({ tee: 'sim-sev' });
    await sealing.launch({
      identity,
      anchors: [await anchorFromPem(readFileSync(join(server.state, 'sev-anchor.pem')))],
      at: trust.at,
      launchDigest: fromHex(measurements['sim-sev']) as Uint8Array,
      secretArea: 0xc00,
      policy: { encryptedState: false, allow: [], minimumApi: { major: 0, minor: 17 } },
      minimum: { api: { major: 0, minor: 17 }, build: 0 },
    });

    // What the library has no call for.
    const changes = await fetch(new URL('/v1/changes', server.url));
    record.add('keep-changes', await changes.bytes(), 'answer to GET /v1/changes');
    const renewal = encodeMessage(renewKeep, { lease: 60_000 });
    record.add('renew-keep', renewal, 'body of POST renew');
    const renewed = await fetch(new URL(`/v1/keeps/${sealing.name}/renew`, server.url), {
      method: 'POST',
      headers: { 'content-type': cborContentType },
      body: new Uint8Array(renewal),
    });
    assert.equal(renewed.status, 200);
    await sealing.remove();

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
    for (const { keep } of [done, trapped, limited, detached, connected]) await keep.remove();
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
