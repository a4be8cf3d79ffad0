// SPDX-License-Identifier: Apache-2.0
import type { KeyCache } from '../../src/x509/key-cache.ts';
import type { IntelVector } from '../intel/vectors.ts';
import type { ExpectSame } from './expectations.ts';

export interface IntelCorpus {
  readonly entries: readonly IntelVector[];
  /** A file by the name of its index's directory and its own. */
  readonly read: (tee: 'sgx' | 'tdx', file: string) => Promise<Uint8Array>;
  readonly keys?: KeyCache;
}

export interface IntelCase {
  readonly entry: IntelVector;
  readonly corpus: IntelCorpus;
  readonly bytes: Uint8Array;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly expectSame: ExpectSame;
}

export type IntelJudge = (item: IntelCase) => Promise<void> | void;
