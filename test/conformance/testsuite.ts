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
  readonly stdin: string;
  readonly exitCode: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

/** What programs of WASI 0.3 are given and must do, one after the other. */
type Operation =
  | {
      readonly type: 'run';
      readonly args?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'write' | 'read'; readonly id: 'stdin' | 'stdout' | 'stderr'; readonly payload: string }
  | { readonly type: 'wait'; readonly exit_code?: number };

interface Specification {
  readonly operations?: readonly Operation[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string | null;
  readonly exit_code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** The preview 1 programs of a checkout whose tests are built, as those of its branch prod/testsuite-base are. */
export function preview1Cases(checkout: string): TestCase[] {
  return cases(checkout, 'wasm32-wasip1');
}

/** The programs of WASI 0.3 that are commands. Those that answer HTTP requests or send some are others. */
export function wasi03Cases(checkout: string): TestCase[] {
  return cases(checkout, 'wasm32-wasip3').filter(({ module }) => !basename(module).startsWith('http-'));
}

function cases(checkout: string, target: string): TestCase[] {
  return globSync(`tests/*/testsuite/${target}/*.wasm`, { cwd: checkout })
    .sort()
    .map((path) => readCase(join(checkout, path)));
}

function readCase(module: string): TestCase {
  const specification = module.replace(/\.wasm$/, '.json');
  const given = existsSync(specification)
    ? (JSON.parse(readFileSync(specification, 'utf8')) as Specification)
    : {};
  const language = basename(dirname(dirname(dirname(module))));
  const operations = given.operations ?? [];
  const run = operations.find((operation) => operation.type === 'run') ?? given;
  const wait = operations.find((operation) => operation.type === 'wait') ?? given;
  const passed = (id: 'stdin' | 'stdout' | 'stderr'): string | undefined => {
    const pieces = operations.flatMap((operation) =>
      'id' in operation && operation.id === id ? [operation.payload] : [],
    );
    return pieces.length === 0 ? undefined : pieces.join('');
  };
  return {
    name: `${language} ${basename(module, '.wasm')}`,
    module,
    args: run.args ?? [],
    env: Object.entries(run.env ?? {}),
    root: given.root == null ? undefined : join(dirname(module), given.root),
    stdin: passed('stdin') ?? '',
    exitCode: wait.exit_code ?? 0,
    stdout: given.stdout ?? passed('stdout'),
    stderr: given.stderr ?? passed('stderr'),
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
