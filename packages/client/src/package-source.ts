// SPDX-License-Identifier: Apache-2.0
import type { Entry } from '@enarx/protocol';

/** One file, directory or symbolic link; a file brings its content, exactly `size` bytes. */
export type PackageItem = Entry & {
  readonly content?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
};

/** The files of a program to deliver: counted first, then sent in order, each directory before what lies in it. */
export interface PackageSource {
  readonly entries: number;
  /** Bytes of all files together. */
  readonly bytes: number;
  open(): AsyncIterable<PackageItem> | Iterable<PackageItem>;
}
