// SPDX-License-Identifier: Apache-2.0
import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

import { release, type Sandbox } from './sandbox.ts';

const root = join(import.meta.dirname, '..', '..');

/**
 * A release whose host makes its simulated processor sign what it should not. The loader that is measured is the genuine one, and so is the
 * signature: only what the report says is unwanted.
 *
 * @param fields - source text of fields of `UnwantedReport`
 */
export async function unwantedRelease(box: Sandbox, name: string, fields: string): Promise<string> {
  const directory = box.path(`release-${name}`);
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
        name: 'unwanted-reports',
        setup: (plugin) => {
          plugin.onResolve({ filter: /^@enarx\/simulator$/, namespace: 'file' }, () => ({
            path: 'unwanted',
            namespace: 'unwanted',
          }));
          plugin.onLoad({ filter: /.*/, namespace: 'unwanted' }, () => ({
            resolveDir: root,
            contents: `
              import { importProcessor as genuine } from './packages/simulator/src/index.ts';
              export * from './packages/simulator/src/index.ts';
              export async function importProcessor(bytes) {
                const processor = await genuine(bytes);
                return { ...processor, launch: (image) => processor.launch(image, { ${fields} }) };
              }`,
          }));
        },
      },
    ],
  });
  return directory;
}
