// SPDX-License-Identifier: Apache-2.0
import { attest, noPolicy, type AttestOptions, type Verdict } from '@enarx/attestation';
import { printable } from '@enarx/protocol';

import { checkMark } from '../../check-mark.ts';
import type { EnarxContext } from '../../context.ts';
import { exitStatus } from '../../exit-status.ts';
import type { Json, Output } from '../../output.ts';
import { cliProblem } from '../../problems.ts';
import { readPolicyFile } from '../policy/read.ts';
import { claimsJson } from './claims.ts';
import type { EvidenceVerifyFlags } from './flags.ts';
import { parseReportData, readVerifyOptions } from './read.ts';
import { resultWriter } from './result.ts';

/** Verifies the evidence that the flags name and prints every check. */
export async function verifyEvidenceFiles(this: EnarxContext, flags: EvidenceVerifyFlags): Promise<void> {
  const { policy, file } = await policyOf(flags);
  const reportData = parseReportData(flags.reportData);
  const writeResult = await resultWriter(this, flags, file);
  const options = await readVerifyOptions(flags, this.now());
  const verdict = await attest({ ...options, policy, reportData });
  await writeResult?.(verdict);
  // Evidence that cannot be read is refused, and nothing is known against it.
  if (verdict.verdict === 'rejected') this.process.exitCode = exitStatus[verdict.unreadable ?? 'rejected'];
  this.output.result(verdictJson(verdict), () => verdictText(this.output, verdict));
}

/** That nobody wants anything of the evidence must be said, not left out. */
async function policyOf({ policy, noPolicy: without }: EvidenceVerifyFlags): Promise<{
  readonly policy: AttestOptions['policy'];
  readonly file: Uint8Array | undefined;
}> {
  if ((policy === undefined) !== without)
    throw cliProblem('cli/usage', {
      found: policy === undefined ? 'neither --policy nor --no-policy' : 'both --policy and --no-policy',
      expected: 'one of them; `enarx policy init` writes a policy',
    });
  return policy === undefined ? { policy: noPolicy, file: undefined } : readPolicyFile(policy);
}

function verdictJson({ verdict, format, simulated, checks, claims }: Verdict): Json {
  return {
    verdict,
    format,
    checks: checks.map(({ id, status, detail, policyLine }) => ({
      id,
      status,
      detail: simulated ? `SIMULATED: ${detail}` : detail,
      policyLine,
    })),
    claims:
      claims === undefined ? null : { simulated, ...(claimsJson(claims) as Readonly<Record<string, Json>>) },
  };
}

function verdictText(output: Output, { verdict, format, simulated, checks }: Verdict): string {
  const flag = simulated ? `${output.styled('yellow', 'SIMULATED', 'stdout')} ` : '';
  const counts = (['pass', 'fail', 'not-applicable'] as const)
    .map((status) => `${String(checks.filter((check) => check.status === status).length)} ${words[status]}`)
    .join(', ');
  const result = output.styled(verdict === 'accepted' ? 'green' : 'red', verdict, 'stdout');
  return [
    ...checks.map(({ id, status, detail, policyLine }) => {
      const line = policyLine === undefined ? '' : ` (policy line ${String(policyLine)})`;
      return `${flag}${checkMark(output, status, 'stdout')} ${id}: ${printable(detail)}${line}`;
    }),
    `${flag}${result}: ${format} evidence, ${counts}`,
  ].join('\n');
}

const words = { pass: 'passed', fail: 'failed', 'not-applicable': 'not applicable' } as const;
