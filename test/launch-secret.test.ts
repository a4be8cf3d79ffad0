// SPDX-License-Identifier: Apache-2.0
//
// A launch with a secret, the client's real code against the loader's real code and the simulated firmware, with somebody on the path who alters, replays and reads.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { duplexPair, type Duplex } from 'node:stream';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { anchorFromPem, type Anchor } from '@enarx/attestation';
import { decodeSecretTable } from '@enarx/attestation/sev';
import { createIdentity, type ClientIdentity } from '@enarx/channel';
import { FrameStream } from '@enarx/channel/frame-stream';
import { launchFrame, launchSecretGuids, reportData as reportDataOf, type Frame } from '@enarx/protocol';
import {
  createSimulatedSevPlatform,
  exportSevPlatform,
  type SimulatedSevPlatform,
} from '@enarx/simulator/sev';

import { launchWithSecret, type LaunchTrust } from '../packages/client/src/launch-secret.ts';
import type { RejectedError } from '../packages/client/src/rejected-error.ts';
import { sealedJudgement, type SealedLaunch } from '../packages/client/src/sealed-launch.ts';
import { Steps } from '../packages/client/src/steps.ts';
import { Provisioning } from '../packages/keepldr/src/backends/launch-secret/provisioning.ts';
import { SimulatedFirmware } from '../packages/keepldr/src/backends/launch-secret/simulated.ts';
import { launchSecretOf, possession } from '../packages/wasmldr/src/launch-secret.ts';

const guest = Buffer.alloc(8192, 'the guest that the client expects');
const otherGuest = Buffer.alloc(8192, 'another guest, of the host');
let platform: SimulatedSevPlatform;
let other: SimulatedSevPlatform;
let identity: ClientIdentity;
let anchor: Anchor;
let place: string;

before(async () => {
  place = mkdtempSync(join(tmpdir(), 'enarx-launch-'));
  process.once('exit', () => {
    rmSync(place, { recursive: true, force: true });
  });
  [platform, other, identity] = await Promise.all([
    createSimulatedSevPlatform({ generation: 'naples' }),
    createSimulatedSevPlatform({ generation: 'naples' }),
    createIdentity(),
  ]);
  anchor = await anchorFromPem(platform.anchorPem);
  writeFileSync(join(place, 'platform'), await exportSevPlatform(platform));
  writeFileSync(join(place, 'other'), await exportSevPlatform(other));
});

async function trust(over: Partial<LaunchTrust> = {}): Promise<LaunchTrust> {
  return {
    anchors: [anchor],
    at: Date.now(),
    launchDigest: new Uint8Array(await crypto.subtle.digest('SHA-256', guest)),
    secretArea: 0xc00,
    policy: { encryptedState: false, allow: [], minimumApi: { major: 0, minor: 17 } },
    minimum: { api: { major: 0, minor: 17 }, build: 22 },
    ...over,
  };
}

type Direction = 'to-client' | 'to-loader';
/** Whoever carries the frames: may give back another, several, or none. */
type Carrier = (direction: Direction, frame: Frame) => readonly Frame[];
const honest: Carrier = (_direction, frame) => [frame];

interface Host {
  readonly firmware: SimulatedFirmware;
  readonly provisioning: Provisioning;
}

function host(image = guest, file = 'platform'): Host {
  const firmware = new SimulatedFirmware(join(place, file), () =>
    Promise.resolve({ data: [image], registers: [] }),
  );
  return { firmware, provisioning: new Provisioning(firmware) };
}

/** A connection to the loader with a carrier in between, as keepmgr and keepldr's relay are. */
function through({ provisioning }: Host, carrier: Carrier): Duplex {
  const [client, clientSide] = duplexPair();
  const [loaderSide, loader] = duplexPair();
  provisioning.serve(loader);
  const carry = async (direction: Direction, from: Duplex, to: Duplex): Promise<void> => {
    const [input, output] = [streams.get(from), streams.get(to)] as [FrameStream, FrameStream];
    try {
      for await (const frame of input)
        for (const each of carrier(direction, frame)) await output.send(each.kind, each.payload);
    } catch {
      // Either end broke off.
    }
    to.end();
  };
  const streams = new Map([clientSide, loaderSide].map((end) => [end, new FrameStream(end)]));
  for (const end of [client, clientSide, loaderSide, loader]) end.on('error', () => undefined);
  void carry('to-client', loaderSide, clientSide);
  void carry('to-loader', clientSide, loaderSide);
  return client;
}

async function launch(
  at: Host,
  carrier: Carrier = honest,
  over: Partial<LaunchTrust> = {},
): Promise<SealedLaunch> {
  const session = { steps: new Steps(undefined), tap: undefined, signal: undefined };
  return launchWithSecret(through(at, carrier), identity, await trust(over), session);
}

/** Whether the guest got anything, once all is over. */
async function injected({ firmware }: Host, within = 30): Promise<boolean> {
  return Promise.race([
    firmware.injected.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, within, false)),
  ]);
}

suite('a launch with a secret', () => {
  test('gives the guest, and nobody on the path, the key that the client made', async () => {
    const at = host();
    const seen: Uint8Array[] = [];
    const sealed = await launch(at, (_direction, frame) => {
      seen.push(Uint8Array.from(frame.payload));
      return [frame];
    });
    const table = await at.firmware.injected;
    const secret = launchSecretOf('sev', table, undefined);
    assert.ok(secret);
    assert.deepEqual(secret.owner, Uint8Array.from(identity.keyDigest));
    const key = Buffer.from(secret.key);
    // The scalar alone would do for a thief.
    const scalar = key.subarray(36, 68);
    for (const payload of seen) {
      assert.equal(
        Buffer.from(payload).includes(scalar),
        false,
        'what keepmgr and keepldr carry holds no key',
      );
      assert.equal(Buffer.from(payload).includes(Buffer.from(identity.keyDigest)), false);
    }
    assert.equal(sealed.simulated, true);
    assert.ok(sealed.checks.every(({ status }) => status === 'pass'));
    assert.deepEqual(
      decodeSecretTable(table).map(({ guid }) => guid),
      [launchSecretGuids.key, launchSecretGuids.owner],
    );
  });

  test('a client accepts the Keep that has the key, on the connection that was asked about, and no other', async () => {
    const at = host();
    const sealed = await launch(at);
    const secret = launchSecretOf('sev', await at.firmware.injected, undefined);
    assert.ok(secret);
    const about = async (nonce: number): Promise<Uint8Array> =>
      reportDataOf({
        nonce: new Uint8Array(32).fill(nonce),
        keepKey: sealed.keyDigest,
        clientKey: identity.keyDigest,
        exporter: new Uint8Array(32),
        keepId: new Uint8Array(16),
        purpose: 'deliver',
      });
    const evidence = await possession(secret)(await about(1));
    const judge = (keepKey = sealed.keyDigest) =>
      sealedJudgement(sealed, new Steps(undefined), keepKey).judge;
    await judge()({ evidence, reportData: await about(1) });
    const failing =
      (id: string) => (error: Error & { verdict?: { checks: { id: string; status: string }[] } }) =>
        error.verdict?.checks
          .filter(({ status }) => status === 'fail')
          .map((check) => check.id)
          .join() === id;
    await assert.rejects(judge()({ evidence, reportData: await about(2) }), failing('launch/possession'));
    await assert.rejects(
      judge(new Uint8Array(32))({ evidence, reportData: await about(1) }),
      failing('launch/key'),
    );
    const genuine = { ...evidence, format: 'snp' as const };
    await assert.rejects(
      judge()({ evidence: genuine, reportData: await about(1) }),
      failing('launch/possession'),
    );
    const unsigned = { ...evidence, report: new Uint8Array(64) };
    await assert.rejects(
      judge()({ evidence: unsigned, reportData: await about(1) }),
      failing('launch/possession'),
    );
  });
});

const kinds = Object.entries(launchFrame).filter(([name]) => name !== 'problem' && name !== 'finished');

suite('a path that alters messages', () => {
  /** Of `start`: nonce, wrapped keys and MAC of the session, and the owner's point. Half of the owner's certificate is room for signatures that it does not have. */
  const places = (name: string): readonly number[] =>
    name === 'start' ? [0.014, 0.03, 0.062, 0.084] : [0.15, 0.5, 0.95];
  for (const [name, kind] of kinds)
    for (const where of places(name))
      test(`${name}, altered at ${String(where * 100)} % of it, ends the launch without a secret`, async () => {
        const at = host();
        const alter: Carrier = (_direction, frame) => {
          if (frame.kind !== kind) return [frame];
          const payload = Uint8Array.from(frame.payload);
          const index = Math.floor(payload.length * where);
          payload[index] = (payload[index] as number) ^ 0x01;
          return [{ kind: frame.kind, payload }];
        };
        await assert.rejects(launch(at, alter));
        assert.equal(await injected(at), false);
        await assert.rejects(at.provisioning.finished);
      });

  for (const [name, kind] of kinds) {
    test(`${name}, swallowed, ends the launch without harm`, async () => {
      const cut = host();
      const swallow: Carrier = (_direction, frame) =>
        frame.kind === kind ? [{ kind: 22, payload: new Uint8Array(0) }] : [frame];
      await assert.rejects(launch(cut, swallow));
      assert.equal(await injected(cut), false);
    });

    test(`${name}, doubled, ends in a launch that the client takes for good only with its own key in the guest`, async () => {
      const at = host();
      const twice: Carrier = (_direction, frame) => (frame.kind === kind ? [frame, frame] : [frame]);
      const sealed = await launch(at, twice).catch(() => undefined);
      // A client that gave up knows of no Keep, and a guest that got its key is asked for nothing by anybody.
      if (sealed === undefined) return;
      const secret = launchSecretOf('sev', await at.firmware.injected, undefined);
      assert.ok(secret);
      const key = createPrivateKey({ key: Buffer.from(secret.key), format: 'der', type: 'pkcs8' });
      assert.ok(createPublicKey(key).equals(sealed.publicKey));
    });
  }

  for (const name of ['measurement', 'secret'] as const)
    test(`${name}, altered anywhere, never ends in a guest with a key`, async () => {
      const kind = launchFrame[name];
      let length = 1;
      // Each byte of these two is a word of the protocol, or under a key that the path has not.
      for (let index = 0; index < length; index += 7) {
        const at = host();
        const alter: Carrier = (_direction, frame) => {
          if (frame.kind !== kind) return [frame];
          ({ length } = frame.payload);
          const payload = Uint8Array.from(frame.payload);
          payload[index] = (payload[index] as number) ^ (1 << (index % 8));
          return [{ kind: frame.kind, payload }];
        };
        await assert.rejects(launch(at, alter), `byte ${String(index)}`);
        assert.equal(await injected(at, 5), false, `byte ${String(index)}`);
      }
      assert.ok(length > 50);
    });
});

suite('a host that cheats', () => {
  test('another image than the client computed is not given the secret', async () => {
    const at = host(otherGuest);
    await assert.rejects(launch(at), { code: 'sev/measurement-rejected' });
    assert.equal(await injected(at), false);
  });

  test('a platform under a root that nobody named is refused before anything is sent to it', async () => {
    const at = host(guest, 'other');
    let sent = 0;
    const count: Carrier = (direction, frame) => {
      if (direction === 'to-loader') sent += 1;
      return [frame];
    };
    await assert.rejects(launch(at, count), { code: 'client/rejected' });
    assert.equal(sent, 0);
  });

  test('a policy that allows debugging is another policy: the firmware does not open the session', async () => {
    const at = host();
    const debug: Carrier = (_direction, frame) => {
      if (frame.kind !== launchFrame.start) return [frame];
      const payload = Uint8Array.from(frame.payload);
      // The last bytes of the message: `policy`, whose lowest bit is NODBG.
      const at32 = Buffer.from(payload).lastIndexOf(Buffer.from('policy')) + 6 + 4;
      payload[at32] = (payload[at32] as number) & 0xfe;
      return [{ kind: frame.kind, payload }];
    };
    await assert.rejects(launch(at, debug), { code: 'sev-firmware/session' });
    assert.equal(await injected(at), false);
  });

  test('a client that would allow debugging is stopped by its own check, before anything is sent', async () => {
    const at = host();
    let sent = 0;
    const count: Carrier = (direction, frame) => {
      if (direction === 'to-loader') sent += 1;
      return [frame];
    };
    const policy = { encryptedState: false, allow: ['debug'], minimumApi: { major: 0, minor: 17 } } as const;
    await assert.rejects(launch(at, count, { policy }), (error: RejectedError) => {
      const failed = error.verdict.checks.filter(({ status }) => status === 'fail');
      assert.deepEqual(
        failed.map(({ id }) => id),
        ['launch/policy'],
      );
      return true;
    });
    assert.equal(sent, 0);
  });

  test('firmware that is older than the client accepts gets nothing', async () => {
    const at = host();
    await assert.rejects(launch(at, honest, { minimum: { api: { major: 1, minor: 55 }, build: 30 } }), {
      code: 'sev/platform-too-old',
    });
    assert.equal(await injected(at), false);
  });

  test('the session of another launch, replayed, measures under other keys than this client has', async () => {
    let recorded: Frame | undefined;
    const record: Carrier = (_direction, frame) => {
      if (frame.kind === launchFrame.start)
        recorded = { kind: frame.kind, payload: Uint8Array.from(frame.payload) };
      return [frame];
    };
    await launch(host(), record);
    const at = host();
    const replay: Carrier = (_direction, frame) =>
      frame.kind === launchFrame.start ? [recorded as Frame] : [frame];
    await assert.rejects(launch(at, replay), { code: 'sev/measurement-rejected' });
    assert.equal(await injected(at), false);
  });

  test('the secret of another launch is refused by the firmware', async () => {
    let recorded: Frame | undefined;
    const record: Carrier = (_direction, frame) => {
      if (frame.kind === launchFrame.secret)
        recorded = { kind: frame.kind, payload: Uint8Array.from(frame.payload) };
      return [frame];
    };
    await launch(host(), record);
    const at = host();
    const replay: Carrier = (_direction, frame) =>
      frame.kind === launchFrame.secret ? [recorded as Frame] : [frame];
    await assert.rejects(launch(at, replay), { code: 'sev-firmware/secret' });
    assert.equal(await injected(at), false);
  });

  test('the measurement of another launch is none of this one', async () => {
    let recorded: Frame | undefined;
    const record: Carrier = (_direction, frame) => {
      if (frame.kind === launchFrame.measurement)
        recorded = { kind: frame.kind, payload: Uint8Array.from(frame.payload) };
      return [frame];
    };
    await launch(host(), record);
    const at = host();
    const replay: Carrier = (_direction, frame) =>
      frame.kind === launchFrame.measurement ? [recorded as Frame] : [frame];
    await assert.rejects(launch(at, replay), { code: 'sev/measurement-rejected' });
    assert.equal(await injected(at), false);
  });

  test('a second owner is refused', async () => {
    const at = host();
    await launch(at);
    await assert.rejects(launch(at), { code: 'keepldr/launch-taken' });
  });

  test('a Keep that is told another kind makes no use of the table, and one of the kind without it does not start', () => {
    assert.equal(launchSecretOf('vm', new Uint8Array(32), undefined), undefined);
    assert.throws(() => launchSecretOf('sev', undefined, undefined), { code: 'wasmldr/secret-missing' });
    assert.throws(() => launchSecretOf('sev', undefined, () => undefined), {
      code: 'wasmldr/secret-missing',
    });
    assert.throws(() => launchSecretOf('sev', new Uint8Array(40), undefined), {
      code: 'sev/secret-malformed',
    });
  });
});
