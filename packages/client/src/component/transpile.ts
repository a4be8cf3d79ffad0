// SPDX-License-Identifier: Apache-2.0
//
// Loads jco's transpiler, 3.5 MB of WebAssembly, so it lies in a file of its own that only those load who have a component. What it says goes out in plain
// values: an error class of this file would not be that of whoever loads it.
import { $init, generate, type GenerateOptions } from '@bytecodealliance/jco-transpile/component';
import { componentImports03, missing03 } from '@enarx/runtime/component-bundle';

import { withoutWaste } from './glue.ts';

/** Core modules by name, and the JavaScript that joins them. */
export interface TakenApart {
  readonly glue: Uint8Array;
  readonly modules: readonly (readonly [name: string, bytes: Uint8Array])[];
  /** Interfaces that it imports, without their versions. */
  readonly imports: readonly string[];
  /** Interfaces that it exports, with their versions. */
  readonly exports: readonly string[];
}

/** Takes a component apart. @returns what is wrong with it where that cannot be done */
export type Transpile = (component: Uint8Array) => Promise<TakenApart | { readonly refused: string }>;

const glueFile = 'component.js';

/** What may wait, or has to let in what arrived: these suspend the component. All else returns at once, at a tenth of the cost. */
const suspendingImports = [
  'wasi:cli/exit#exit',
  'wasi:cli/exit#exit-with-code',
  'wasi:io/poll#poll',
  'wasi:io/poll#[method]pollable.block',
  'wasi:io/poll#[method]pollable.ready',
  'wasi:io/streams#[method]input-stream.read',
  'wasi:io/streams#[method]input-stream.skip',
  'wasi:io/streams#[method]input-stream.blocking-read',
  'wasi:io/streams#[method]input-stream.blocking-skip',
  'wasi:io/streams#[method]output-stream.check-write',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush',
  'wasi:io/streams#[method]output-stream.splice',
  'wasi:io/streams#[method]output-stream.blocking-splice',
  'wasi:sockets/tcp#[method]tcp-socket.accept',
  'wasi:sockets/tcp#[method]tcp-socket.finish-connect',
];
const suspendingExports = ['wasi:cli/run#run', 'wasi:http/incoming-handler#handle'];

const options: GenerateOptions = {
  name: 'component',
  instantiation: { tag: 'async' },
  asyncMode: { tag: 'jspi', val: { imports: suspendingImports, exports: suspendingExports } },
  // Core modules stay modules instead of becoming text within the glue.
  base64Cutoff: 0,
  noTypescript: true,
  noNodejsCompat: true,
  noComponentErrorWrapping: true,
  // The generated code asks for interfaces without their versions, but for these.
  map: [...componentImports03, ...missing03].map((name) => [name, name]),
};

export const transpile: Transpile = async (component) => {
  await $init;
  try {
    const { files, imports, exports } = generate(component, options);
    const glue = files.find(([name]) => name === glueFile)?.[1];
    if (glue === undefined) return { refused: 'the transpiler wrote no glue' };
    return {
      glue: withoutWaste(glue),
      modules: files.filter(([name]) => name.endsWith('.wasm')),
      imports,
      exports: exports.map(([name]) => name),
    };
  } catch (error) {
    const said: unknown = (error as { readonly payload?: unknown }).payload ?? error;
    const text = said instanceof Error ? said.message : String(said);
    // It comes in several lines.
    return { refused: text.replace(/\s+/g, ' ') };
  }
};
