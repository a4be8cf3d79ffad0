// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import type { VerifiedEvidence } from '../verification.ts';
import type { SevClaims } from './claims.ts';
import { issueOwnerCertificate } from './issue.ts';
import { agreeOnSecret, importAesCtrKey, importHmacKey, sevKeyLength } from './key-derivation.ts';
import {
  measuredBytes,
  measureLength,
  measurementLength,
  type FirmwareVersion,
  type LaunchToMeasure,
} from './measurement.ts';
import { encodeGuestPolicy, isByte, isOlder, type GuestPolicy } from './policy.ts';
import { sealPacket, type PacketKeys, type SecretPacket } from './secret-packet.ts';
import { encodeSecretTable, type LaunchSecret } from './secret-table.ts';
import { wrapSession } from './session.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes from a source that nobody can predict; WebCrypto's unless another is given. */
export type RandomSource = (length: number) => Uint8Array;

export interface SessionOptions {
  readonly policy: GuestPolicy;
  readonly random?: RandomSource;
}

/** What the owner of a guest knows of its launch, and what the host says of it. */
export interface LaunchClaim {
  /** From LAUNCH_MEASURE: 32 bytes of HMAC, then a nonce of 16. */
  readonly measurement: Uint8Array;
  /** What the host says its firmware is. The measurement covers it. */
  readonly firmware: FirmwareVersion;
  /** The digest that the owner computed from the image, 32 bytes. Never one that the host gave. */
  readonly launchDigest: Uint8Array;
  /** The oldest firmware that the owner accepts. */
  readonly minimum: FirmwareVersion;
}

/** A guest that the owner may hand secrets to. */
export interface MeasuredLaunch {
  readonly firmware: FirmwareVersion;
  /**
   * Seals secrets for this launch and no other. Each packet has an initialization vector of its own.
   * @param areaSize - bytes that the guest's firmware keeps free for them: `secretArea` of its layout
   * @throws EnarxError `sev/secret-invalid`
   */
  sealSecrets(secrets: readonly LaunchSecret[], areaSize: number): Promise<SecretPacket>;
}

/** A launch that the owner has begun. The keys in it are used for one guest. */
export interface LaunchSession {
  /** Owner's certificate for LAUNCH_START, 2084 bytes (QEMU: `dh-cert-file`, in base64). */
  readonly certificate: Uint8Array;
  /** Session parameters for LAUNCH_START, 128 bytes (QEMU: `session-file`, in base64). */
  readonly parameters: Uint8Array;
  /** For LAUNCH_START (QEMU: `policy`). The firmware refuses any other with these parameters. */
  readonly policy: number;
  /**
   * Checks that the expected guest was launched, under this session's policy, by firmware that is new enough. Passes once.
   * @throws EnarxError `sev/measurement-malformed`, `sev/platform-too-old`, `sev/measurement-rejected`, `sev/session-spent`
   */
  verifyMeasurement(claim: LaunchClaim): Promise<MeasuredLaunch>;
}

/** Before this version of the API a secret is not bound to a launch. */
const leastApi = { major: 0, minor: 17 } as const;

/**
 * Begins a launch for a platform that was verified: agrees on a secret with its PDH, makes a TEK and a TIK, and wraps them
 * for it. Sealed secrets come only from a {@link MeasuredLaunch}, that only from this session, and this only from a
 * verified platform: another order does not compile.
 *
 * @throws EnarxError `sev/policy-invalid`, `sev/platform-too-old`
 */
export async function openLaunchSession(
  platform: VerifiedEvidence<SevClaims>,
  { policy, random = webRandom }: SessionOptions,
): Promise<LaunchSession> {
  const { api, pdh } = platform.claims;
  const bits = encodeGuestPolicy(policy);
  for (const least of [leastApi, policy.minimumApi])
    if (isOlder(api, least)) throw tooOld(`SEV API ${versionText(api)}`, versionText(least));

  const own = await crypto.subtle.generateKey(p384, false, ['deriveBits']);
  const platformKey = await crypto.subtle.importKey('raw', pdh as Bytes, p384, false, []);
  const sharedSecret = await agreeOnSecret(own.privateKey, platformKey);
  const keys = { encryption: random(sevKeyLength), integrity: random(sevKeyLength) };
  const [nonce, iv] = [random(sevKeyLength), random(sevKeyLength)];
  const parameters = await wrapSession({ sharedSecret, nonce, iv, keys, policy: bits });
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', own.publicKey));
  const packetKeys: PacketKeys = {
    encryption: await importAesCtrKey(keys.encryption, ['encrypt']),
    integrity: await importHmacKey(keys.integrity, ['sign', 'verify']),
  };
  // From here on only WebCrypto has them, and does not give them away.
  keys.encryption.fill(0);
  keys.integrity.fill(0);
  sharedSecret.fill(0);
  // A host can start one session many times, and all those guests measure well. One of them may have secrets.
  let spent = false;
  return {
    certificate: await issueOwnerCertificate(point),
    parameters,
    policy: bits,
    verifyMeasurement: async (claim) => {
      const launch = await verifyMeasurement(packetKeys, bits, claim, random);
      if (spent) throw attestationProblem('sev/session-spent');
      spent = true;
      return launch;
    },
  };
}

async function verifyMeasurement(
  keys: PacketKeys,
  policy: number,
  { measurement, firmware, launchDigest, minimum }: LaunchClaim,
  random: RandomSource,
): Promise<MeasuredLaunch> {
  if (measurement.length !== measurementLength)
    throw attestationProblem('sev/measurement-malformed', { found: `${String(measurement.length)} bytes` });
  // What is authenticated is one byte each: a build of 285 would be measured as 29 and be taken for a newer one.
  if (![firmware.api.major, firmware.api.minor, firmware.build].every(isByte))
    throw attestationProblem('sev/measurement-malformed', {
      found: firmwareText(firmware),
      expected: 'bytes',
    });
  if (isOlderFirmware(firmware, minimum) || isOlder(firmware.api, leastApi))
    throw tooOld(firmwareText(firmware), `${firmwareText(minimum)}, and SEV API ${versionText(leastApi)}`);
  // Copies, since the caller may change what it gave while this waits.
  const measure = Uint8Array.from(measurement.subarray(0, measureLength));
  const launch: LaunchToMeasure = {
    firmware,
    policy,
    launchDigest,
    nonce: Uint8Array.from(measurement.subarray(measureLength)),
  };
  if (!(await crypto.subtle.verify('HMAC', keys.integrity, measure, measuredBytes(launch))))
    throw attestationProblem('sev/measurement-rejected', {
      expected: `launch digest ${toHex(launchDigest)}, policy 0x${policy.toString(16)}, ${firmwareText(firmware)}`,
    });
  return {
    firmware,
    sealSecrets: async (secrets, areaSize) =>
      sealPacket(keys, encodeSecretTable(secrets, areaSize), measure, random(sevKeyLength)),
  };
}

/** By API version, then by build. */
function isOlderFirmware(a: FirmwareVersion, b: FirmwareVersion): boolean {
  return isOlder(a.api, b.api) || (!isOlder(b.api, a.api) && a.build < b.build);
}

const p384 = { name: 'ECDH', namedCurve: 'P-384' } as const;

function webRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function versionText({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${String(major)}.${String(minor)}`;
}

function firmwareText({ api, build }: FirmwareVersion): string {
  return `SEV API ${versionText(api)} build ${String(build)}`;
}

function tooOld(found: string, expected: string): Error {
  return attestationProblem('sev/platform-too-old', { found, expected: `at least ${expected}` });
}
