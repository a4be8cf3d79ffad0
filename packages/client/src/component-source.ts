// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';

import {
  componentImports,
  componentImports03,
  encodeBundle,
  worldOf,
  type World,
} from '@enarx/runtime/component-bundle';

import type { Transpile } from './component/transpile.ts';
import { moduleFromBytes, type ModuleSource } from './module-source.ts';
import { clientProblem } from './problems.ts';

/** `\0asm`, version 13, layer 1: how a component begins. */
const preamble = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
const known: ReadonlySet<string> = new Set(componentImports);
const known03: ReadonlySet<string> = new Set(componentImports03);

export function isComponent(bytes: Uint8Array): boolean {
  return preamble.every((byte, index) => bytes[index] === byte);
}

/** Whether a file begins as a component does; `false` for one that cannot be read. */
export async function isComponentFile(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const head = new Uint8Array(preamble.length);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return isComponent(head.subarray(0, bytesRead));
  } catch {
    return false;
  }
}

/** A component as it is delivered. */
export interface ComponentSource extends ModuleSource {
  /** Whether it runs to its end or answers HTTP requests, for which it needs a listener. */
  readonly world: World;
}

export interface ComponentOptions {
  /** Takes commands of WASI 0.3.0 as well. EXPERIMENTAL: what that means is in docs/programs.md. */
  readonly experimentalWasi03?: boolean;
}

/**
 * A component of WASI 0.2, a command or one that answers HTTP requests, taken apart on this machine into core modules and what joins them: only those run in a Keep.
 * Size and digest are those of what is delivered, which is the same for the same component and release.
 *
 * @param transpile - `transpile` of @enarx/client/transpile
 * @throws EnarxError `client/component-malformed`, `client/component-unsupported`, `client/component-experimental`, `client/module-size`
 */
export async function moduleFromComponent(
  component: Uint8Array,
  transpile: Transpile,
  { experimentalWasi03 = false }: ComponentOptions = {},
): Promise<ComponentSource> {
  const result = await transpile(component);
  if ('refused' in result) throw clientProblem('client/component-malformed', { found: result.refused });
  const { glue, modules, imports, exports } = result;
  const exported = worldOf(exports);
  if (exported === undefined) {
    throw clientProblem('client/component-unsupported', {
      found: exports.length === 0 ? 'no export' : `the exports ${exports.join(', ')}`,
      expected: 'wasi:cli/run@0.2, wasi:cli/run@0.3.0 (experimental) or wasi:http/incoming-handler@0.2',
    });
  }
  const { world, wasi03 } = exported;
  if (wasi03 && !experimentalWasi03)
    throw clientProblem('client/component-experimental', { found: `the export ${exported.export}` });
  const unknown = imports.filter((name) => !known.has(name) && !(wasi03 && known03.has(name)));
  if (unknown.length > 0) {
    throw clientProblem('client/component-unsupported', {
      found: `the imports ${unknown.join(', ')}`,
      expected: 'interfaces of wasi:cli, clocks, filesystem, http, io, random and sockets',
    });
  }
  return { ...moduleFromBytes(encodeBundle({ world, glue, modules })), world };
}
