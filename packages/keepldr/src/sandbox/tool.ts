// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { killOwnGroup } from '../processes.ts';
import type { ConfinedCommand } from './confinement.ts';

/** Where tools of the system lie. PATH is not asked: a loader's environment is empty, and a PATH is easily poisoned. */
const toolDirectories: readonly string[] = [
  '/usr/bin',
  '/bin',
  '/usr/local/bin',
  '/run/current-system/sw/bin',
];

/** Path of a tool of the system, or `undefined`. */
export function findTool(name: string, directories: readonly string[] = toolDirectories): string | undefined {
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

const longestTry = 5000;
/** Milliseconds from its end until what it said has been read. */
const longestRest = 200;
const longestOutput = 400;

/** Runs a command once, for at most 5 s unless told otherwise. Resolves to `undefined` when it ends well, else to what went wrong. */
export function tryCommand(
  { file, args, inputs }: ConfinedCommand,
  longest = longestTry,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      env: {},
      cwd: '/',
      // A group of its own: what the tool has started is killed with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ignore', ...inputs.map(() => 'pipe' as const)],
    });
    const timer = setTimeout(() => {
      if (child.pid !== undefined) killOwnGroup(child.pid);
    }, longest);
    let output = '';
    const errors = child.stderr as Readable;
    errors.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < longestOutput) output += text.slice(0, longestOutput - output.length);
    });
    const finish = (failure: string | undefined): void => {
      clearTimeout(timer);
      // Whatever else holds the other end must not hold us.
      errors.destroy();
      resolve(failure);
    };
    child.on('error', (error) => {
      finish(error.message);
    });
    child.on('exit', (code, signal) => {
      if (code === 0) {
        finish(undefined);
        return;
      }
      const ended = (): void => {
        clearTimeout(rest);
        finish(`ended with ${signal ?? String(code)}${output === '' ? '' : `: ${output.trim()}`}`);
      };
      // What it said last may still lie in the pipe, of which something that it has started may hold the other end.
      const rest = setTimeout(ended, longestRest);
      if (errors.readableEnded) ended();
      else errors.once('end', ended);
    });
    sendInputs(child.stdio, inputs);
  });
}

/** Writes each input to its descriptor and closes it. */
export function sendInputs(stdio: readonly unknown[], inputs: readonly Uint8Array[]): void {
  inputs.forEach((bytes, index) => {
    const stream = stdio[index + 4] as NodeJS.WritableStream & NodeJS.EventEmitter;
    // The reader may end before it has read: its exit says why, this would only say EPIPE.
    stream.on('error', () => undefined);
    stream.end(bytes);
  });
}
