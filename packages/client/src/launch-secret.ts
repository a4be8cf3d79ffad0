// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Duplex } from 'node:stream';

import type { Anchor, Check, Verdict } from '@enarx/attestation';
import {
  decodeGuestPolicy,
  openLaunchSession,
  verifySevPlatform,
  type FirmwareVersion,
  type GuestPolicy,
  type LaunchSecret,
} from '@enarx/attestation/sev';
import { keyDigest, type ClientIdentity } from '@enarx/channel';
import {
  EnarxError,
  launchFrame,
  launchSecretGuids,
  sevMeasurement,
  sevPlatform,
  sevSecret,
  sevStart,
  toHex,
} from '@enarx/protocol';

import { launchCheck, type launchChecks } from './launch-checks.ts';
import { OwnersEnd } from './owners-end.ts';
import { RejectedError } from './rejected-error.ts';
import type { SealedLaunch } from './sealed-launch.ts';
import type { Session } from './session.ts';

/** By what a launch is judged. None of it comes from the host. */
export interface LaunchTrust {
  /** Keys in which the platform's chain may end. */
  readonly anchors: readonly Anchor[];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Launch digest of the guest, 32 bytes, computed from an image of one's own. */
  readonly launchDigest: Uint8Array;
  /** Bytes that the guest's firmware keeps for secrets. */
  readonly secretArea: number;
  /** One that allows anything is refused. */
  readonly policy: GuestPolicy;
  /** The oldest firmware that is accepted. */
  readonly minimum: FirmwareVersion;
  /** Certificates on top of those that the host presents. */
  readonly endorsements?: readonly Uint8Array[] | undefined;
  /** Told what the platform's chain came to, before anything is sent to it. */
  readonly onPlatform?: ((verdict: Verdict) => void) | undefined;
}

/**
 * The owner's part in a launch: verifies the platform, opens a session, verifies the measurement, and only then seals a key, made for this one Keep, and the digest of the owner's.
 *
 * @throws RejectedError for a platform or a launch that is not good; EnarxError `sev/…`, what the host reports, any `client/…`
 */
export async function launchWithSecret(
  connection: Duplex,
  identity: ClientIdentity,
  trust: LaunchTrust,
  { steps, tap, signal }: Session,
): Promise<SealedLaunch> {
  const owner = new OwnersEnd(connection, tap, signal);
  try {
    const { certificates } = await owner.next(launchFrame.platform, sevPlatform);
    const platform = await verifySevPlatform({
      certificates: [...certificates, ...(trust.endorsements ?? [])],
      anchors: trust.anchors,
      at: trust.at,
    });
    const { verified, simulated, claims } = platform;
    const verdict: Verdict = {
      verdict: verified === undefined ? 'rejected' : 'accepted',
      format: 'sev',
      simulated,
      checks: platform.checks,
      claims,
    };
    if (verified === undefined) throw new RejectedError(verdict);
    trust.onPlatform?.(verdict);
    const session = await judged(verdict, () => openLaunchSession(verified, { policy: trust.policy }));
    const policy = policyCheck(session.policy);
    if (policy.status === 'fail') throw new RejectedError(rejecting(verdict, policy));
    steps.take(
      3,
      `${String(platform.checks.length)} checks of the chain ARK, ASK, CEK, PEK, PDH; session opened`,
    );
    await owner.send(launchFrame.start, sevStart, {
      policy: session.policy,
      certificate: session.certificate,
      session: session.parameters,
    });
    steps.take(4, 'keys wrapped for the firmware');
    const { measurement, firmware } = await owner.next(launchFrame.measurement, sevMeasurement);
    const { major, minor, build } = firmware;
    const measured = await judged(verdict, () =>
      session.verifyMeasurement({
        measurement,
        firmware: { api: { major, minor }, build },
        launchDigest: trust.launchDigest,
        minimum: trust.minimum,
      }),
    );
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { header, payload } = await measured.sealSecrets(
      secretsOf(key.privateKey, identity),
      trust.secretArea,
    );
    await owner.send(launchFrame.secret, sevSecret, { header, payload });
    await owner.finished();
    steps.take(
      5,
      `launch digest ${toHex(trust.launchDigest)} verified; key sealed for this launch and injected`,
    );
    return {
      publicKey: key.publicKey,
      keyDigest: keyDigest(key.publicKey) as Uint8Array,
      simulated,
      claims,
      checks: [
        ...platform.checks,
        policy,
        launchCheck(
          'launch/firmware',
          true,
          `SEV API ${String(major)}.${String(minor)} build ${String(build)}`,
        ),
        launchCheck('launch/measurement', true, `launch digest ${toHex(trust.launchDigest)}`),
      ],
    };
  } finally {
    owner.close();
  }
}

function secretsOf(privateKey: KeyObject, identity: ClientIdentity): LaunchSecret[] {
  return [
    { guid: launchSecretGuids.key, data: privateKey.export({ type: 'pkcs8', format: 'der' }) },
    { guid: launchSecretGuids.owner, data: identity.keyDigest },
  ];
}

/** The firmware is asked to enforce it, and the measurement covers it: what it allows, the host may do. */
function policyCheck(policy: number): Check {
  const { allow, encryptedState } = decodeGuestPolicy(policy);
  const allowed = allow.length === 0 ? 'nothing allowed' : `allowed: ${allow.join(', ')}`;
  return launchCheck(
    'launch/policy',
    allow.length === 0,
    `0x${policy.toString(16)}: ${allowed}${encryptedState ? ', registers encrypted' : ''}`,
  );
}

/** The checks that the session makes, by the code that it throws where one fails. */
const checkOfCode: Readonly<Record<string, keyof typeof launchChecks>> = {
  'sev/platform-too-old': 'launch/firmware',
  'sev/measurement-rejected': 'launch/measurement',
};

/** @throws RejectedError with the check that failed, for an error that says no; any other error as it is */
async function judged<T>(verdict: Verdict, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof EnarxError)) throw error;
    const cause = error as EnarxError;
    const id = checkOfCode[cause.code];
    if (id === undefined) throw cause;
    throw new RejectedError(rejecting(verdict, launchCheck(id, false, cause.message)), cause);
  }
}

/** What was found so far, and the check that ended it. */
function rejecting(verdict: Verdict, failed: Check): Verdict {
  return { ...verdict, verdict: 'rejected', checks: [...verdict.checks, failed] };
}
