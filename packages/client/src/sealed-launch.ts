// SPDX-License-Identifier: Apache-2.0
import { createPublicKey, verify, type KeyObject } from 'node:crypto';

import type { Check, Claims, Verdict } from '@enarx/attestation';
import type { Judge } from '@enarx/channel';
import { compareBytes, launchSecretContext, toHex } from '@enarx/protocol';

import { launchCheck } from './launch-checks.ts';
import { RejectedError } from './rejected-error.ts';
import type { Session } from './session.ts';

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
        launchCheck('launch/key', own, own ? `key ${toHex(keepKey)}` : `another key: ${toHex(keepKey)}`),
        launchCheck(
          'launch/possession',
          signed,
          signed ? 'the signature is good' : 'no signature of that key',
        ),
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
