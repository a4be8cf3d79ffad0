// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bootHashes, sevLaunchDigest } from '@enarx/attestation/measure';
import {
  deriveSevKey,
  encodeSecretTable,
  hmacSha256Of,
  importAesCtrKey,
  importHmacKey,
  measuredBytes,
  sealPacket,
  sessionLayout,
  wrapSession,
} from '@enarx/attestation/sev';
import { concatBytes, fromHex, toHex } from '@enarx/protocol';

import { fromBase64, needsVectors, vector, vectorJson } from '../measure/vectors.ts';

interface SessionVectors {
  readonly kdf: Readonly<Record<'master_from_z_hex' | 'nonce_hex' | 'label' | 'master_secret_hex', string>>;
  readonly session: Readonly<
    Record<
      | 'z_hex'
      | 'nonce_hex'
      | 'iv_hex'
      | 'tek_hex'
      | 'tik_hex'
      | 'wrap_tk_hex'
      | 'wrap_mac_hex'
      | 'policy_mac_hex',
      string
    >
  > & { readonly policy: number };
  readonly measure: Readonly<
    Record<'tik_hex' | 'launch_digest_hex' | 'mnonce_hex' | 'measure_hex', string>
  > & {
    readonly api: readonly [number, number];
    readonly build: number;
    readonly policy: number;
  };
}

const hex = (text: string): Uint8Array<ArrayBuffer> => fromHex(text)!;
const published = (): SessionVectors =>
  vectorJson('virtee+sev/src/session/session-vectors.json') as SessionVectors;

test('the published master secret is derived', needsVectors, async () => {
  const { kdf } = published();
  const master = await deriveSevKey(hex(kdf.master_from_z_hex), kdf.label, hex(kdf.nonce_hex));
  assert.equal(toHex(master), kdf.master_secret_hex);
});

test('the published session is wrapped to the byte', needsVectors, async () => {
  const { session } = published();
  const bytes = await wrapSession({
    sharedSecret: hex(session.z_hex),
    nonce: hex(session.nonce_hex),
    iv: hex(session.iv_hex),
    keys: { encryption: hex(session.tek_hex), integrity: hex(session.tik_hex) },
    policy: session.policy,
  });
  const part = (name: keyof typeof sessionLayout): string => toHex(bytes.subarray(...sessionLayout[name]));
  assert.equal(bytes.length, 128);
  assert.equal(part('nonce'), session.nonce_hex);
  assert.equal(part('wrappedKeys'), session.wrap_tk_hex);
  assert.equal(part('iv'), session.iv_hex);
  assert.equal(part('wrapMac'), session.wrap_mac_hex);
  assert.equal(part('policyMac'), session.policy_mac_hex);
});

test('the published launch measurement of virtee/sev comes out', needsVectors, async () => {
  const { measure } = published();
  const [major, minor] = measure.api;
  const bytes = measuredBytes({
    firmware: { api: { major, minor }, build: measure.build },
    policy: measure.policy,
    launchDigest: hex(measure.launch_digest_hex),
    nonce: hex(measure.mnonce_hex),
  });
  assert.equal(
    toHex(await hmacSha256Of(await importHmacKey(hex(measure.tik_hex), ['sign']), bytes)),
    measure.measure_hex,
  );
});

interface MeasurementCase {
  readonly tik_file: string;
  readonly api_major: number;
  readonly api_minor: number;
  readonly build: number;
  readonly policy: string;
  readonly launch_digest_b64?: string;
  readonly firmware?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly cmdline?: string;
  readonly nonce_b64: string;
  readonly measure_b64: string;
}

async function launchDigestOf(published: MeasurementCase): Promise<Uint8Array> {
  if (published.launch_digest_b64 !== undefined) return fromBase64(published.launch_digest_b64);
  const firmware = vector(published.firmware!);
  if (published.kernel === undefined) return sevLaunchDigest({ firmware });
  const boot = await bootHashes({
    kernel: vector(published.kernel),
    initrd: vector(published.initrd!),
    commandLine: published.cmdline!,
  });
  return sevLaunchDigest({ firmware, boot });
}

test(
  'every published launch measurement of sevctl comes out, from firmware, kernel, initrd and command line',
  needsVectors,
  async () => {
    const cases = vectorJson('virtee+sevctl/tests/measurement-cases.json') as MeasurementCase[];
    assert.equal(cases.length, 3);
    for (const launch of cases) {
      const nonce = fromBase64(launch.nonce_b64);
      const bytes = measuredBytes({
        firmware: { api: { major: launch.api_major, minor: launch.api_minor }, build: launch.build },
        policy: Number(launch.policy),
        launchDigest: await launchDigestOf(launch),
        nonce,
      });
      const measure = await hmacSha256Of(await importHmacKey(vector(launch.tik_file), ['sign']), bytes);
      assert.deepEqual(concatBytes(measure, nonce), fromBase64(launch.measure_b64));
    }
  },
);

interface SecretCase {
  readonly tek_file: string;
  readonly tik_file: string;
  readonly launch_measure_b64: string;
  readonly iv_b64: string;
  readonly secrets: readonly { readonly guid: string; readonly file: string }[];
  readonly header_b64: string;
  readonly payload_b64: string;
}

test('the published secret packet of sevctl is sealed to the byte', needsVectors, async () => {
  const [secret] = vectorJson('virtee+sevctl/tests/secret-cases.json') as [SecretCase];
  const keys = {
    encryption: await importAesCtrKey(vector(secret.tek_file), ['encrypt']),
    integrity: await importHmacKey(vector(secret.tik_file), ['sign']),
  };
  const table = encodeSecretTable(
    secret.secrets.map(({ guid, file }) => ({ guid, data: vector(file) })),
    0xc00,
  );
  const measure = fromBase64(secret.launch_measure_b64).slice(0, 32);
  const packet = await sealPacket(keys, table, measure, fromBase64(secret.iv_b64));
  assert.deepEqual(packet.header, fromBase64(secret.header_b64));
  assert.deepEqual(packet.payload, fromBase64(secret.payload_b64));
});
