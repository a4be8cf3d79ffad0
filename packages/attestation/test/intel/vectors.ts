// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors');
const has = ['sgx', 'tdx'].every((kind) => existsSync(join(root, kind, 'INDEX.json')));

/** Reason for `test(…, { skip })` when the corpus of real evidence is not on this machine. */
export const withoutVectors = has ? false : `no vectors in ${root} (set ENARX_VECTORS)`;

/** One file of the corpus and what it must give; the expectations were computed by another program. */
export interface IntelVector {
  readonly tee: 'sgx' | 'tdx';
  readonly file: string;
  readonly kind: string;
  readonly class?: string;
  readonly level?: 'full' | 'crypto' | 'parse';
  readonly mutation?: string;
  readonly note?: string;
  readonly verifyAt?: string;
  readonly collateral?: readonly { readonly role: string; readonly file: string }[];
  readonly expected?: Readonly<Record<string, unknown>>;
}

const indexOf = (tee: 'sgx' | 'tdx'): readonly IntelVector[] =>
  withoutVectors === false
    ? (JSON.parse(readFileSync(join(root, tee, 'INDEX.json'), 'utf8')) as IntelVector[]).map((entry) => ({
        ...entry,
        tee,
      }))
    : [];

export const intelVectors: readonly IntelVector[] = [...indexOf('sgx'), ...indexOf('tdx')];

export const intelFile = (tee: 'sgx' | 'tdx', file: string): Buffer<ArrayBuffer> =>
  readFileSync(join(root, tee, file));

export const collateralOf = ({ tee, collateral = [] }: IntelVector): Buffer<ArrayBuffer>[] =>
  collateral.map(({ file }) => intelFile(tee, file));
