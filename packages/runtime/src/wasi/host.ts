// SPDX-License-Identifier: Apache-2.0
import type { DescriptorTable } from './descriptor-table.ts';
import type { FileSystem } from './files/file-system.ts';
import type { GuestMemory } from './memory.ts';
import type { StringTable } from './string-table.ts';
import type { Eventually } from './waiting.ts';

/** Everything that a program can reach. */
export interface Host {
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  readonly files: FileSystem;
  readonly args: StringTable;
  readonly env: StringTable;
  /** The program asks to end. Its code does not run on after this. */
  exit(code: number): void;
}

/**
 * One WASI function. It returns nothing for success and throws a `WasiError` otherwise. 32-bit arguments come as signed numbers, 64-bit
 * ones as bigint.
 */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a call that never waits returns nothing at all
export type Call = (...args: never[]) => Eventually<undefined> | void;
export type Calls = Readonly<Record<string, Call>>;
