// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { clientProblems } from './problems.ts';

/**
 * The Keep was judged and not accepted. The verdict says by which checks; nothing of a workload was sent. The code is
 * `client/rejected`, or that of the cause where one check ended the judging by an error of its own (`sev/…`).
 */
export class RejectedError extends EnarxError {
  override readonly name = 'RejectedError';
  readonly verdict: Verdict;

  constructor(verdict: Verdict, cause?: EnarxError) {
    const failed = verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    if (cause === undefined)
      super('client/rejected', clientProblems['client/rejected'], { found: failed.join(', ') });
    else super(cause.code, cause, { found: cause.found, expected: cause.expected, cause });
    this.verdict = verdict;
  }
}
