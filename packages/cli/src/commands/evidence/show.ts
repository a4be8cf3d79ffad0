// SPDX-License-Identifier: Apache-2.0
import { verifyEvidence, type Unreadable, type Verification } from '@enarx/attestation';
import { EnarxError, printable } from '@enarx/protocol';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { exitStatus } from '../../exit-status.ts';
import { nameFile } from '../../name-file.ts';
import { table, type Json, type Output } from '../../output.ts';
import { claimsJson, claimsRows } from './claims.ts';
import { readEvidenceFile } from './read.ts';
import { sevCertificatesJson } from './sev-certificates.ts';

interface Shown {
  readonly file: string;
  readonly format: Verification['format'];
  /** `null` for evidence that cannot be read. */
  readonly claims: Json;
  readonly unreadable: Unreadable | undefined;
  readonly reason: string;
}

/** What a SEV file gets that holds certificates, but not those of one whole platform. */
const noPlatform: readonly string[] = ['sev/chain-incomplete', 'sev/chain-ambiguous'];

/** Prints what evidence claims. It is verified for no anchor at all, and so never said to be genuine. */
export async function showEvidence(
  this: EnarxContext,
  _flags: OutputFlags,
  ...files: string[]
): Promise<void> {
  const shown: Shown[] = [];
  for (const file of files) {
    try {
      shown.push(await showFile(file, this.now()));
    } catch (error) {
      throw files.length > 1 && error instanceof EnarxError ? nameFile(error as EnarxError, file) : error;
    }
  }
  const unreadable = shown.find((one) => one.unreadable !== undefined)?.unreadable;
  if (unreadable !== undefined) this.process.exitCode = exitStatus[unreadable];
  this.output.result(
    shown.map(({ file, format, claims }): Json => ({ file, format, verified: false, claims })),
    () => shown.map((one) => textOf(this.output, one)).join('\n\n'),
  );
}

async function showFile(file: string, at: number): Promise<Shown> {
  const evidence = await readEvidenceFile(file);
  try {
    const { format, claims, checks, unreadable } = await verifyEvidence({
      evidence,
      endorsements: [],
      anchors: [],
      at,
    });
    const reason = checks.find(({ status }) => status === 'fail')?.detail ?? '';
    return { file, format, claims: claims === undefined ? null : claimsJson(claims), unreadable, reason };
  } catch (error) {
    if (!(error instanceof EnarxError) || !noPlatform.includes(error.code as string)) throw error;
    return {
      file,
      format: 'sev',
      claims: sevCertificatesJson(evidence),
      unreadable: undefined,
      reason: '',
    };
  }
}

function textOf(output: Output, { file, format, claims, reason }: Shown): string {
  const title = output.styled('bold', printable(file), 'stdout');
  if (claims === null) return `${title}  ${format}, which cannot be read: ${printable(reason)}`;
  const rows = claimsRows(claims).map(([name, value]) => [`  ${name}`, printable(value)]);
  return [`${title}  ${format}; nothing of this is verified`, table(rows)].join('\n');
}
