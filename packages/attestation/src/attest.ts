// SPDX-License-Identifier: Apache-2.0
import { appraise, notAppraised } from './appraise/appraise.ts';
import { reportDataOutcome } from './appraise/report-data.ts';
import { check, type Check, type Unreadable } from './checks.ts';
import type { Policy } from './policy/policy.ts';
import type { Claims, VerifyOptions } from './verification.ts';
import { verifyEvidence } from './verify.ts';

/** What came of evidence. */
export interface Verdict {
  readonly verdict: 'accepted' | 'rejected';
  readonly format: Claims['format'];
  /** The chain ended in an anchor that is not a vendor's. Whoever shows a verdict says so. */
  readonly simulated: boolean;
  /** Those of verification, then those of appraisal; each stands here whatever its status. */
  readonly checks: readonly Check[];
  /** What the evidence says; to be believed only when it was accepted. */
  readonly claims: Claims | undefined;
  /** Why there are no claims. */
  readonly unreadable?: Unreadable;
}

/**
 * Says that whatever is genuine will do. A symbol, so that no file, no message and no misspelt option can say it, and a
 * search finds each place that does.
 */
export const noPolicy: unique symbol = Symbol('no policy');

export interface AttestOptions extends VerifyOptions {
  readonly policy: Policy | typeof noPolicy;
  /** 64 bytes that the evidence must hold; `undefined` only for stored evidence of whose making nothing is known. */
  readonly reportData: Uint8Array | undefined;
}

/**
 * Verifies evidence and holds it against a policy. Accepted is what failed no check of either. Evidence that does not
 * verify is not appraised: what a forger wrote is nobody's wish. Without a policy only the report data is held against what
 * the caller expects.
 * @throws EnarxError of the kinds `malformed` and `unsupported`, for bytes that are no evidence
 */
export async function attest({ policy, reportData, ...options }: AttestOptions): Promise<Verdict> {
  const { format, simulated, checks, claims, verified, unreadable } = await verifyEvidence(options);
  let appraised: readonly Check[];
  if (verified === undefined)
    appraised = policy === noPolicy ? [] : notAppraised(format, 'the evidence did not verify');
  else if (policy === noPolicy)
    appraised = [check('policy/report-data', reportDataOutcome(verified, { reportData }, 'any'))];
  else appraised = appraise(verified, policy, { reportData });
  const good = verified !== undefined && appraised.every(({ status }) => status !== 'fail');
  return {
    verdict: good ? 'accepted' : 'rejected',
    format,
    simulated,
    checks: [...checks, ...appraised],
    claims,
    ...(unreadable === undefined ? {} : { unreadable }),
  };
}
