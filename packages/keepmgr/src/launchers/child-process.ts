// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { execPath } from 'node:process';

import { referenceTo } from '@enarx/keepldr/processes';

import type { LaunchedLoader, Launcher } from './launcher.ts';

const longestDiagnosis = 400;

/**
 * Loaders as children of the daemon. Each leads a session of its own and holds no descriptor of ours but its standard
 * input and error, so it outlives a daemon that is restarted. Nothing is in its arguments or environment.
 *
 * @param release - directory of the release
 */
export function childProcessLauncher(release: string): Launcher {
  const program = join(release, 'keepldr.js');
  return { launch: (directory) => launch(program, directory) };
}

function launch(program: string, directory: string): LaunchedLoader {
  const child = spawn(execPath, ['--disable-proto=throw', '--no-warnings', program], {
    cwd: directory,
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let diagnosis = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (diagnosis.length < longestDiagnosis) diagnosis += text.slice(0, longestDiagnosis);
  });
  // A loader that ends before it has read its frame is told of by its exit.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      resolve(error.message);
    });
    child.on('exit', (code, signal) => {
      const how = signal ?? `status ${String(code)}`;
      resolve(diagnosis === '' ? how : `${how}: ${diagnosis.trim()}`);
    });
  });
  return {
    process: child.pid === undefined ? undefined : referenceTo(child.pid),
    begin: (frame) => {
      child.stdin.end(frame);
    },
    exited,
  };
}
