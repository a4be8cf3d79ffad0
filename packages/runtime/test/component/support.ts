// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';

import { transpile } from '../../../client/src/component/transpile.ts';
import { encodeBundle, worldOf } from '../../src/component/bundle.ts';

/** wasmtime's own, as @bytecodealliance/jco 1.35.0 carries it (`lib/wasi_snapshot_preview1.command.wasm`). */
const adapter = readFileSync(join(import.meta.dirname, 'wasi_snapshot_preview1.command.wasm'));

/** A preview 1 program as a component of WASI 0.2, as `wasm-tools component new --adapt` makes it. */
export function adapted(program: Uint8Array): Promise<Uint8Array> {
  return componentNew(program, [['wasi_snapshot_preview1', adapter]]);
}

/** A component from its text. */
export function componentOf(text: string): Promise<Uint8Array> {
  return parse(text);
}

/** What a client delivers of a component. */
export async function delivered(component: Uint8Array): Promise<Uint8Array> {
  const result = await transpile(component);
  if ('refused' in result) throw new Error(result.refused);
  return encodeBundle({ ...result, world: worldOf(result.exports)?.world ?? 'command' });
}

export interface Under {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  /** A directory of this host, found under the name. */
  readonly directory?: { readonly path: string; readonly name: string };
}

const run = `
const [environment, preopens] = JSON.parse(process.argv[1]);
const { _setArgs, _setEnv } = await import(environment.cli);
const { _setPreopens } = await import(environment.filesystem);
_setArgs(environment.args);
_setEnv(environment.env);
_setPreopens(preopens);
const { run } = await import(environment.component);
try {
  await run.run();
} catch (error) {
  if (error !== undefined) throw error;
  process.exitCode = 1;
}
`;

/** Runs a component as jco itself does: by its generated code and its host, in Node. */
export async function underJco(
  component: Uint8Array,
  { args, env, stdin, directory }: Under,
): Promise<{ readonly status: number | null; readonly stdout: Buffer; readonly stderr: Buffer }> {
  const map = Object.fromEntries(
    ['cli', 'clocks', 'filesystem', 'io', 'random', 'sockets'].map((name) => [
      `wasi:${name}/*`,
      `${import.meta.resolve(`@bytecodealliance/preview2-shim/${name}`)}#*`,
    ]),
  );
  const { files } = await transpileBytes(component, { name: 'component', map });
  const scratch = mkdtempSync(join(tmpdir(), 'enarx-jco-'));
  try {
    for (const [name, bytes] of Object.entries(files)) {
      if (!name.includes('/')) writeFileSync(join(scratch, name.replace(/\.js$/, '.mjs')), bytes);
    }
    const environment = {
      cli: import.meta.resolve('@bytecodealliance/preview2-shim/cli'),
      filesystem: import.meta.resolve('@bytecodealliance/preview2-shim/filesystem'),
      component: join(scratch, 'component.mjs'),
      args,
      env,
    };
    const preopens = directory === undefined ? {} : { [directory.name]: directory.path };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', run, JSON.stringify([environment, preopens])],
      { input: stdin, cwd: tmpdir(), env: {} },
    );
    return { status, stdout, stderr };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
