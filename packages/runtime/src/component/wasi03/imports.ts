// SPDX-License-Identifier: Apache-2.0
import type { Interface } from '../host.ts';

/**
 * What a component of WASI 0.3 may import besides what one of WASI 0.2 may: the world `wasi:cli/command`. With the version, since the same names stand for other
 * interfaces in WASI 0.2; it is the only one, for which neither a release candidate nor a later one passes.
 */
export const componentImports03 = [
  'wasi:cli/environment@0.3.0',
  'wasi:cli/exit@0.3.0',
  'wasi:cli/stdin@0.3.0',
  'wasi:cli/stdout@0.3.0',
  'wasi:cli/stderr@0.3.0',
  'wasi:cli/terminal-input@0.3.0',
  'wasi:cli/terminal-output@0.3.0',
  'wasi:cli/terminal-stdin@0.3.0',
  'wasi:cli/terminal-stdout@0.3.0',
  'wasi:cli/terminal-stderr@0.3.0',
  'wasi:cli/types@0.3.0',
  'wasi:clocks/monotonic-clock@0.3.0',
  'wasi:clocks/system-clock@0.3.0',
  'wasi:clocks/types@0.3.0',
  'wasi:filesystem/preopens@0.3.0',
  'wasi:filesystem/types@0.3.0',
  'wasi:random/insecure@0.3.0',
  'wasi:random/insecure-seed@0.3.0',
  'wasi:random/random@0.3.0',
  'wasi:sockets/ip-name-lookup@0.3.0',
  'wasi:sockets/types@0.3.0',
] as const;
export type ComponentImport03 = (typeof componentImports03)[number];

/** What else there is in WASI 0.3.0, to be told from the interfaces of WASI 0.2 that have the same names. */
export const missing03 = [
  'wasi:clocks/timezone@0.3.0',
  'wasi:http/client@0.3.0',
  'wasi:http/handler@0.3.0',
  'wasi:http/types@0.3.0',
] as const;

/** The interfaces of some packages of WASI. */
export type Interfaces03<Package extends string> = Readonly<
  Record<Extract<ComponentImport03, `wasi:${Package}/${string}`>, Interface>
>;
