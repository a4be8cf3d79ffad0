// SPDX-License-Identifier: Apache-2.0
//
// A component that was taken apart. Engines run core modules only, so a client turns a component into its core modules and the JavaScript that joins them by
// the canonical ABI, and delivers both as one module without code: everything is in custom sections, which any reader of WebAssembly passes over.

import { reader } from '../runner/module-reader.ts';

const preamble = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const customSection = 0;
/** Of the first section; the others are named after the core modules. */
const glueSection = 'enarx.component.1';
const coreSection = 'enarx.core:';
const mostModules = 1000;
const longestName = 256;

/** What a command of WASI 0.2 may import, without versions: all of its world. */
export const commandImports = [
  'wasi:cli/environment',
  'wasi:cli/exit',
  'wasi:cli/stdin',
  'wasi:cli/stdout',
  'wasi:cli/stderr',
  'wasi:cli/terminal-input',
  'wasi:cli/terminal-output',
  'wasi:cli/terminal-stdin',
  'wasi:cli/terminal-stdout',
  'wasi:cli/terminal-stderr',
  'wasi:clocks/monotonic-clock',
  'wasi:clocks/wall-clock',
  'wasi:filesystem/preopens',
  'wasi:filesystem/types',
  'wasi:io/error',
  'wasi:io/poll',
  'wasi:io/streams',
  'wasi:random/insecure',
  'wasi:random/insecure-seed',
  'wasi:random/random',
  'wasi:sockets/instance-network',
  'wasi:sockets/ip-name-lookup',
  'wasi:sockets/network',
  'wasi:sockets/tcp',
  'wasi:sockets/tcp-create-socket',
  'wasi:sockets/udp',
  'wasi:sockets/udp-create-socket',
] as const;
export type CommandImport = (typeof commandImports)[number];

/** A component, ready to run. */
export interface ComponentBundle {
  /** An ECMAScript module that exports `instantiate`, as jco generates it. UTF-8. */
  readonly glue: Uint8Array;
  /** Core modules by the name that the glue knows them by. */
  readonly modules: readonly (readonly [name: string, bytes: Uint8Array])[];
}

export function encodeBundle({ glue, modules }: ComponentBundle): Uint8Array<ArrayBuffer> {
  const parts = [
    Uint8Array.from(preamble),
    ...section(glueSection, glue),
    ...modules.flatMap(([name, bytes]) => section(coreSection + name, bytes)),
  ];
  const bundle = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bundle.set(part, at);
    at += part.length;
  }
  return bundle;
}

/** Whether the module announces itself as a component that was taken apart. */
export function isBundle(module: Uint8Array): boolean {
  const read = reader(module, preamble.length);
  if (read.byte() !== customSection) return false;
  read.leb();
  return read.leb() === glueSection.length && read.text(glueSection.length) === glueSection && !read.failed;
}

/** @returns `undefined` for a module that begins as a bundle does and is none */
export function decodeBundle(module: Uint8Array): ComponentBundle | undefined {
  const read = reader(module, preamble.length);
  const modules = new Map<string, Uint8Array>();
  let glue: Uint8Array | undefined;
  while (read.at < module.length) {
    const id = read.byte();
    const size = read.leb();
    const end = read.at + size;
    const length = read.leb();
    if (id !== customSection || length > longestName || read.at + length > end || end > module.length)
      return undefined;
    const name = read.text(length);
    const content = module.subarray(read.at, end);
    read.skip(content.length);
    if (glue === undefined) {
      if (name !== glueSection) return undefined;
      glue = content;
    } else {
      const core = name.slice(coreSection.length);
      if (!name.startsWith(coreSection) || modules.has(core) || modules.size === mostModules)
        return undefined;
      modules.set(core, content);
    }
  }
  return glue === undefined || read.failed ? undefined : { glue, modules: [...modules] };
}

function section(name: string, content: Uint8Array): Uint8Array[] {
  const text = new TextEncoder().encode(name);
  const length = leb(text.length);
  return [
    Uint8Array.of(customSection, ...leb(length.length + text.length + content.length), ...length),
    text,
    content,
  ];
}

/** LEB128, unsigned. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
