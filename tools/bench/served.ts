// SPDX-License-Identifier: Apache-2.0
//
// A server in a Keep and one of bare Node, for rows that compare them: each in processes of its own, on a free port of loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { createKeepCertificate } from '@enarx/channel';

import { release } from './host.ts';

export const examples = join(import.meta.dirname, '..', '..', 'examples');

export interface Served extends Disposable {
  readonly port: number;
}

/**
 * Runs a program in a Keep until it listens.
 *
 * @param arguments_ - of `enarx run`: the program, and what makes it listen on port 0
 * @param directory - for the state of the host
 */
export async function servedInKeep(arguments_: readonly string[], directory: string): Promise<Served> {
  const child = spawn(process.execPath, [join(release, 'enarx.js'), 'run', '--json', ...arguments_], {
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, XDG_STATE_HOME: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line) as { readonly event?: string; readonly port?: number };
    if (event.event !== 'listening' || event.port === undefined) continue;
    child.stderr.resume();
    return { port: event.port, [Symbol.dispose]: () => child.kill('SIGTERM') };
  }
  throw new Error('the Keep did not listen');
}

/**
 * Runs a server of bare Node with TLS 1.3 as a Keep speaks it.
 *
 * @param module - `node:tls`, or what else has a `createServer` of the same options
 * @param answer - text of the function that takes what comes
 * @param directory - for its script
 */
export async function servedInNode(module: string, answer: string, directory: string): Promise<Served> {
  const { key, certificate: cert } = await createKeepCertificate(new Uint8Array(16));
  const file = join(directory, 'bare.mjs');
  writeFileSync(
    file,
    `import { createServer } from '${module}';
     const server = createServer(${JSON.stringify({ key, cert, minVersion: 'TLSv1.3', noDelay: true })}, ${answer});
     server.listen(0, '127.0.0.1', () => console.log(server.address().port));`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { port: Number(line), [Symbol.dispose]: () => child.kill('SIGTERM') };
}
