// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

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
const longestOutput = 400;

/** Runs a command once, for at most 5 s. Resolves to `undefined` when it ends well, else to what went wrong. */
export function tryCommand({ file, args, inputs }: ConfinedCommand): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      env: {},
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', 'ignore', ...inputs.map(() => 'pipe' as const)],
      timeout: longestTry,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < longestOutput) output += text.slice(0, longestOutput - output.length);
    });
    child.on('error', (error) => {
      resolve(error.message);
    });
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(`ended with ${signal ?? String(code)}${output === '' ? '' : `: ${output.trim()}`}`);
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
