// SPDX-License-Identifier: Apache-2.0
import { verifyEvidence, type Verification } from '@enarx/attestation';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { exitStatus } from '../../exit-status.ts';
import { printable, table, type Json, type Output } from '../../output.ts';
import { claimsJson, claimsRows } from './claims.ts';
import { readEvidenceFile } from './read.ts';

interface Shown {
  readonly file: string;
  readonly verification: Verification;
}

/** Prints what evidence claims. It is verified for no anchor at all, and so never said to be genuine. */
export async function showEvidence(
  this: EnarxContext,
  _flags: OutputFlags,
  ...files: string[]
): Promise<void> {
  const shown: Shown[] = [];
  for (const file of files) {
    const evidence = await readEvidenceFile(file);
    const verification = await verifyEvidence({ evidence, endorsements: [], anchors: [], at: this.now() });
    shown.push({ file, verification });
  }
  if (shown.some(({ verification }) => verification.claims === undefined))
    this.process.exitCode = exitStatus.unsupported;
  this.output.result(
    shown.map(({ file, verification: { format, claims } }): Json => ({
      file,
      format,
      verified: false,
      claims: claims === undefined ? null : claimsJson(claims),
    })),
    () => shown.map((one) => textOf(this.output, one)).join('\n\n'),
  );
}

function textOf(output: Output, { file, verification }: Shown): string {
  const { format, claims, checks } = verification;
  const title = output.styled('bold', printable(file), 'stdout');
  if (claims === undefined) {
    const reason = checks.find(({ status }) => status === 'fail')?.detail ?? '';
    return `${title}  ${format}, which cannot be read: ${printable(reason)}`;
  }
  const rows = claimsRows(claimsJson(claims)).map(([name, value]) => [`  ${name}`, printable(value)]);
  return [`${title}  ${format}; nothing of this is verified`, table(rows)].join('\n');
}
