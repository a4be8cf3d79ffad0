// SPDX-License-Identifier: Apache-2.0
import { attest, type Anchor, type KeyCache, type Policy, type Verdict } from '@enarx/attestation';
import type { Judge } from '@enarx/channel';

import { RejectedError } from './rejected-error.ts';
import type { Steps } from './steps.ts';

/** By what a Keep is judged. None of it has a default: whoever trusts somebody says so. */
export interface Trust {
  /** Keys in which the chain of the evidence may end: `vendorAnchors`, one from `anchorFromPem`, or both. */
  readonly anchors: readonly Anchor[];
  readonly policy: Policy;
  /**
   * Time to verify for, in milliseconds since 1970; or a clock, which is looked at when the evidence is there. Some processors make evidence that is valid from that very
   * second on.
   */
  readonly at: number | (() => number);
  /** Certificates and revocation lists on top of those that the Keep presents. */
  readonly endorsements?: readonly Uint8Array[] | undefined;
  /** Keeps verified keys between calls. */
  readonly keys?: KeyCache | undefined;
}

/** A judge that remembers its verdict. */
export function judgement(
  { anchors, policy, at, endorsements = [], keys }: Trust,
  steps: Steps,
): { readonly judge: Judge; readonly verdict: () => Verdict } {
  let verdict: Verdict | undefined;
  return {
    judge: async ({ evidence, reportData }) => {
      steps.take(7, `evidence of ${String(evidence.report.length + evidence.endorsements.length)} bytes`);
      verdict = await attest({
        evidence: evidence.report,
        endorsements: [evidence.endorsements, ...endorsements].filter(({ length }) => length > 0),
        anchors,
        policy,
        at: typeof at === 'number' ? at : at(),
        reportData,
        ...(keys === undefined ? {} : { keys }),
      });
      if (verdict.verdict !== 'accepted') throw new RejectedError(verdict);
    },
    verdict: () => verdict as Verdict,
  };
}
