// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

import { keepldrProblem } from '../../problems.ts';
import { findTool } from '../../sandbox/tool.ts';
import type { QemuVersion } from './machine.ts';

export const emulatorName = 'qemu-system-x86_64';

export interface Emulator {
  readonly path: string;
  readonly version: QemuVersion;
}

/** @throws EnarxError `keepldr/qemu-missing` */
export async function findEmulator(): Promise<Emulator> {
  const path = findTool(emulatorName);
  if (path === undefined) throw keepldrProblem('keepldr/qemu-missing', { found: `no ${emulatorName}` });
  const text = await outputOf(path, ['--version']);
  const [, major, minor] = /QEMU emulator version (\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined || minor === undefined)
    throw keepldrProblem('keepldr/qemu-missing', { found: `${path} does not say its version` });
  return { path, version: { major: Number(major), minor: Number(minor) } };
}

function outputOf(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { env: {}, stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < 4096) output += text;
    });
    child.on('error', () => {
      resolve('');
    });
    child.on('close', () => {
      resolve(output);
    });
  });
}
