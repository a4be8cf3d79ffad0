// SPDX-License-Identifier: Apache-2.0
import {
  vendorAnchors,
  verifyEvidence,
  type SgxClaims,
  type TdxClaims,
  type Verification,
} from '@enarx/attestation';

import {
  collateralOf,
  intelFile,
  intelVectors,
  withoutVectors,
  type IntelVector,
} from '../../packages/attestation/test/intel/vectors.ts';
import { phala, phalaCollateral } from './phala.ts';

// Holds our verdicts on the whole corpus of quotes against those of @phala/dcap-qvl, and prints where they differ, by kind.
// What is behind each kind stands in docs/differential-intel.md.

interface Said {
  /** A status, or that the quote was refused. */
  readonly status: string;
  readonly advisories: string;
  readonly why: string;
}

async function ours(vector: IntelVector, at: number): Promise<Said> {
  try {
    const { verified, checks } = (await verifyEvidence({
      evidence: intelFile(vector.tee, vector.file),
      endorsements: collateralOf(vector),
      anchors: vendorAnchors,
      at,
    })) as Verification<SgxClaims | TdxClaims>;
    const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    return {
      status: verified?.claims.tcb?.status ?? 'refused',
      advisories: verified?.claims.tcb?.advisories.join(' ') ?? '',
      why: failed.join(' '),
    };
  } catch (error) {
    return { status: 'refused', advisories: '', why: (error as { code?: string }).code ?? String(error) };
  }
}

function theirs(vector: IntelVector, at: number): Said {
  try {
    const { status, advisory_ids: advisories } = phala.verify(
      intelFile(vector.tee, vector.file),
      phalaCollateral(vector),
      Math.floor(at / 1000),
    );
    return { status, advisories: [...new Set(advisories)].toSorted().join(' '), why: '' };
  } catch (error) {
    return { status: 'refused', advisories: '', why: (error as Error).message.slice(0, 60) };
  }
}

if (withoutVectors !== false) throw new Error(withoutVectors);
const kinds = new Map<string, string[]>();
let appraisals = 0;
let equal = 0;
for (const vector of intelVectors) {
  if (!vector.kind.endsWith('-quote') || vector.level !== 'full') continue;
  const at = Date.parse(vector.verifyAt as string);
  const [we, they] = [await ours(vector, at), theirs(vector, at)];
  appraisals += 1;
  if (we.status === they.status && we.advisories === they.advisories) {
    equal += 1;
    continue;
  }
  const sort = vector.class ?? 'genuine';
  const kind =
    we.status === they.status
      ? `${sort}: same status, other advisories`
      : `${sort}: ours ${we.status}, theirs ${they.status}${they.why === '' ? '' : ` (${they.why})`}`;
  const of = kinds.get(kind) ?? [];
  of.push(`${vector.tee}/${vector.file} ${vector.mutation ?? ''} [${we.why}]`);
  kinds.set(kind, of);
}
process.stdout.write(`${String(appraisals)} appraisals, ${String(equal)} alike\n`);
for (const [kind, of] of [...kinds].toSorted(([, a], [, b]) => b.length - a.length)) {
  process.stdout.write(`${String(of.length).padStart(4)}  ${kind}\n`);
  if (process.argv.includes('--all')) for (const one of of) process.stdout.write(`        ${one}\n`);
}
