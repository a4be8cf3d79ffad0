// SPDX-License-Identifier: Apache-2.0
//
// Runs a component from its bytes to its end. Loaded when there is one: with all that stands behind it, it is a third of the runner.
import { EnarxError, type Ended } from '@enarx/protocol';

import { ComponentNetwork } from '../component/network.ts';
import { runtimeProblem } from '../problems.ts';
import { componentFlags } from '../runner-flags.ts';
import type { Run } from '../runner-messages.ts';
import { Connection } from '../wasi/connection.ts';
import type { Descriptor } from '../wasi/descriptor.ts';
import type { FileSystem } from '../wasi/files/file-system.ts';
import type { Idle } from '../wasi/idle.ts';
import { Listener } from '../wasi/listener.ts';
import { prepareComponent } from './component.ts';
import { runCommand, serveHandler, tellOwner } from './component-run.ts';
import { setEngineFlags } from './engine-flags.ts';
import type { SupervisorLink } from './link.ts';
import type { ProgramSockets } from './sockets.ts';
import { describeTrap, keepFrames } from './trap.ts';

/** What a component has of the program that it is. */
export interface ComponentProgram {
  readonly run: Run;
  readonly link: SupervisorLink;
  readonly idle: Idle;
  readonly files: FileSystem;
  readonly sockets: ProgramSockets;
  /** Opens its descriptors 0, 1, 2 and so on. */
  open(): Descriptor[];
  /** Whether its end was told already. */
  readonly ended: boolean;
  end(end: Ended): void;
  /** Tells why it cannot be run. */
  refuse(error: unknown): void;
}

export async function startComponent(bytes: Uint8Array, program: ComponentProgram): Promise<void> {
  const { run, link, idle } = program;
  setEngineFlags(componentFlags(run.tiers, bytes.length));
  let running = false;
  try {
    const component = await prepareComponent(bytes, run.pages, run.requests);
    const { given, network } = openForComponent(program);
    if (component.world === 'http' && network.listeners.length === 0)
      throw runtimeProblem('wasm/no-listener');
    if (program.ended) return;
    keepFrames();
    link.started();
    running = true;
    const { args, env, descriptors, request, requests } = run;
    const common = { files: program.files, network, given, args, env, descriptors };
    const end = (code: number): void => {
      program.end({ how: 'exit', code });
    };
    if (component.world === 'command') {
      end((await runCommand(component, idle, common, end)) ? 0 : 1);
      return;
    }
    const stderr = given[2];
    await serveHandler(component, idle, common, {
      longestSilence: request,
      most: requests,
      connections: descriptors,
      trapped: (error) => {
        if (stderr !== undefined) tellOwner(stderr, describeTrap(error));
      },
    });
    link.serving();
  } catch (error) {
    if (!running || error instanceof EnarxError) program.refuse(error);
    else program.end(describeTrap(error));
  }
}

function openForComponent(program: ComponentProgram): {
  readonly given: Descriptor[];
  readonly network: ComponentNetwork;
} {
  const given = program.open();
  const listeners = new Map<number, Listener>();
  const connections = new Map<number, Connection>();
  for (const [number, descriptor] of given.entries()) {
    if (descriptor instanceof Listener) listeners.set(number, descriptor);
    else if (descriptor instanceof Connection) connections.set(number, descriptor);
  }
  const network = new ComponentNetwork({
    files: program.run.files,
    listeners,
    connections,
    dial: (file, done) => {
      program.sockets.dial(file, done);
    },
  });
  return { given, network };
}
