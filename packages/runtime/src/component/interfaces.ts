// SPDX-License-Identifier: Apache-2.0
import type { ComponentImport } from './bundle.ts';
import { cliInterfaces } from './cli.ts';
import { filesystemInterfaces } from './filesystem.ts';
import type { ComponentHost, Interface } from './host.ts';
import { httpInterfaces } from './http/interfaces.ts';
import { ioInterfaces } from './io.ts';
import { socketInterfaces } from './sockets.ts';

/** Everything that a component of WASI 0.2 may import, by the name that the generated code asks for. */
export function componentInterfaces(host: ComponentHost) {
  return {
    ...ioInterfaces(host),
    ...cliInterfaces(host),
    ...filesystemInterfaces(host),
    ...socketInterfaces(host),
    ...httpInterfaces(host),
  } satisfies Readonly<Record<ComponentImport, Interface>>;
}
