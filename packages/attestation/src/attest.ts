// SPDX-License-Identifier: Apache-2.0
import { appraise, notAppraised } from './appraise/appraise.ts';
import type { Policy } from './policy/policy.ts';
import type { Check, Claims, EvidenceFormat, VerifyOptions } from './verification.ts';
import { verifyEvidence } from './verify.ts';

/** What came of evidence. */
export interface Verdict {
  readonly verdict: 'accepted' | 'rejected';
  readonly format: EvidenceFormat;
  /** The chain ended in an anchor that is not a vendor's. Whoever shows a verdict says so. */
  readonly simulated: boolean;
  /** Those of verification, then those of appraisal; each stands here whatever its status. */
  readonly checks: readonly Check[];
  /** What the evidence says; to be believed only when it was accepted. */
  readonly claims: Claims | undefined;
}

export interface AttestOptions extends VerifyOptions {
  readonly policy: Policy;
  /** 64 bytes that the evidence must hold; `undefined` only for stored evidence of whose making nothing is known. */
  readonly reportData: Uint8Array | undefined;
}

/**
 * Verifies evidence and holds it against a policy. Accepted is what failed no check of either. Evidence that does not
 * verify is not appraised: what a forger wrote is nobody's wish.
 * @throws EnarxError of the kinds `malformed` and `unsupported`, for bytes that are no evidence
 */
export async function attest({ policy, reportData, ...options }: AttestOptions): Promise<Verdict> {
  const { format, simulated, checks, claims, verified } = await verifyEvidence(options);
  const appraised =
    verified === undefined ? notAppraised(format) : appraise(verified, policy, { reportData });
  const rejected = verified === undefined || appraised.some(({ status }) => status === 'fail');
  return {
    verdict: rejected ? 'rejected' : 'accepted',
    format,
    simulated,
    checks: [...checks, ...appraised],
    claims,
  };
}
