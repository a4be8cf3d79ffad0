// SPDX-License-Identifier: Apache-2.0
import type { ComponentHost, Interface } from '../host.ts';
import { cliInterfaces03 } from './cli.ts';
import { filesystemInterfaces03 } from './filesystem.ts';
import type { ComponentImport03 } from './imports.ts';
import { socketInterfaces03 } from './sockets.ts';
import type { Outgoing } from './streams.ts';

/** Everything that a component of WASI 0.3 may import besides the interfaces of WASI 0.2. @param outgoing - to be settled when the component has ended */
export function componentInterfaces03(
  host: ComponentHost,
  outgoing: Outgoing,
): Readonly<Record<ComponentImport03, Interface>> {
  return {
    ...cliInterfaces03(host, outgoing),
    ...filesystemInterfaces03(host, outgoing),
    ...socketInterfaces03(host, outgoing),
  };
}
