// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

import { imageProblem } from '../problems.ts';

const longestDiagnosis = 2000;

/**
 * Runs a tool of the machine to its end.
 * @returns its standard output
 * @throws EnarxError `image/tool-missing`, `image/tool-failed`
 */
export async function runTool(file: string, args: readonly string[], directory?: string): Promise<Buffer> {
  const child = spawn(file, args, {
    ...(directory === undefined ? {} : { cwd: directory }),
    // What a tool prints must not depend on who builds.
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  let diagnosis = '';
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    diagnosis = `${diagnosis}${chunk}`.slice(-longestDiagnosis);
  });
  const status = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(
        imageProblem(cause.code === 'ENOENT' ? 'image/tool-missing' : 'image/tool-failed', {
          found: file,
          cause,
        }),
      );
    });
    child.on('close', (code, signal) => {
      resolve(code ?? (signal as string));
    });
  });
  if (status !== 0)
    throw imageProblem('image/tool-failed', {
      found: `${file} ended with ${String(status)}: ${diagnosis.trim()}`,
    });
  return Buffer.concat(output);
}
