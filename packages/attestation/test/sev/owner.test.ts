// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createECDH, createHmac, timingSafeEqual } from 'node:crypto';
import { test } from 'node:test';

import type { VerifiedEvidence } from '@enarx/attestation';
import {
  decodeGuestPolicy,
  encodeGuestPolicy,
  openLaunchSession,
  verifySevPlatform,
  type Allowance,
  type ApiVersion,
  type GuestPolicy,
  type LaunchSession,
  type SevClaims,
} from '@enarx/attestation/sev';

import { anchor, good, keys, made } from './made-platform.ts';

const strict: GuestPolicy = { encryptedState: true, allow: [], minimumApi: { major: 1, minor: 40 } };
const firmware = { api: { major: 1, minor: 55 }, build: 29 };
const minimum = { api: { major: 1, minor: 55 }, build: 29 };
const launchDigest = new Uint8Array(32).fill(9);
const guid = '736869e5-84f0-4973-92ec-06879ce3da0b';

async function platform(api?: ApiVersion): Promise<VerifiedEvidence<SevClaims>> {
  const pdh = api === undefined ? good.pdh : await made('PDH', { api });
  const { verified } = await verifySevPlatform({
    certificates: Object.values({ ...good, pdh }),
    anchors: [anchor],
    at: 0,
  });
  return verified!;
}

/** The firmware's half, on other primitives than the owner's: OpenSSL through node:crypto. */
async function unwrap({
  certificate,
  parameters,
  policy,
}: LaunchSession): Promise<{ tek: Buffer; tik: Buffer }> {
  const { d } = await crypto.subtle.exportKey('jwk', keys.pdh.privateKey);
  const ecdh = createECDH('secp384r1');
  ecdh.setPrivateKey(Buffer.from(d!, 'base64url'));
  const [x, y] = [0x14, 0x14 + 72].map((at) => certificate.subarray(at, at + 48).toReversed());
  const z = ecdh.computeSecret(Buffer.concat([Buffer.of(4), x!, y!]));
  const hmac = (key: Buffer, ...parts: (Buffer | Uint8Array)[]): Buffer =>
    parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();
  const derive = (key: Buffer, label: string, context: Buffer = Buffer.alloc(0)): Buffer =>
    hmac(key, Buffer.from(`\x01\0\0\0${label}\0`), context, Buffer.from('\x80\0\0\0', 'latin1')).subarray(
      0,
      16,
    );
  const part = (from: number, to: number): Buffer => Buffer.from(parameters.subarray(from, to));
  const master = derive(z, 'sev-master-secret', part(0, 16));
  assert.ok(timingSafeEqual(hmac(derive(master, 'sev-kik'), part(16, 48)), part(64, 96)));
  const opened = createDecipheriv('aes-128-ctr', derive(master, 'sev-kek'), part(48, 64)).update(
    part(16, 48),
  );
  const [tek, tik] = [opened.subarray(0, 16), opened.subarray(16)];
  const policyBytes = Buffer.alloc(4);
  policyBytes.writeUInt32LE(policy);
  assert.ok(timingSafeEqual(hmac(tik, policyBytes), part(96, 128)));
  return { tek, tik };
}

async function measurementOf(
  session: LaunchSession,
  changed: { digest?: Uint8Array; api?: ApiVersion } = {},
): Promise<Uint8Array> {
  const { tik } = await unwrap(session);
  const { digest = launchDigest, api = firmware.api } = changed;
  const nonce = Buffer.alloc(16, 5);
  const head = Buffer.of(4, api.major, api.minor, firmware.build, 0, 0, 0, 0);
  head.writeUInt32LE(session.policy, 4);
  return Buffer.concat([createHmac('sha256', tik).update(head).update(digest).update(nonce).digest(), nonce]);
}

test('what the owner wraps, another implementation of the firmware unwraps, and opens what is sealed', async () => {
  const session = await openLaunchSession(await platform(), { policy: strict });
  const measurement = await measurementOf(session);
  const launch = await session.verifyMeasurement({ measurement, firmware, launchDigest, minimum });
  assert.deepEqual(launch.firmware, firmware);
  const { tek, tik } = await unwrap(session);
  const packets = await Promise.all(
    [1, 2].map((i) => launch.sealSecrets([{ guid, data: new Uint8Array(20).fill(i) }], 0xc00)),
  );
  for (const [i, { header, payload }] of packets.entries()) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(payload.length);
    const mac = createHmac('sha256', tik)
      .update(
        Buffer.concat([
          Buffer.of(1),
          header.subarray(0, 20),
          length,
          length,
          payload,
          measurement.subarray(0, 32),
        ]),
      )
      .digest();
    assert.deepEqual(Buffer.from(header.subarray(20)), mac);
    const plain = createCipheriv('aes-128-ctr', tek, header.subarray(4, 20)).update(payload);
    assert.deepEqual(plain.subarray(40, 60), Buffer.alloc(20, i + 1));
  }
  assert.notDeepEqual(packets[0]!.header.slice(4, 20), packets[1]!.header.slice(4, 20));
});

test('no two sessions share a key, a nonce or an initialization vector', async () => {
  const [one, two] = await Promise.all(
    [0, 1].map(async () => openLaunchSession(await platform(), { policy: strict })),
  );
  assert.notDeepEqual(one!.certificate, two!.certificate);
  for (const [from, to] of [
    [0, 16],
    [48, 64],
  ] as const)
    assert.notDeepEqual(one!.parameters.slice(from, to), two!.parameters.slice(from, to));
  assert.notDeepEqual(await unwrap(one!), await unwrap(two!));
});

test('randomness comes from the source that is given', async () => {
  let asked = 0;
  const random = (length: number): Uint8Array => new Uint8Array(length).fill((asked += 1));
  const session = await openLaunchSession(await platform(), { policy: strict, random });
  assert.deepEqual(await unwrap(session), { tek: Buffer.alloc(16, 1), tik: Buffer.alloc(16, 2) });
  assert.deepEqual(Buffer.from(session.parameters.subarray(0, 16)), Buffer.alloc(16, 3));
});

test('the expected guest passes once, whatever failed before', async () => {
  const session = await openLaunchSession(await platform(), { policy: strict });
  const claim = { measurement: await measurementOf(session), firmware, launchDigest, minimum };
  const wrong = await measurementOf(session, { digest: new Uint8Array(32) });
  await assert.rejects(session.verifyMeasurement({ ...claim, measurement: wrong }), {
    code: 'sev/measurement-rejected',
    expected: `launch digest ${'09'.repeat(32)}, policy 0x2801003f, SEV API 1.55 build 29`,
  });
  await session.verifyMeasurement(claim);
  await assert.rejects(session.verifyMeasurement(claim), { code: 'sev/session-spent' });
});

test('a host cannot pass for newer by a version that is no byte but is measured as the old one', async () => {
  const session = await openLaunchSession(await platform(), { policy: strict });
  const measurement = await measurementOf(session);
  const { api, build } = firmware;
  for (const claimed of [
    { api, build: build + 256 },
    { api: { ...api, major: api.major + 256 }, build },
    { api: { ...api, minor: api.minor + 256 }, build },
    { api: { ...api, minor: -1 }, build },
  ])
    await assert.rejects(
      session.verifyMeasurement({ measurement, firmware: claimed, launchDigest, minimum }),
      {
        code: 'sev/measurement-malformed',
      },
    );
});

test('a measurement of another length is malformed', async () => {
  const session = await openLaunchSession(await platform(), { policy: strict });
  for (const length of [0, 32, 47, 49])
    await assert.rejects(
      session.verifyMeasurement({ measurement: new Uint8Array(length), firmware, launchDigest, minimum }),
      { code: 'sev/measurement-malformed', found: `${String(length)} bytes` },
    );
});

test('firmware older than the owner asks for is refused, by version and by build', async () => {
  const session = await openLaunchSession(await platform(), { policy: strict });
  const measurement = await measurementOf(session);
  const { api, build } = firmware;
  for (const least of [
    { api: { major: 2, minor: 0 }, build: 0 },
    { api: { major: 1, minor: 56 }, build: 0 },
    { api, build: build + 1 },
  ])
    await assert.rejects(session.verifyMeasurement({ measurement, firmware, launchDigest, minimum: least }), {
      code: 'sev/platform-too-old',
    });
  const older = { api: { major: 1, minor: 54 }, build: 255 };
  await session.verifyMeasurement({ measurement, firmware, launchDigest, minimum: older });
});

test('firmware before API 0.17, whose secrets are not bound to a launch, is refused even where the owner asks for less', async () => {
  const old = { major: 0, minor: 16 };
  const policy = { ...strict, minimumApi: { major: 0, minor: 0 } };
  await assert.rejects(openLaunchSession(await platform(old), { policy }), {
    code: 'sev/platform-too-old',
    found: 'SEV API 0.16',
  });
  const session = await openLaunchSession(await platform(), { policy });
  const measurement = await measurementOf(session, { api: old });
  const claim = {
    measurement,
    firmware: { api: old, build: 29 },
    launchDigest,
    minimum: { api: old, build: 0 },
  };
  await assert.rejects(session.verifyMeasurement(claim), { code: 'sev/platform-too-old' });
});

test('a platform older than the policy asks for is refused before anything is sent', async () => {
  const policy = { ...strict, minimumApi: { major: 1, minor: 56 } };
  await assert.rejects(openLaunchSession(await platform(), { policy }), {
    code: 'sev/platform-too-old',
    expected: 'at least 1.56',
  });
});

test('a policy forbids everything that it does not allow by name', () => {
  assert.equal(encodeGuestPolicy(strict), 0x2801_003f);
  const minimumApi = { major: 0, minor: 0 };
  assert.equal(encodeGuestPolicy({ encryptedState: false, allow: [], minimumApi }), 0x3b);
  const bits: Record<Allowance, number> = {
    debug: 0x3a,
    'key-sharing': 0x39,
    send: 0x33,
    'other-owners': 0x2b,
    'other-platforms': 0x1b,
  };
  for (const [allowance, expected] of Object.entries(bits) as [Allowance, number][])
    assert.equal(encodeGuestPolicy({ encryptedState: false, allow: [allowance], minimumApi }), expected);
  const all = Object.keys(bits) as Allowance[];
  assert.equal(encodeGuestPolicy({ encryptedState: false, allow: all, minimumApi }), 0);
});

test('a policy reads back as it was written', () => {
  for (const policy of [
    strict,
    { encryptedState: false, allow: ['debug', 'send'], minimumApi: { major: 255, minor: 255 } },
  ] satisfies GuestPolicy[])
    assert.deepEqual(decodeGuestPolicy(encodeGuestPolicy(policy)), policy);
});

test('a policy with a version that is none is refused', () => {
  for (const minimumApi of [
    { major: -1, minor: 0 },
    { major: 0, minor: 256 },
    { major: 0.5, minor: 0 },
  ])
    assert.throws(() => encodeGuestPolicy({ ...strict, minimumApi }), { code: 'sev/policy-invalid' });
});

test('another order than platform, session, measurement, secret does not compile', async () => {
  const verified = await platform();
  const session = await openLaunchSession(verified, { policy: strict });
  const claims = { format: 'sev', anchor, simulated: true, at: 0, claims: verified.claims } as const;
  const wrong = [
    // @ts-expect-error -- claims that nobody verified
    () => openLaunchSession(claims, { policy: strict }),
    // @ts-expect-error -- a policy is never left out
    () => openLaunchSession(verified, {}),
    // @ts-expect-error -- the owner says which digest and which firmware it expects
    () => session.verifyMeasurement({ measurement: new Uint8Array(48), firmware }),
  ];
  assert.equal(wrong.length, 3);
  // @ts-expect-error -- a launch that was not measured takes no secret
  assert.equal(session.sealSecrets, undefined);
});
