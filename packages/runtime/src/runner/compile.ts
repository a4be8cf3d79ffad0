// SPDX-License-Identifier: Apache-2.0
import { runtimeProblem } from '../problems.ts';
import { preview1Module } from '../wasi/preview1.ts';
import { parameters, resultOf } from '../wasi/signatures.ts';
import { readDeclaredMemory, type DeclaredMemory } from './declared-memory.ts';
import { engine, type CompiledModule } from './engine.ts';
import { describeType } from './import-types.ts';

const magic = [0x00, 0x61, 0x73, 0x6d];
/** Fields `version` and `layer` of the preamble; a component has layer 1. */
const moduleVersion = [0x01, 0x00, 0x00, 0x00];
const componentLayer = [0x01, 0x00];

/** The program asks for more memory from the start than it may ever have. */
export class InitialMemoryTooLarge extends Error {}

/**
 * Looks at what the bytes say of themselves, before any work is put into them.
 *
 * @param pages - linear memory that the program may have, in 64 KiB pages
 * @returns what it says of its memory, at most one
 * @throws EnarxError `wasm/…`
 * @throws InitialMemoryTooLarge
 */
export function inspectModule(bytes: Uint8Array, pages: number): DeclaredMemory {
  const holds = (expected: readonly number[], at: number): boolean =>
    expected.every((byte, index) => bytes[at + index] === byte);
  if (!holds(magic, 0)) {
    throw runtimeProblem('wasm/malformed', {
      found: 'a file that does not begin as WebAssembly does',
      expected: '00 61 73 6d',
    });
  }
  if (!holds(moduleVersion, 4)) {
    if (holds(componentLayer, 6)) throw runtimeProblem('wasm/is-component');
    throw runtimeProblem('wasm/malformed', { found: 'another version of the binary format', expected: '1' });
  }
  const memory = readDeclaredMemory(bytes);
  if (memory.count > 1 || memory.wide) {
    throw runtimeProblem('wasm/unsupported-memory', {
      found: memory.wide ? '64-bit addresses' : 'several memories, or one with pages of its own size',
    });
  }
  if (memory.initialPages > pages) throw new InitialMemoryTooLarge();
  return memory;
}

/** @throws EnarxError `wasm/malformed`, with V8's own words about what is wrong */
export function notCompiled(cause: unknown): never {
  throw runtimeProblem('wasm/malformed', { found: (cause as Error).message.slice(0, 512), cause });
}

/**
 * Makes sure that a module can run here before any of it does.
 *
 * @param types - of the functions that it imports, as `importedTypes` has them, where they are known
 * @throws EnarxError `wasm/unknown-import`, `wasm/import-type`, `wasm/no-start`
 */
export function checkProgram(module: CompiledModule, types: readonly string[] | undefined): void {
  checkImports(module, types);
  checkStart(module);
}

function checkImports(module: CompiledModule, types: readonly string[] | undefined): void {
  for (const [index, { module: from, name, kind }] of engine.Module.imports(module).entries()) {
    if (from !== preview1Module || kind !== 'function' || !Object.hasOwn(parameters, name))
      throw runtimeProblem('wasm/unknown-import', {
        found: `${kind} ${from.slice(0, 128)}.${name.slice(0, 128)}`,
        expected: `functions of ${preview1Module}`,
      });
    const found = types?.[index];
    const expected = `${parameters[name] as string}>${resultOf(name)}`;
    if (found !== undefined && found !== expected)
      throw runtimeProblem('wasm/import-type', {
        // Of what is expected the supervisor passes nothing on.
        found: `${preview1Module}.${name} as ${describeType(found).slice(0, 128)}, which is ${describeType(expected)}`,
      });
  }
}

function checkStart(module: CompiledModule): void {
  const start = engine.Module.exports(module).find(({ name }) => name === '_start');
  if (start?.kind === 'function') return;
  throw runtimeProblem('wasm/no-start', {
    found: start === undefined ? 'no such export' : `a ${start.kind} of that name`,
  });
}
