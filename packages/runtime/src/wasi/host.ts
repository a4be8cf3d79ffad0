// SPDX-License-Identifier: Apache-2.0
import type { Eventually } from './descriptor.ts';
import type { DescriptorTable } from './descriptor-table.ts';
import type { Idle } from './idle.ts';
import type { GuestMemory } from './memory.ts';
import type { StringTable } from './string-table.ts';

/** Everything that a program can reach. */
export interface Host {
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  readonly idle: Idle;
  readonly args: StringTable;
  readonly env: StringTable;
  /** The program asks to end. Its code does not run on after this. */
  exit(code: number): void;
}

/**
 * One WASI function. It returns nothing for success and throws a `WasiError` otherwise. 32-bit arguments come as signed numbers, 64-bit
 * ones as bigint.
 */
export type Call = (...args: never[]) => Eventually<void>;
export type Calls = Readonly<Record<string, Call>>;
