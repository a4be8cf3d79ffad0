// SPDX-License-Identifier: Apache-2.0
import type { Readable, Writable } from 'node:stream';

import type { CommandContext, StricliProcess } from '@stricli/core';

import type { Output } from './output.ts';

/** The process as commands see it; tests give another. */
export interface EnarxProcess extends StricliProcess {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Partial<Record<string, string>>>;
  /** Aborted when standard output has had no reader for a while, so that a program that prints is of no use any more. */
  readonly unread?: AbortSignal;
  /** A command that ends with another status than 0 and has no error to throw sets it. */
  exitCode?: number;
}

/** What every command is called with as `this`. */
export interface EnarxContext extends CommandContext {
  readonly process: EnarxProcess;
  /** Where results and events go, in the form that the caller asked for. */
  readonly output: Output;
  /** Directory of the release that this command belongs to: the loader's programs and `release.json`. */
  readonly release: string;
  /** Milliseconds since 1970. Verifiers are given the time; they do not look it up. */
  readonly now: () => number;
}

/** `--json`, which every command has. */
export interface OutputFlags {
  readonly json: boolean;
}

/** Spread into the `flags` of a command's parameters. The form itself was chosen before the command is called. */
export const outputFlags = {
  json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON instead of text' },
} as const;
