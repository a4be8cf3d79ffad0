// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

import type { SnpClaims } from '../../src/snp/claims.ts';
import type { Check, Verification, VerifyOptions } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { at, type FakeAmd } from './fake-amd.ts';

/** Ids of the checks that failed. */
export const failures = ({ checks }: Verification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

export function checkOf({ checks }: Verification, id: string): Check {
  const found = checks.find((check) => check.id === id);
  assert.ok(found, `no check ${id}`);
  return found;
}

/** What an SNP verification read, believed or not. */
export function snpClaims({ claims }: Verification): SnpClaims {
  assert.equal(claims?.format, 'snp');
  return claims;
}

/** What a verified one proves. */
export function verifiedClaims({ verified }: Verification): SnpClaims {
  assert.ok(verified, 'the evidence is not verified');
  return verified.claims as SnpClaims;
}

export interface FakeEvidence {
  readonly report?: Uint8Array;
  readonly vek?: Uint8Array;
  readonly ask?: Uint8Array;
  readonly ark?: Uint8Array;
  readonly more?: readonly Uint8Array[];
  readonly options?: Partial<VerifyOptions>;
}

/** Verifies what a made-up AMD made, good but for what is given. */
export async function verifyFake(
  amd: FakeAmd,
  evidence: FakeEvidence = {},
): Promise<Verification<SnpClaims>> {
  const { report, vek, ask = amd.certificates.ask, ark = amd.certificates.ark, more = [] } = evidence;
  return verifyEvidence({
    evidence: report ?? (await amd.report()),
    endorsements: [vek ?? (await amd.vcek()), ask, ark, ...more],
    anchors: [amd.anchor],
    at,
    ...evidence.options,
  }) as Promise<Verification<SnpClaims>>;
}

/** The evidence is refused, by this check and no other, for this reason. */
export async function assertOnly(
  id: string,
  reason: RegExp,
  verification: Verification | Promise<Verification>,
): Promise<void> {
  const result = await verification;
  assert.deepEqual(
    failures(result),
    [id],
    JSON.stringify(result.checks.filter(({ status }) => status === 'fail')),
  );
  assert.match(checkOf(result, id).detail, reason);
  assert.equal(result.verified, undefined);
}

/** Verifies evidence that is known to be of SEV-SNP. */
export async function verifySnpEvidence(options: VerifyOptions): Promise<Verification<SnpClaims>> {
  return (await verifyEvidence(options)) as Verification<SnpClaims>;
}
