// SPDX-License-Identifier: Apache-2.0
//
// A component that was taken apart. Engines run core modules only, so a client turns a component into its core modules and the JavaScript that joins them by
// the canonical ABI, and delivers both as one module without code: everything is in custom sections, which any reader of WebAssembly passes over.

import { leb } from '../runner/leb128.ts';
import { reader } from '../runner/module-reader.ts';

export { componentImports03, missing03 } from './wasi03/imports.ts';

const preamble = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const customSection = 0;
/** Of the first section, by what the component does; the others are named after the core modules. */
const glueSections = { command: 'enarx.component.1', http: 'enarx.handler.1' } as const satisfies Record<
  World,
  string
>;
const coreSection = 'enarx.core:';
const mostModules = 1000;
const longestName = 256;

/** What a component of WASI 0.2 may import, without versions: all of the worlds `wasi:cli/command` and `wasi:http/proxy`. */
export const componentImports = [
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
  'wasi:http/outgoing-handler',
  'wasi:http/types',
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
export type ComponentImport = (typeof componentImports)[number];

/** What a component does: it runs to its end, or it answers HTTP requests. */
export type World = 'command' | 'http';

/** Where a component is entered, in any version. */
const entryExport = /^wasi:(cli\/run|http\/incoming-handler|http\/handler)@/;
const commandExport = /^wasi:cli\/run@0\.2\.\d+$/;
const commandExport03 = 'wasi:cli/run@0.3.0';
const handlerExport = /^wasi:http\/incoming-handler@0\.2\.\d+$/;

/** What a component is, by the interfaces that it exports. */
export interface Exported {
  readonly world: World;
  /** The name of the one that counts. */
  readonly export: string;
  /** Whether it is that of WASI 0.3. */
  readonly wasi03: boolean;
}

/**
 * One that is both is a command. Compilers give what is of WASI 0.3 the `run` of WASI 0.2 as well, which only traps: so what has an entry of a version that is none here
 * is not taken for what else it is.
 */
export function worldOf(exports: readonly string[]): Exported | undefined {
  const known = (name: string): boolean =>
    name === commandExport03 || commandExport.test(name) || handlerExport.test(name);
  if (exports.some((name) => entryExport.test(name) && !known(name))) return undefined;
  if (exports.includes(commandExport03)) return { world: 'command', export: commandExport03, wasi03: true };
  const command = exports.find((name) => commandExport.test(name));
  if (command !== undefined) return { world: 'command', export: command, wasi03: false };
  const handler = exports.find((name) => handlerExport.test(name));
  return handler === undefined ? undefined : { world: 'http', export: handler, wasi03: false };
}

/** A component, ready to run. */
export interface ComponentBundle {
  readonly world: World;
  /** An ECMAScript module that exports `instantiate`, as jco generates it. UTF-8. */
  readonly glue: Uint8Array;
  /** Core modules by the name that the glue knows them by. */
  readonly modules: readonly (readonly [name: string, bytes: Uint8Array])[];
}

export function encodeBundle({ world, glue, modules }: ComponentBundle): Uint8Array<ArrayBuffer> {
  const parts = [
    Uint8Array.from(preamble),
    ...section(glueSections[world], glue),
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
  const length = read.leb();
  return length <= longestName && worldNamed(read.text(length)) !== undefined && !read.failed;
}

function worldNamed(section: string): World | undefined {
  if (section === glueSections.command) return 'command';
  return section === glueSections.http ? 'http' : undefined;
}

/** @returns `undefined` for a module that begins as a bundle does and is none */
export function decodeBundle(module: Uint8Array): ComponentBundle | undefined {
  const read = reader(module, preamble.length);
  const modules = new Map<string, Uint8Array>();
  let glue: Uint8Array | undefined;
  let world: World | undefined;
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
      world = worldNamed(name);
      glue = content;
      if (world === undefined) return undefined;
    } else {
      const core = name.slice(coreSection.length);
      if (!name.startsWith(coreSection) || modules.has(core) || modules.size === mostModules)
        return undefined;
      modules.set(core, content);
    }
  }
  return glue === undefined || world === undefined || read.failed
    ? undefined
    : { world, glue, modules: [...modules] };
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
