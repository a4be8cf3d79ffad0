// SPDX-License-Identifier: Apache-2.0
import type { File, Limits, Optimization } from '@enarx/protocol';

import type { ProgramStreams } from './conversation.ts';
import type { ModuleSource } from './module-source.ts';
import type { PackageSource } from './package-source.ts';

/** What is delivered, and where its input and output are. */
export interface Workload extends ProgramStreams {
  readonly module: ModuleSource;
  /** argv of the program, its own name first. */
  readonly args: readonly string[];
  readonly env?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly limits?: Limits | undefined;
  /** What its descriptors stand for, in their order; standard input, output and error where it is left out. */
  readonly files?: readonly File[] | undefined;
  /** Files that it finds when it starts. */
  readonly package?: PackageSource | undefined;
  readonly optimize?: Optimization | undefined;
  /** Whether the program goes on when this connection ends; its owner can then `attach`. */
  readonly detach?: boolean | undefined;
}
