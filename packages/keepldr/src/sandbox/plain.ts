// SPDX-License-Identifier: Apache-2.0
import { version } from 'node:process';

import { argumentsFor, type Confinement } from './confinement.ts';

/** Node's permission model alone. Node itself calls it no barrier against hostile code: it is what is left where nothing else works. */
export function plain(): Confinement {
  return {
    name: 'plain',
    command: (program) => ({
      file: program.node,
      args: argumentsFor(program, program.release),
      inputs: [],
    }),
    probe: () =>
      Promise.resolve(
        process.allowedNodeEnvironmentFlags.has('--allow-net')
          ? { id: 'sandbox-plain', pass: true, found: `permission model of Node ${version}` }
          : {
              id: 'sandbox-plain',
              pass: false,
              found: `Node ${version}, whose permission model does not cover the network`,
              remedy: 'Use Node 26.',
            },
      ),
  };
}
