// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import { failed, notApplicable, passed, type Outcome } from '../checks.ts';
import type { Section } from '../policy/section.ts';
import { sections } from '../policy/sections.ts';
import type { Claims, VerifiedEvidence } from '../verification.ts';

/** What the caller itself knows and evidence must say. */
export interface Expected {
  /** 64 bytes; `undefined` only where stored evidence is looked at and nothing is known of its making. */
  readonly reportData: Uint8Array | undefined;
}

/**
 * Holds the report data against what the caller expects, all of it, whatever the policy says.
 * @param wanted - whether the caller has to expect anything
 */
export function reportDataOutcome(
  { format, claims }: VerifiedEvidence,
  { reportData }: Expected,
  wanted: 'required' | 'any',
): Outcome {
  const actual = (sections[format] as Section<Claims>).reportData(claims);
  if (actual === undefined)
    return reportData === undefined
      ? notApplicable(
          'this kind of evidence holds no report data; fresh is the launch session that begins with it',
        )
      : failed('this kind of evidence holds no report data. Expect it of a kind of TEE whose evidence does');
  if (reportData !== undefined)
    return sameBytes(actual, reportData)
      ? passed('REPORT_DATA is what was expected, all 64 bytes')
      : failed(
          `REPORT_DATA: ${toHex(actual)}; expected ${toHex(reportData)}. The evidence was made for another connection, question or key: ask again, and trust nothing of it`,
        );
  const age = 'REPORT_DATA: nobody said what to expect, so this evidence may be of any age';
  return wanted === 'required'
    ? failed(`${age}, and the policy wants it known. Give it with --report-data`)
    : notApplicable(`${age}; it has ${toHex(actual)}`);
}

/** Whether both are the same, looking at every byte whatever the first ones are, so that time tells nothing. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}
