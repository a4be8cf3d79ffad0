// SPDX-License-Identifier: Apache-2.0
import { vector, vectors } from '../../packages/attestation/test/support/vectors.ts';

/** Real files of these kinds of the AMD corpus, small ones first; none where the vectors are not laid out. */
export function realFiles(kinds: RegExp, most = 24, longest = 8192): Uint8Array[] {
  return vectors
    .filter(({ kind, size = 0 }) => kinds.test(kind) && size <= longest)
    .sort((a, b) => (a.size ?? 0) - (b.size ?? 0))
    .slice(0, most)
    .map(({ file }) => new Uint8Array(vector(file)));
}
