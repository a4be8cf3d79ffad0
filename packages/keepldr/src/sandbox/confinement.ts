// SPDX-License-Identifier: Apache-2.0
import type { Sandbox } from '@enarx/protocol';

import type { Probe } from '../probe.ts';

/** A Node program that is to run confined: from two files that it may read, in one directory that it may write. */
export interface ConfinedProgram {
  /** Path of the Node binary. */
  readonly node: string;
  /** Arguments of Node; `RELEASE` stands for the directory in which the program finds its files. */
  readonly template: readonly string[];
  /** Directory of the release on this machine. */
  readonly release: string;
  /** Names in `release` that the program may read. */
  readonly files: readonly string[];
  /** Absolute path of the directory that is the program's working directory. */
  readonly directory: string;
}

export interface ConfinedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** What the command reads to its end on descriptors 4, 5, … */
  readonly inputs: readonly Uint8Array[];
}

/** One way to confine a process. */
export interface Confinement {
  readonly name: Sandbox;
  /** The command that runs the program so confined. Its process leads everything that it starts. */
  command(program: ConfinedProgram): ConfinedCommand;
  /** Really tries it, within a few seconds. */
  probe(): Promise<Probe>;
}

/** Fills in the one machine-specific word of the arguments. */
export function argumentsFor(program: ConfinedProgram, release: string): string[] {
  return program.template.map((argument) => argument.replaceAll('RELEASE', release));
}
