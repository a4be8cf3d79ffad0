// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors');

/** One file of a collection with an `INDEX.json`, and what it must give. */
export interface IndexedVector {
  readonly file: string;
  readonly kind: string;
  /** None for a genuine one. */
  readonly class?: string;
  readonly verifyAt: string;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly collateral: readonly { readonly role: string; readonly file: string }[] | null;
}

function collection(name: string): {
  readonly skip: string | false;
  readonly vectors: readonly IndexedVector[];
  readonly read: (file: string) => Buffer<ArrayBuffer>;
} {
  const index = join(root, name, 'INDEX.json');
  const there = existsSync(index);
  return {
    skip: there ? false : `no vectors in ${root} (set ENARX_VECTORS)`,
    vectors: there ? (JSON.parse(readFileSync(index, 'utf8')) as IndexedVector[]) : [],
    read: (file) => readFileSync(join(root, name, file)),
  };
}

export const { skip: withoutNitroVectors, vectors: nitroVectors, read: nitroVector } = collection('nitro');

export const { skip: withoutRatsVectors, vectors: ratsVectors, read: ratsVector } = collection('rats');
