// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { clientProblems } from './problems.ts';

/** The Keep was judged and not accepted. The verdict says by which checks; nothing of a workload was sent. */
export class RejectedError extends EnarxError<'client/rejected'> {
  override readonly name = 'RejectedError';
  readonly verdict: Verdict;

  constructor(verdict: Verdict) {
    const failed = verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    super('client/rejected', clientProblems['client/rejected'], { found: failed.join(', ') });
    this.verdict = verdict;
  }
}
