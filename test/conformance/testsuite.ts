// SPDX-License-Identifier: Apache-2.0
//
// Reads WebAssembly/wasi-testsuite: prebuilt programs, each with a JSON file that says what it is given and what it must do (doc/specification.md there).
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';

import type { PackageEntry } from '@enarx/runtime';

export interface TestCase {
  readonly name: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  /** Directory of the host that the program finds as `/`. */
  readonly root: string | undefined;
  readonly exitCode: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

interface Specification {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string | null;
  readonly exit_code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** The preview 1 programs of a checkout whose tests are built, as those of its branch prod/testsuite-base are. */
export function preview1Cases(checkout: string): TestCase[] {
  return globSync('tests/*/testsuite/wasm32-wasip1/*.wasm', { cwd: checkout })
    .sort()
    .map((path) => readCase(join(checkout, path)));
}

function readCase(module: string): TestCase {
  const specification = module.replace(/\.wasm$/, '.json');
  const given = existsSync(specification)
    ? (JSON.parse(readFileSync(specification, 'utf8')) as Specification)
    : {};
  const language = basename(dirname(dirname(dirname(module))));
  return {
    name: `${language} ${basename(module, '.wasm')}`,
    module,
    args: given.args ?? [],
    env: Object.entries(given.env ?? {}),
    root: given.root == null ? undefined : join(dirname(module), given.root),
    exitCode: given.exit_code ?? 0,
    stdout: given.stdout,
    stderr: given.stderr,
  };
}

/** A directory of the host as the package of a program, below this path. */
export async function* packageOf(directory: string, path = ''): AsyncGenerator<PackageEntry> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const from = join(directory, entry.name);
    const to = `${path}/${entry.name}`;
    if (entry.isDirectory()) {
      yield { kind: 'directory', path: to };
      yield* packageOf(from, to);
    } else {
      const bytes = readFileSync(from);
      yield {
        kind: 'file',
        path: to,
        size: bytes.length,
        content: Readable.from([bytes]) as AsyncIterable<Uint8Array>,
      };
    }
  }
}
