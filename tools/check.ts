// SPDX-License-Identifier: Apache-2.0
//
// `npm run check`: everything that can be said about the sources without running them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', name);
const node = process.execPath;

const checks: Readonly<Record<string, readonly string[]>> = {
  types: [bin('ts7/bin/tsc'), '-b'],
  'types of tests and tools': [bin('ts7/bin/tsc'), '-p', 'tsconfig.tools.json'],
  lint: [bin('eslint/bin/eslint.js'), '--max-warnings=0', '.'],
  formatting: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'],
  layers: [
    bin('dependency-cruiser/bin/dependency-cruiser.mjs'),
    '--config',
    '.dependency-cruiser.cjs',
    'packages',
  ],
  sources: ['--conditions=source', 'tools/check-sources.ts'],
  'generated documents': ['--conditions=source', 'tools/generate-docs.ts', '--check'],
};

const failed: string[] = [];
for (const [name, args] of Object.entries(checks)) {
  const started = performance.now();
  // The line of its end is longer and stands over this one.
  if (process.stdout.isTTY) process.stdout.write(`… ${name}\r`);
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? '✓' : '✗'} ${name} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
