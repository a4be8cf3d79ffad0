// SPDX-License-Identifier: Apache-2.0
//
// Each check of a launch with a secret fails where only it can: the client's real code against the loader's and the simulated firmware.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { anchorFromPem } from '@enarx/attestation';
import { createIdentity, RejectedError } from '@enarx/client';
import { createSimulatedSevPlatform, exportSevPlatform } from '@enarx/simulator/sev';

import { Provisioning } from '../../keepldr/src/backends/launch-secret/provisioning.ts';
import { SimulatedFirmware } from '../../keepldr/src/backends/launch-secret/simulated.ts';
import { launchWithSecret, type LaunchTrust } from '../src/launch-secret.ts';
import type { SealedLaunch } from '../src/sealed-launch.ts';
import { Steps } from '../src/steps.ts';

const guest = Buffer.alloc(8192, 'the guest that the client expects');
const place = mkdtempSync(join(tmpdir(), 'enarx-launch-'));
after(() => {
  rmSync(place, { recursive: true, force: true });
});
const platform = await createSimulatedSevPlatform({ generation: 'naples' });
const identity = await createIdentity();
const anchors = [await anchorFromPem(platform.anchorPem)];
const file = join(place, 'platform');
writeFileSync(file, await exportSevPlatform(platform));

async function launch(over: Partial<LaunchTrust> = {}): Promise<SealedLaunch> {
  const image = { data: [guest], registers: [] };
  const provisioning = new Provisioning(new SimulatedFirmware(file, () => Promise.resolve(image)));
  provisioning.finished.catch(() => undefined);
  const server = createServer((loader) => {
    loader.on('error', () => undefined);
    provisioning.serve(loader);
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const trust: LaunchTrust = {
    anchors,
    at: Date.now(),
    launchDigest: new Uint8Array(await crypto.subtle.digest('SHA-256', guest)),
    secretArea: 0xc00,
    policy: { encryptedState: false, allow: [], minimumApi: { major: 0, minor: 17 } },
    minimum: { api: { major: 0, minor: 17 }, build: 22 },
    ...over,
  };
  return launchWithSecret(client, identity, trust, {
    steps: new Steps(undefined),
    tap: undefined,
    signal: undefined,
  });
}

async function rejection(over: Partial<LaunchTrust>): Promise<{ code: string; failed: readonly string[] }> {
  const error: unknown = await launch(over).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RejectedError, String(error));
  assert.equal(error.kind, 'rejected');
  assert.equal(error.verdict.verdict, 'rejected');
  const failed = error.verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  return { code: error.code, failed };
}

test('a launch that is as it should be passes all three checks of it', async () => {
  const { checks } = await launch();
  assert.deepEqual(
    checks.filter(({ id }) => id.startsWith('launch/')).map(({ id, status }) => [id, status]),
    [
      ['launch/policy', 'pass'],
      ['launch/firmware', 'pass'],
      ['launch/measurement', 'pass'],
    ],
  );
});

test('a policy that allows the host anything is rejected by its check alone', async () => {
  for (const allowance of ['debug', 'key-sharing', 'send', 'other-owners', 'other-platforms'] as const) {
    const policy = { encryptedState: false, allow: [allowance], minimumApi: { major: 0, minor: 17 } };
    assert.deepEqual(await rejection({ policy }), { code: 'client/rejected', failed: ['launch/policy'] });
  }
});

test('firmware that is older than the client accepts is rejected by its check alone, and so is one that the policy refuses', async () => {
  const expected = { code: 'sev/platform-too-old', failed: ['launch/firmware'] };
  assert.deepEqual(await rejection({ minimum: { api: { major: 1, minor: 55 }, build: 30 } }), expected);
  const policy = { encryptedState: false, allow: [], minimumApi: { major: 9, minor: 0 } };
  assert.deepEqual(await rejection({ policy }), expected);
});

test('another guest than the one whose digest the client computed is rejected by its check alone', async () => {
  assert.deepEqual(await rejection({ launchDigest: new Uint8Array(32) }), {
    code: 'sev/measurement-rejected',
    failed: ['launch/measurement'],
  });
});

test('what is wrong with the policy itself is the caller’s error and no verdict', async () => {
  const policy = { encryptedState: false, allow: [], minimumApi: { major: 256, minor: 0 } };
  await assert.rejects(launch({ policy }), { code: 'sev/policy-invalid', kind: 'usage' });
});
