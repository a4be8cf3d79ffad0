// SPDX-License-Identifier: Apache-2.0
import { maxEvidenceLength } from './evidence.ts';
import { attestationProblem } from './problems.ts';
import type { VerifyOptions } from './verification.ts';

/** Each piece that is none is told of in a sentence, which takes longer than its one byte. */
const mostPieces = 1024;

/**
 * What a caller gave, within the limits, and copied: the caller may go on writing while we wait. Plain copies, since in Node `slice` of a
 * Buffer shares its memory. Each member is asked for once: a getter could give something else the second time.
 * @throws EnarxError `evidence/too-large`
 */
export function received(options: VerifyOptions): Pick<VerifyOptions, 'evidence' | 'endorsements'> {
  const { evidence, endorsements } = options;
  if (endorsements.length > mostPieces)
    throw attestationProblem('evidence/too-large', {
      found: `${String(endorsements.length)} pieces of endorsements`,
      expected: `at most ${String(mostPieces)}`,
    });
  let size = 0;
  const copies: Uint8Array[] = [];
  const within = (more: number): boolean => more <= maxEvidenceLength;
  for (const bytes of endorsements) {
    size += bytes.length;
    if (!within(size)) break;
    copies.push(new Uint8Array(bytes));
  }
  if (!within(size) || !within(evidence.length))
    throw attestationProblem('evidence/too-large', {
      found: `${String(evidence.length)} bytes of evidence, ${String(size)} or more of endorsements`,
    });
  return { evidence: new Uint8Array(evidence), endorsements: copies };
}
