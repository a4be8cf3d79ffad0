// SPDX-License-Identifier: Apache-2.0
//
// A client against a real keepmgr with real Keeps, and evidence that a simulated processor signed. Whatever is wrong with the Keep, nothing of the
// workload leaves the client.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect as netConnect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { anchorFromPem, parsePolicy, releasePolicy, vendorAnchors } from '@enarx/attestation';
import {
  connect,
  createIdentity,
  moduleFromBytes,
  RejectedError,
  type Trust,
  type UnattestedKeep,
} from '@enarx/client';

import { programs } from '../../../test/support/programs.ts';
import { otherProcessor } from '../../../test/support/simulated-processor.ts';
import { policyText } from '../../attestation/test/policy/policy-text.ts';
import { recordClearText } from '../../channel/test/support/clear-text.ts';
import { startTestHost, type TestHost } from './support/host.ts';

const secret = 'the secret of the workload';
const module = programs.print(secret);
let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => {
  await host[Symbol.asyncDispose]();
});

/** The whole way as a user of the library goes it; a type error would not let `deliver` come before `attest`. */
async function run(trust: Trust, url = host.keepmgr.address): Promise<string> {
  const here = connect({ url });
  try {
    const keep = await host.host.createKeep({ tee: 'sim' });
    const there = here.keep(keep.name);
    try {
      const open = await there.open({ identity: await createIdentity() });
      const attested = await open.attest({ purpose: 'deliver', ...trust });
      let printed = '';
      const program = await attested.deliver({
        module: moduleFromBytes(module),
        args: ['main.wasm'],
        stdout: (chunk) => {
          printed += Buffer.from(chunk).toString();
        },
        stderr: 'discard',
      });
      assert.deepEqual(await program.ended, { how: 'exit', code: 0 });
      return printed;
    } finally {
      await keep.remove();
    }
  } finally {
    here.close();
  }
}

/** Asserts that the run is rejected by this check and no other, and that nothing but the question for evidence was written into TLS. */
async function assertRejected(trust: Trust, checks: readonly string[], url?: string): Promise<void> {
  const clear = recordClearText();
  const error = await run(trust, url).then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  const written = clear();
  assert.ok(error instanceof RejectedError, String(error));
  assert.equal(error.code, 'client/rejected');
  const failed = error.verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  assert.deepEqual(failed, checks);
  assert.equal(error.verdict.verdict, 'rejected');
  assert.match(written, /^POST \/v1\/attest HTTP\/1\.1\r\n/);
  assert.equal(written.indexOf('POST', 1), -1, 'a second request was sent');
  assert.ok(written.length < 400 && !written.includes(secret));
}

describe('a Keep', () => {
  test('that is what the policy wants gets the workload, all that was written is seen by the recorder', async () => {
    const clear = recordClearText();
    assert.equal(await run(host.trust), secret);
    assert.ok(clear().includes(secret));
  });

  test('of a root that the client was not handed is rejected', () =>
    assertRejected({ ...host.trust, anchors: vendorAnchors }, ['x509/anchor']));

  test('of another simulated root than the one handed over is rejected', async () => {
    const { anchorFile } = await otherProcessor();
    const anchor = await anchorFromPem(readFileSync(anchorFile));
    await assertRejected({ ...host.trust, anchors: [anchor] }, ['x509/anchor']);
  });

  test('with another loader than the release has is rejected', () =>
    assertRejected({ ...host.trust, policy: releasePolicy({ measurements: [new Uint8Array(48)] }) }, [
      'policy/snp-measurements',
    ]));

  test('whose root the policy file does not permit is rejected, with the line that says so', async () => {
    const policy = parsePolicy(policyText({ 'anchors.simulated': '"none"' }));
    const error = await run({ ...host.trust, policy }).catch((reason: unknown) => reason);
    assert.ok(error instanceof RejectedError);
    const check = error.verdict.checks.find(({ id }) => id === 'policy/anchor');
    assert.equal(check?.status, 'fail');
    assert.ok((check.policyLine ?? 0) > 0);
  });

  test('whose evidence is not valid at the time given is rejected', async () => {
    const error = await run({ ...host.trust, at: Date.UTC(2001, 0) }).catch((reason: unknown) => reason);
    assert.ok(error instanceof RejectedError);
  });
});

/** A host that has the client talk to other Keeps, or to itself, in the place of the one that it asked for. */
async function lyingHost(
  connectTo: (wanted: string) => Socket | Promise<Socket>,
): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, client: Socket) => {
    void (async () => {
      const socket = await connectTo(request.url ?? '');
      client.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: enarx-channel/1\r\n\r\n',
      );
      client.pipe(socket).pipe(client);
      for (const end of [client, socket]) {
        end.on('error', () => undefined);
        end.on('close', () => {
          client.destroy();
          socket.destroy();
        });
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A connection to a Keep's channel, as a host has it. */
async function channelOf(name: string): Promise<Socket> {
  const { hostname, port } = new URL(host.keepmgr.address);
  const socket = netConnect(Number(port), hostname);
  socket.write(
    `GET /v1/keeps/${name}/channel HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: enarx-channel/1\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString('latin1'), /^HTTP\/1\.1 101 /);
  return socket;
}

describe('a host that', () => {
  test('passes everything on as it is may stand in between', async () => {
    await using honest = await lyingHost((path) => channelOf(path.split('/')[3] ?? ''));
    assert.equal(await run(host.trust, honest.url), secret);
  });

  test('connects the client to another genuine Keep than the one asked for is found out', async () => {
    const other = await host.host.createKeep({ tee: 'sim' });
    await using liar = await lyingHost(() => channelOf(other.name));
    await assertRejected(host.trust, ['policy/report-data'], liar.url);
    await other.remove();
  });

  test('flips one bit on the way breaks the connection, and nothing was sent', async () => {
    await using liar = await lyingHost(async (path) => {
      const socket = await channelOf(path.split('/')[3] ?? '');
      const write: (...args: unknown[]) => boolean = (...args) =>
        Reflect.apply(genuine, socket, args) as boolean;
      const genuine = Reflect.get(socket, 'write') as () => boolean;
      let seen = 0;
      Reflect.set(socket, 'write', (chunk: Uint8Array, ...rest: unknown[]) => {
        const copy = Buffer.from(chunk);
        // After the handshake, in the question for evidence.
        if ((seen += 1) > 2) copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1;
        return write(copy, ...rest);
      });
      return socket;
    });
    const clear = recordClearText();
    await assert.rejects(run(host.trust, liar.url), { code: /^channel\/(closed|handshake-failed)$/ });
    assert.ok(!clear().includes(secret));
  });
});

describe('attesting again', () => {
  test('has a fresh nonce each time and leaves the connection usable', async () => {
    const keep = await host.host.createKeep({ tee: 'sim' });
    const open: UnattestedKeep = await keep.open({ identity: await createIdentity() });
    const attested = await open.attest({ purpose: 'verify', ...host.trust });
    const again = await attested.verify(host.trust);
    assert.equal(again.verdict, 'accepted');
    assert.equal(again.simulated, true);
    assert.notDeepEqual(reportDataOf(again), reportDataOf(attested.verdict));
    await assert.rejects(attested.verify({ ...host.trust, anchors: vendorAnchors }), {
      code: 'client/rejected',
    });
    await assert.rejects(attested.verify(host.trust), { code: 'channel/closed' });
    await keep.remove();
  });
});

function reportDataOf({ claims }: { claims: unknown }): Uint8Array {
  return (claims as { report: { reportData: Uint8Array } }).report.reportData;
}
