// SPDX-License-Identifier: Apache-2.0
import type { CommandImport } from './bundle.ts';
import { cliInterfaces } from './cli.ts';
import { filesystemInterfaces } from './filesystem.ts';
import type { ComponentHost, Interface } from './host.ts';
import { ioInterfaces } from './io.ts';
import { socketInterfaces } from './sockets.ts';

/** Everything that a `wasi:cli/command` of WASI 0.2 may import, by the name that the generated code asks for. */
export function commandInterfaces(host: ComponentHost) {
  return {
    ...ioInterfaces(host),
    ...cliInterfaces(host),
    ...filesystemInterfaces(host),
    ...socketInterfaces(),
  } satisfies Readonly<Record<CommandImport, Interface>>;
}
