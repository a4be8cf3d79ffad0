// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { anchorFromPem, vendorAnchors } from '@enarx/attestation';
import {
  loaderImage,
  loaderSevMeasurement,
  sevDigest,
  type SevLaunchParts,
} from '@enarx/attestation/measure';
import {
  decodeSecretTable,
  issueSevCertificate,
  openLaunchSession,
  verifySevPlatform,
  type GuestPolicy,
  type LaunchSession,
  type MeasuredLaunch,
  type SevClaims,
} from '@enarx/attestation/sev';
import type { VerifiedEvidence } from '@enarx/attestation';
import { decodeCbor, encodeCbor, EnarxError, fromHex, type CborValue } from '@enarx/protocol';
import {
  createSimulatedSevPlatform,
  exportSevPlatform,
  importSevPlatform,
  type SevGuest,
  type SimulatedSevPlatform,
} from '@enarx/simulator/sev';

const platform = await createSimulatedSevPlatform({ generation: 'naples' });
const at = 1_750_000_000_000;

async function verified(of: SimulatedSevPlatform = platform): Promise<VerifiedEvidence<SevClaims>> {
  const { pdh, certificateChain } = of.capabilities;
  const { verified: platformEvidence, checks } = await verifySevPlatform({
    certificates: [pdh, certificateChain, of.endorsements],
    anchors: [await anchorFromPem(of.anchorPem)],
    at,
  });
  assert.ok(platformEvidence, JSON.stringify(checks));
  return platformEvidence;
}

const strict: GuestPolicy = { encryptedState: false, allow: [], minimumApi: { major: 1, minor: 40 } };
const minimum = { api: { major: 1, minor: 40 }, build: 0 };
const image = loaderImage({ wasmldr: Buffer.from('wasmldr'), runner: Buffer.from('runner'), arguments: [] });

interface Launched {
  readonly session: LaunchSession;
  readonly guest: SevGuest;
  readonly measurement: Uint8Array;
}

async function launch(policy: GuestPolicy = strict, pages = image.pages): Promise<Launched> {
  const session = await openLaunchSession(await verified(), { policy });
  const guest = await platform.launchStart(session);
  guest.updateData(pages);
  return { session, guest, measurement: await guest.measure() };
}

async function accepted({ session, measurement }: Launched): Promise<MeasuredLaunch> {
  return session.verifyMeasurement({
    measurement,
    firmware: platform.firmware,
    launchDigest: await loaderSevMeasurement(image),
    minimum,
  });
}

const guid = '736869e5-84f0-4973-92ec-06879ce3da0b';
const secrets = [{ guid, data: Buffer.from('a one-use private key') }];
const areaSize = 0xc00;

const flip = (bytes: Uint8Array, at = 0): Uint8Array => bytes.with(at, bytes[at]! ^ 1);

test('a secret goes from the owner to the guest, through a host that sees ciphertext only', async () => {
  const launched = await launch();
  const packet = await (await accepted(launched)).sealSecrets(secrets, areaSize);
  const { guest } = launched;
  assert.equal(guest.state, 'launch-secret');
  assert.ok(!Buffer.from(packet.payload).includes('one-use'));
  const area = await guest.injectSecret(packet);
  const [secret, ...more] = decodeSecretTable(area);
  assert.deepEqual(more, []);
  assert.equal(secret!.guid, guid);
  assert.equal(Buffer.from(secret!.data).toString(), 'a one-use private key');
  guest.finish();
  assert.equal(guest.state, 'running');
});

test('a platform is SIMULATED, and nothing without its own anchor', async () => {
  assert.equal((await verified()).simulated, true);
  const { pdh, certificateChain } = platform.capabilities;
  const { verified: none, checks } = await verifySevPlatform({
    certificates: [pdh, certificateChain, platform.endorsements],
    anchors: vendorAnchors,
    at,
  });
  assert.equal(none, undefined);
  assert.deepEqual(
    checks.filter(({ status }) => status !== 'pass').map(({ id }) => id),
    ['sev/ark-anchor'],
  );
});

test('a platform of a later generation has keys of 4096 bits, and passes too', async () => {
  const later = await createSimulatedSevPlatform();
  assert.equal(later.endorsements.length, 2084 + 2 * 1600);
  assert.equal((await verified(later)).format, 'sev');
});

test('the firmware measures what the digest of the same parts says, registers included', async () => {
  const parts: SevLaunchParts = {
    data: [new Uint8Array(8192).fill(1), new Uint8Array(176).fill(2)],
    registers: [new Uint8Array(4096).fill(3), new Uint8Array(4096).fill(4)],
  };
  const session = await openLaunchSession(await verified(), { policy: { ...strict, encryptedState: true } });
  const guest = await platform.launchStart(session);
  assert.equal(guest.policy & 0x3f, 0x3f);
  for (const memory of parts.data) guest.updateData(memory);
  for (const page of parts.registers) guest.updateRegisters(page);
  const measurement = await guest.measure();
  const claim = { measurement, firmware: platform.firmware, launchDigest: await sevDigest(parts), minimum };
  await session.verifyMeasurement(claim);
  await assert.rejects(
    session.verifyMeasurement({ ...claim, launchDigest: await sevDigest({ ...parts, registers: [] }) }),
    {
      code: 'sev/measurement-rejected',
    },
  );
});

test('what is measured is what was loaded, although the host changes its memory afterwards', async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  const guest = await platform.launchStart(session);
  // A Node buffer, whose slice() would be no copy.
  const pages = Buffer.from(image.pages);
  guest.updateData(pages);
  pages.fill(0xff);
  await accepted({ session, guest, measurement: await guest.measure() });
});

test('a wrong image is refused', async () => {
  await assert.rejects(accepted(await launch(strict, flip(image.pages))), {
    code: 'sev/measurement-rejected',
  });
});

test('a host that says it has other firmware is refused', async () => {
  const { session, measurement } = await launch();
  const { api, build } = platform.firmware;
  for (const firmware of [
    { api, build: build + 1 },
    { api: { ...api, minor: api.minor + 1 }, build },
    { api: { ...api, major: api.major + 1 }, build },
  ]) {
    const launchDigest = await loaderSevMeasurement(image);
    await assert.rejects(session.verifyMeasurement({ measurement, firmware, launchDigest, minimum }), {
      code: 'sev/measurement-rejected',
    });
  }
});

test('a measurement altered in any byte is refused', async () => {
  const launched = await launch();
  for (let at = 0; at < 48; at += 1)
    await assert.rejects(accepted({ ...launched, measurement: flip(launched.measurement, at) }), {
      code: 'sev/measurement-rejected',
    });
});

test('the measurement of another launch is refused, and its secret does not open', async () => {
  const [one, two] = [await launch(), await launch()];
  await assert.rejects(accepted({ ...one, measurement: two.measurement }), {
    code: 'sev/measurement-rejected',
  });
  const packet = await (await accepted(one)).sealSecrets(secrets, areaSize);
  await assert.rejects(two.guest.injectSecret(packet), { code: 'sev-firmware/secret' });
});

test('of two guests that a host starts with one session, one is accepted, and its secret opens in no other', async () => {
  const one = await launch();
  const guest = await platform.launchStart(one.session);
  guest.updateData(image.pages);
  const second = await guest.measure();
  const packet = await (await accepted(one)).sealSecrets(secrets, areaSize);
  await assert.rejects(guest.injectSecret(packet), { code: 'sev-firmware/secret' });
  await assert.rejects(accepted({ ...one, measurement: second }), { code: 'sev/session-spent' });
});

test('no policy but the one of the session starts a guest', async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  for (const policy of [0, session.policy & ~1, session.policy & ~2, session.policy | 4])
    await assert.rejects(platform.launchStart({ ...session, policy }), {
      code: 'sev-firmware/session',
      found: `the policy 0x${policy.toString(16)}`,
    });
});

test('a policy with reserved bits, or for newer firmware, starts no guest', async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  for (const policy of [session.policy | 0x40, session.policy | 0x8000, 0x3f | (2 << 16)])
    await assert.rejects(platform.launchStart({ ...session, policy }), { code: 'sev-firmware/policy' });
});

test('a session altered in any byte starts no guest', async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  for (let at = 0; at < 128; at += 1)
    // The initialization vector has no MAC of its own: another one gives other keys, which the policy's MAC shows.
    await assert.rejects(platform.launchStart({ ...session, parameters: flip(session.parameters, at) }), {
      code: 'sev-firmware/session',
    });
  for (const parameters of [session.parameters.subarray(1), new Uint8Array(129)])
    await assert.rejects(platform.launchStart({ ...session, parameters }), { code: 'sev-firmware/length' });
});

test("another owner's certificate, or one that is none, starts no guest", async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  const other = await openLaunchSession(await verified(), { policy: strict });
  await assert.rejects(platform.launchStart({ ...session, certificate: other.certificate }), {
    code: 'sev-firmware/session',
    found: 'keys wrapped for another platform or certificate',
  });
  const point = session.certificate.slice(0x14, 0x14 + 48);
  const offCurve = session.certificate.slice();
  offCurve.set(flip(point), 0x14);
  const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
    'sign',
    'verify',
  ]);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', key.publicKey));
  const api = { major: 0, minor: 0 };
  for (const certificate of [
    session.certificate.subarray(1),
    offCurve,
    await issueSevCertificate({ usage: 'OCA', api, point: raw }, []),
    await issueSevCertificate({ usage: 'PDH', api, point: raw, algorithm: 2 }, []),
  ])
    await assert.rejects(platform.launchStart({ ...session, certificate }), {
      code: 'sev-firmware/certificate',
    });
});

test('a session for one platform starts no guest on another', async () => {
  const other = await createSimulatedSevPlatform({ generation: 'naples' });
  const session = await openLaunchSession(await verified(other), { policy: strict });
  await assert.rejects(platform.launchStart(session), { code: 'sev-firmware/session' });
});

test('a secret packet altered in any byte is refused', async () => {
  const launched = await launch();
  const packet = await (await accepted(launched)).sealSecrets(secrets, areaSize);
  for (let at = 0; at < 52; at += 1)
    await assert.rejects(launched.guest.injectSecret({ ...packet, header: flip(packet.header, at) }), {
      code: 'sev-firmware/secret',
    });
  for (let at = 0; at < packet.payload.length; at += 1)
    await assert.rejects(launched.guest.injectSecret({ ...packet, payload: flip(packet.payload, at) }), {
      code: 'sev-firmware/secret',
    });
  await launched.guest.injectSecret(packet);
});

test('a secret packet of a length that the firmware does not take is refused', async () => {
  const launched = await launch();
  const { header, payload } = await (await accepted(launched)).sealSecrets(secrets, areaSize);
  for (const packet of [
    { header: header.subarray(1), payload },
    { header, payload: payload.subarray(1) },
    { header, payload: new Uint8Array() },
    { header, payload: new Uint8Array(16_400) },
  ])
    await assert.rejects(launched.guest.injectSecret(packet), { code: 'sev-firmware/length' });
});

test('memory and registers of a length that the firmware does not take are refused', async () => {
  const session = await openLaunchSession(await verified(), { policy: { ...strict, encryptedState: true } });
  const guest = await platform.launchStart(session);
  for (const length of [0, 15, 17])
    assert.throws(
      () => {
        guest.updateData(new Uint8Array(length));
      },
      { code: 'sev-firmware/length' },
    );
  assert.throws(
    () => {
      guest.updateRegisters(new Uint8Array(4095));
    },
    { code: 'sev-firmware/length' },
  );
});

test('registers are taken only under a policy with SEV-ES', async () => {
  const guest = await platform.launchStart(await openLaunchSession(await verified(), { policy: strict }));
  assert.throws(
    () => {
      guest.updateRegisters(new Uint8Array(4096));
    },
    { code: 'sev-firmware/policy' },
  );
});

test('every command in a state that is not for it is refused', async () => {
  const session = await openLaunchSession(await verified(), { policy: strict });
  const guest = await platform.launchStart(session);
  const refused = { code: 'sev-firmware/guest-state' };
  const packet = { header: new Uint8Array(52), payload: new Uint8Array(16) };
  assert.equal(guest.state, 'launch-update');
  await assert.rejects(guest.injectSecret(packet), refused);
  assert.throws(() => {
    guest.finish();
  }, refused);
  const measuring = guest.measure();
  await assert.rejects(guest.injectSecret(packet), refused);
  await measuring;
  assert.throws(() => {
    guest.updateData(new Uint8Array(16));
  }, refused);
  assert.throws(() => {
    guest.updateRegisters(new Uint8Array(4096));
  }, refused);
  await assert.rejects(guest.measure(), refused);
  guest.finish();
  await assert.rejects(guest.injectSecret(packet), refused);
  assert.throws(() => {
    guest.finish();
  }, refused);
});

test('a platform is the same after export and import', async () => {
  const again = await importSevPlatform(await exportSevPlatform(platform));
  assert.equal(again.anchorPem, platform.anchorPem);
  assert.deepEqual(again.capabilities, platform.capabilities);
  assert.deepEqual(again.endorsements, platform.endorsements);
  const session = await openLaunchSession(await verified(), { policy: strict });
  assert.equal((await again.launchStart(session)).state, 'launch-update');
});

test('a file altered in any byte, or cut off, is refused', async () => {
  const file = await exportSevPlatform(platform);
  for (let at = 0; at < file.length; at += 61)
    await assert.rejects(importSevPlatform(flip(file, at)), { code: 'sev-firmware/file-malformed' });
  for (const length of [0, 1, 100, file.length - 1])
    await assert.rejects(importSevPlatform(file.subarray(0, length)), {
      code: 'sev-firmware/file-malformed',
    });
  await assert.rejects(importSevPlatform(fromHex('8101')!), EnarxError);
});

test('what no simulator made cannot be exported', async () => {
  await assert.rejects(exportSevPlatform({ ...platform }), TypeError);
});

test('a file of another kind, or with a part that is no byte string, is refused', async () => {
  const digest = async (content: CborValue[]): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.digest('SHA-384', encodeCbor(content)));
  const file = decodeCbor(await exportSevPlatform(platform), 32_768) as CborValue[];
  const contents: CborValue[][] = [
    ['enarx-simulated-processor/1', ...file.slice(1, -1)],
    [...file.slice(0, 3), 7, ...file.slice(4, -1)],
    [...file.slice(0, -2), new Uint8Array(16)],
  ];
  for (const content of contents)
    await assert.rejects(importSevPlatform(encodeCbor([...content, await digest(content)])), {
      code: 'sev-firmware/file-malformed',
    });
  await assert.rejects(importSevPlatform(encodeCbor({ a: 1 })), { code: 'sev-firmware/file-malformed' });
});
