// SPDX-License-Identifier: Apache-2.0
import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import type { Duplex } from 'node:stream';

import type { Anchor, Check, Claims, Verdict } from '@enarx/attestation';
import {
  decodeGuestPolicy,
  openLaunchSession,
  verifySevPlatform,
  type FirmwareVersion,
  type GuestPolicy,
  type LaunchSecret,
} from '@enarx/attestation/sev';
import { keyDigest, ReportedError, type ClientIdentity, type Judge } from '@enarx/channel';
import { FrameStream } from '@enarx/channel/frame-stream';
import {
  compareBytes,
  decodeMessage,
  decodeProblem,
  encodeMessage,
  EnarxError,
  launchFrame,
  launchSecretContext,
  launchSecretGuids,
  sevMeasurement,
  sevPlatform,
  sevSecret,
  sevStart,
  toHex,
  type MessageType,
} from '@enarx/protocol';

import type { launchChecks } from './launch-checks.ts';
import { clientProblem } from './problems.ts';
import { RejectedError } from './rejected-error.ts';
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

/** A launch that had its secret. Whoever answers later has to own that key. */
export interface SealedLaunch {
  readonly publicKey: KeyObject;
  /** SHA-256 of its SubjectPublicKeyInfo, 32 bytes. */
  readonly keyDigest: Uint8Array;
  readonly simulated: boolean;
  /** What was read of the platform; not there where the launch is known from a record. */
  readonly claims: Claims | undefined;
  /** Those of the platform and of the launch. */
  readonly checks: readonly Check[];
}

/** Milliseconds. A host that loads an image may take long to measure it. */
const longestAnswer = 120_000;

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
        pass('launch/firmware', `SEV API ${String(major)}.${String(minor)} build ${String(build)}`),
        pass('launch/measurement', `launch digest ${toHex(trust.launchDigest)}`),
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
  return check(
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
    throw new RejectedError(rejecting(verdict, check(id, false, cause.message)), cause);
  }
}

/** What was found so far, and the check that ended it. */
function rejecting(verdict: Verdict, failed: Check): Verdict {
  return { ...verdict, verdict: 'rejected', checks: [...verdict.checks, failed] };
}

/** A judge of connections to the Keep of such a launch, and what it found. */
export function sealedJudgement(
  launch: SealedLaunch,
  steps: Session['steps'],
  keepKey: Uint8Array,
): { readonly judge: Judge; readonly verdict: () => Verdict } {
  let verdict: Verdict | undefined;
  return {
    judge: ({ evidence, reportData }) => {
      const own = compareBytes(keepKey, launch.keyDigest) === 0;
      const signed =
        evidence.format === 'sev' &&
        evidence.endorsements.length === 0 &&
        verify(
          'sha256',
          Buffer.concat([Buffer.from(launchSecretContext, 'ascii'), reportData]),
          {
            key: createPublicKey(launch.publicKey.export({ type: 'spki', format: 'pem' })),
            dsaEncoding: 'ieee-p1363',
          },
          evidence.report,
        );
      steps.take(7, 'it answers with the key that was sealed for it');
      const checks = [
        ...launch.checks,
        check('launch/key', own, own ? `key ${toHex(keepKey)}` : `another key: ${toHex(keepKey)}`),
        check('launch/possession', signed, signed ? 'the signature is good' : 'no signature of that key'),
      ];
      verdict = {
        verdict: own && signed ? 'accepted' : 'rejected',
        format: 'sev',
        simulated: launch.simulated,
        checks,
        claims: launch.claims,
      };
      return verdict.verdict === 'accepted' ? Promise.resolve() : Promise.reject(new RejectedError(verdict));
    },
    verdict: () => verdict as Verdict,
  };
}

function check(id: keyof typeof launchChecks, good: boolean, detail: string): Check {
  return { id, status: good ? 'pass' : 'fail', detail };
}

function pass(id: keyof typeof launchChecks, detail: string): Check {
  return check(id, true, detail);
}

/** The owner's end of the connection. The host at the other end is hostile: frames are bounded, expected one by one, and waited for not for ever. */
class OwnersEnd {
  readonly #connection: Duplex;
  readonly #frames: FrameStream;
  readonly #tap: Session['tap'];
  readonly #signal: AbortSignal | undefined;

  constructor(connection: Duplex, tap: Session['tap'], signal: AbortSignal | undefined) {
    connection.on('error', () => undefined);
    this.#connection = connection;
    this.#frames = new FrameStream(connection);
    this.#tap = tap;
    this.#signal = signal;
  }

  async send<T>(kind: number, type: MessageType<T>, message: T): Promise<void> {
    const payload = encodeMessage(type, message);
    this.#tap?.('sent', type.name, payload);
    await this.#frames.send(kind, payload);
  }

  async next<T>(kind: number, type: MessageType<T>): Promise<T> {
    const payload = await this.#payload(kind);
    this.#tap?.('received', type.name, payload);
    return decodeMessage(type, payload);
  }

  async finished(): Promise<void> {
    await this.#payload(launchFrame.finished);
  }

  close(): void {
    this.#frames.destroy();
  }

  async #payload(kind: number): Promise<Uint8Array> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      this.#connection.destroy();
    }, longestAnswer);
    const abort = (): void => void this.#connection.destroy();
    this.#signal?.addEventListener('abort', abort);
    try {
      this.#signal?.throwIfAborted();
      const frame = await this.#frames.read();
      if (frame === undefined) throw clientProblem('client/host-gone', { found: 'the end of the launch' });
      if (frame.kind === launchFrame.problem) throw new ReportedError('host', decodeProblem(frame.payload));
      if (frame.kind !== kind)
        throw clientProblem('client/host-answer', {
          found: `a frame of kind ${String(frame.kind)}`,
          expected: `kind ${String(kind)}`,
        });
      return frame.payload;
    } catch (error) {
      if (this.#signal?.aborted === true)
        throw clientProblem('client/aborted', { cause: this.#signal.reason });
      if (late.signal.aborted)
        throw clientProblem('client/host-timeout', {
          expected: `an answer within ${String(longestAnswer)} ms`,
        });
      const { code } = error as NodeJS.ErrnoException;
      if (code?.startsWith('E') === true)
        throw clientProblem('client/host-gone', { found: code, cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', abort);
    }
  }
}
