// SPDX-License-Identifier: Apache-2.0
import type { Descriptor } from '../wasi/descriptor.ts';
import type { DescriptorTable } from '../wasi/descriptor-table.ts';
import type { FileSystem } from '../wasi/files/file-system.ts';
import type { Waiting } from '../wasi/waiting.ts';
import type { ComponentNetwork } from './network.ts';

/** Everything that an instance of a component can reach: the same objects as a preview 1 program. */
export interface ComponentHost {
  readonly files: FileSystem;
  readonly network: ComponentNetwork;
  readonly descriptors: DescriptorTable;
  /** What the workload's list of descriptors holds, in its order. */
  readonly given: readonly Descriptor[];
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  /** The component asks to end. Its code does not run on after this. */
  exit(code: number): void;
  /** Carries a wait to its end while the component is suspended. */
  wait(waiting: Waiting<number>): Promise<number>;
  /** Something has happened that the component may be waiting for. */
  wake(): void;
  /** A request is getting on: the time that it may take without headway begins anew. */
  progress(): void;
  /** To be called when the instance is given up, which may hold what others wait for. @returns forgets it */
  onEnd(close: () => void): () => void;
}

/** The functions and resources of one WASI interface, by the names that jco gives them. */
export type Interface = Readonly<Record<string, unknown>>;

/** A resource of which there is never one: the interface has it, a Keep does not. */
export class Absent {
  [Symbol.dispose](): void {
    // There is nothing to give back.
  }
}

/** A component did what the interface forbids; it ends as at a trap of its own. */
export class HostTrap extends Error {
  override readonly name = 'Error';
}

/** What a function throws whose result is an error: the generated code takes the payload for the value. */
export class ResultError<T> extends Error {
  readonly payload: T;

  constructor(payload: T) {
    super('an error result');
    this.payload = payload;
  }
}

/** Bytes that one call may ask for: more come by further calls, and no list is longer than what a component can use at once. */
export const largestList = 1_048_576;

/** `u64` as a number of bytes to move in one call. */
export function listLength(length: bigint): number {
  return length > BigInt(largestList) ? largestList : Number(length);
}
