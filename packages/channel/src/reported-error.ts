// SPDX-License-Identifier: Apache-2.0
import { EnarxError } from '@enarx/protocol';

/**
 * A problem that the other side reports. All of its text is the other side's: where the host speaks, or a Keep that is not
 * attested yet, nothing of it is proof of anything, and it may hold characters that a terminal obeys.
 */
export class ReportedError extends EnarxError {
  override readonly name = 'ReportedError';
  /** Who says so. */
  readonly by: 'host' | 'keep';
  /** The host's number for the request, 16 hexadecimal digits, by which its operator finds it in the log. */
  readonly request: string | undefined;

  constructor(by: 'host' | 'keep', problem: EnarxError, request?: string) {
    const { code, kind, status, title, mend, found, expected } = problem;
    super(code, { kind, status, title, mend }, { found, expected });
    this.by = by;
    this.request = request;
  }
}
