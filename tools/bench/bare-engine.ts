// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * As little of a host as a program can run on: arguments, clocks, standard output kept until the end. Everything else that it asks for fails. What is left is
 * the engine.
 */
const host = `
  import { readFileSync, writeSync } from 'node:fs';
  const [path, ...args] = process.argv.slice(1);
  const strings = args.map((arg) => Buffer.from(arg + '\\0'));
  let memory;
  const view = () => new DataView(memory.buffer);
  const printed = [];
  const calls = {
    args_sizes_get(count, size) {
      view().setUint32(count, strings.length, true);
      view().setUint32(size, strings.reduce((sum, { length }) => sum + length, 0), true);
      return 0;
    },
    args_get(pointers, at) {
      for (const string of strings) {
        view().setUint32(pointers, at, true);
        new Uint8Array(memory.buffer).set(string, at);
        pointers += 4;
        at += string.length;
      }
      return 0;
    },
    clock_time_get(id, precision, at) {
      view().setBigUint64(at, process.hrtime.bigint(), true);
      return 0;
    },
    fd_write(fd, list, count, result) {
      let written = 0;
      for (let i = 0; i < count; i += 1) {
        const at = view().getUint32(list + 8 * i, true);
        const length = view().getUint32(list + 8 * i + 4, true);
        printed.push(Buffer.from(new Uint8Array(memory.buffer, at, length)));
        written += length;
      }
      view().setUint32(result, written, true);
      return 0;
    },
    fd_fdstat_get(fd, at) {
      new Uint8Array(memory.buffer, at, 24).fill(0);
      return fd < 3 ? 0 : 8;
    },
    proc_exit(code) {
      throw new Error('exit ' + code);
    },
  };
  const missing = (name) => (name.startsWith('fd_prestat') ? () => 8 : () => 52);
  const wasi = new Proxy(calls, { get: (known, name) => known[name] ?? missing(name) });
  const module = await WebAssembly.compile(readFileSync(path));
  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi });
  memory = exports.memory;
  exports._start();
  writeSync(1, Buffer.concat(printed));
`;

/** Runs a program in a Node process of its own with nothing around it. @param flags - for V8 @returns what it printed */
export async function inBareEngine(
  path: string,
  args: readonly string[],
  flags: readonly string[],
): Promise<string> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', host, path, ...args], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: Buffer[] = [];
  const complained: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complained.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new Error(`the bare engine ended with ${String(code)}: ${Buffer.concat(complained).toString()}`);
  return Buffer.concat(printed).toString();
}
