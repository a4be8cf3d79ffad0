// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

import { release, type Sandbox } from './sandbox.ts';

const root = join(import.meta.dirname, '..', '..');

/** A message that crossed a socket, by the name of its rule in enarx.cddl. */
export interface RecordedMessage {
  readonly rule: string;
  readonly bytes: Uint8Array;
}

export interface RecordingRelease {
  readonly directory: string;
  /** What keepldr has sent and received so far, on its link to keepmgr and on the device of its guest. */
  recorded(): RecordedMessage[];
}

/** The built release with a keepldr that writes every message that it encodes or decodes into a file. It stands between all host links. */
export async function recordingRelease(box: Sandbox): Promise<RecordingRelease> {
  const directory = box.path('recording-release');
  const file = box.path('recorded.jsonl');
  cpSync(release, directory, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['packages/keepldr/src/keepldr-main.ts'],
    outfile: join(directory, 'keepldr.js'),
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    logLevel: 'warning',
    plugins: [
      {
        name: 'record-messages',
        setup: (plugin) => {
          plugin.onLoad({ filter: /packages\/protocol\/src\/message\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            contents: `
              import { appendFileSync } from 'node:fs';
              ${readFileSync(path, 'utf8').replace(/export (function (?:en|de)codeMessage)/g, '$1Unseen')}
              function record(rule: string, bytes: Uint8Array): void {
                appendFileSync(${JSON.stringify(file)}, JSON.stringify([rule, Buffer.from(bytes).toString('hex')]) + '\\n');
              }
              export function encodeMessage(type, value) {
                const bytes = encodeMessageUnseen(type, value);
                record(type.name, bytes);
                return bytes;
              }
              export function decodeMessage(type, bytes) {
                record(type.name, bytes);
                return decodeMessageUnseen(type, bytes);
              }`,
          }));
        },
      },
    ],
  });
  return {
    directory,
    recorded: () =>
      (existsSync(file) ? readFileSync(file, 'utf8') : '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [rule, hex] = JSON.parse(line) as [string, string];
          return { rule, bytes: Buffer.from(hex, 'hex') };
        }),
  };
}
