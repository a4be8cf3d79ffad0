// SPDX-License-Identifier: Apache-2.0
//
// `npm run differential`: the same evidence to another verifier and to ours. Needs Go and the vectors; go-sev-guest comes through the Go
// module proxy in the version that go.mod names. Each disagreement must be one that docs/differential.md explains.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { KeyCache, vendorAnchors, verifyEvidence } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { withoutVectors } from '../../packages/attestation/test/support/vectors.ts';
import { questions, type Question } from './questions.ts';

interface Answer {
  readonly good: boolean;
  readonly reason: string;
}

if (withoutVectors !== false) throw new Error(withoutVectors);
const root = join(import.meta.dirname, '..', '..');
const program = join(root, '.stamp', 'differential', 'go-sev-guest');
mkdirSync(join(program, '..'), { recursive: true });
const built = spawnSync('go', ['build', '-o', program, '.'], {
  cwd: join(import.meta.dirname, 'go-sev-guest'),
  stdio: 'inherit',
});
if (built.status !== 0)
  throw new Error(`go build: ${built.error?.message ?? `status ${String(built.status)}`}`);

/** What docs/differential.md explains. That the other accepts what we refuse is never explained here: it is looked at. */
const explained = [
  /root of trust missing intermediate certificate authority certificate for key VLEK/,
  /no embedded roots available for product line/,
  /not an AMD KDS OID/,
];

const keys = new KeyCache();
async function ours({ report, vek, at }: Question): Promise<Answer> {
  try {
    const { verified, checks } = await verifyEvidence({
      evidence: report,
      endorsements: [vek],
      anchors: vendorAnchors,
      at,
      keys,
    });
    const failures = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    return { good: verified !== undefined, reason: failures.join(', ') };
  } catch (error) {
    if (!(error instanceof EnarxError)) throw error;
    return { good: false, reason: error.code as string };
  }
}

const peer = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
const answers = createInterface({ input: peer.stdout });
async function theirs({ report, vek, kind, product, at }: Question): Promise<Answer> {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const asked = { report: base64(report), vek: base64(vek), kind, product, at: new Date(at).toISOString() };
  peer.stdin.write(`${JSON.stringify(asked)}\n`);
  const [line] = (await once(answers, 'line')) as [string];
  return JSON.parse(line) as Answer;
}

const counts = { both: 0, neither: 0, onlyWe: 0, onlyThey: 0 };
const groups = new Map<string, { count: number; example: string }>();
for (const question of questions()) {
  const [we, they] = [await ours(question), await theirs(question)];
  if (we.good && they.good) counts.both += 1;
  else if (!we.good && !they.good) counts.neither += 1;
  else {
    counts[we.good ? 'onlyWe' : 'onlyThey'] += 1;
    const group = we.good
      ? `only we accept; go-sev-guest: ${they.reason.replace(/0x[0-9a-f]+|\d+/g, 'N').slice(0, 160)}`
      : `only go-sev-guest accepts; we: ${we.reason}`;
    const known = groups.get(group);
    groups.set(group, { count: (known?.count ?? 0) + 1, example: known?.example ?? question.name });
  }
}
answers.close();
peer.stdin.end();
const total = counts.both + counts.neither + counts.onlyWe + counts.onlyThey;
console.log(
  `${String(total)} pairs: both accept ${String(counts.both)}, both refuse ${String(counts.neither)}, only we accept ${String(counts.onlyWe)}, only go-sev-guest accepts ${String(counts.onlyThey)}`,
);
for (const [group, { count, example }] of groups) console.log(`${String(count)} × ${group}\n    ${example}`);
const unexplained = [...groups.keys()].filter(
  (group) => !group.startsWith('only we') || !explained.some((reason) => reason.test(group)),
);
if (unexplained.length > 0) {
  console.error(`not explained: ${unexplained.join('; ')}`);
  process.exitCode = 1;
}
