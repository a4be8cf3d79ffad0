// SPDX-License-Identifier: Apache-2.0
import { EnarxError, quotedText } from '@enarx/protocol';

/**
 * - `pass`: looked at and good.
 * - `fail`: looked at and bad, or needed and not there.
 * - `not-applicable`: nothing to look at in this evidence, or not reached because an earlier check failed; the detail says which.
 */
export type CheckStatus = 'pass' | 'fail' | 'not-applicable';

/** Outcome of one named check. */
export interface Check {
  /** Stable, from a check table; docs/checks.md lists them. */
  readonly id: string;
  readonly status: CheckStatus;
  /** One sentence: what was found; for a failure also what was expected and how to mend it. */
  readonly detail: string;
  /** Line of the policy file that decided, from 1. */
  readonly policyLine?: number;
}

/** One line on each check of a module: id to description. */
export type CheckTable = Readonly<Record<string, string>>;

/** What a check came to, before it has its name. */
export interface Outcome {
  readonly status: CheckStatus;
  readonly detail: string;
}

export const passed = (detail: string): Outcome => ({ status: 'pass', detail });
export const failed = (detail: string): Outcome => ({ status: 'fail', detail });
export const notApplicable = (detail: string): Outcome => ({ status: 'not-applicable', detail });
/** The check could not be made because of an earlier failure. It is no pass, and never hidden. */
export const notReached = (reason: string): Outcome => notApplicable(`not reached: ${reason}`);

/** One failure out of several findings, or the pass. */
export function outcomeOf(failures: readonly string[], pass: string): Outcome {
  return failures.length === 0 ? passed(pass) : failed(failures.join('; '));
}

/** In bytes of UTF-8. */
const longestDetail = 2048;

/** Details quote names and numbers out of what an attacker may have written, and are shown in terminals. */
export function check(id: string, { status, detail }: Outcome): Check {
  return { id, status, detail: quotedText(detail, longestDetail) };
}

/** Named outcomes as checks, in the order of the record. */
export function checksOf(outcomes: Readonly<Record<string, Outcome>>): Check[] {
  return Object.entries(outcomes).map(([id, outcome]) => check(id, outcome));
}

/** Sentence of an error that a reader threw; anything else is our own fault and goes on. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof EnarxError)) throw error;
  return error.message;
}

/** How evidence can be past reading. */
export type Unreadable = 'malformed' | 'unsupported';

/** The same of the error, which {@link reasonOf} has let pass. */
export function unreadableAs(error: unknown): Unreadable {
  return (error as EnarxError).kind === 'unsupported' ? 'unsupported' : 'malformed';
}
