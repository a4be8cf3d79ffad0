// SPDX-License-Identifier: Apache-2.0
//
// Another engine, where Python has its `wasmtime` package: `pip install wasmtime` brings the whole of it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const own = join(import.meta.dirname, '..', '..', '.stamp', 'python', 'bin', 'python');

const program = `
import sys
from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, WasiConfig
config = Config()
config.cranelift_opt_level = "speed"
engine = Engine(config)
store = Store(engine)
wasi = WasiConfig()
wasi.argv = sys.argv[2:]
wasi.inherit_stdout()
wasi.inherit_stderr()
store.set_wasi(wasi)
linker = Linker(engine)
linker.define_wasi()
instance = linker.instantiate(store, Module.from_file(engine, sys.argv[1]))
try:
    instance.exports(store)["_start"](store)
except ExitTrap as end:
    sys.exit(end.code)
`;

export interface Wasmtime {
  readonly version: string;
  /** Runs a program with its usual settings for speed in a process of its own. @returns what it printed */
  run(path: string, args: readonly string[]): Promise<string>;
}

/** The engine by way of ENARX_WASMTIME_PYTHON, the Python that CI sets up, or the one of the machine; `undefined` where none has it. */
export function findWasmtime(): Wasmtime | undefined {
  const named = process.env['ENARX_WASMTIME_PYTHON'];
  const candidates = named === undefined ? [own, 'python3'] : [named];
  for (const python of candidates) {
    if (python === own && !existsSync(own)) continue;
    const ask = 'import wasmtime, importlib.metadata as m; print(m.version("wasmtime"))';
    const { status, stdout } = spawnSync(python, ['-c', ask], { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) continue;
    return { version: stdout.trim(), run: (path, args) => runIn(python, path, args) };
  }
  if (named !== undefined) throw new Error(`${named} has no wasmtime (ENARX_WASMTIME_PYTHON)`);
  return undefined;
}

async function runIn(python: string, path: string, args: readonly string[]): Promise<string> {
  const child = spawn(python, ['-c', program, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`wasmtime ended with ${String(code)}`);
  return Buffer.concat(printed).toString();
}
