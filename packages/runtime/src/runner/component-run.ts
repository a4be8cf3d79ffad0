// SPDX-License-Identifier: Apache-2.0
//
// Runs a component that was found fit: a command once, a handler for each request anew.
import type { Ended } from '@enarx/protocol';

import { HostTrap, type ComponentHost } from '../component/host.ts';
import type { Descriptor } from '../wasi/descriptor.ts';
import { DescriptorTable } from '../wasi/descriptor-table.ts';
import { WasiError } from '../wasi/errno.ts';
import type { Idle } from '../wasi/idle.ts';
import { FlatBuffer } from '../wasi/io-vectors.ts';
import type { PreparedComponent } from './component.ts';
import { HttpServer, type HandlerInstance, type HttpServerOptions } from './http-server.ts';

/** What all instances have in common. */
export type Common = Pick<ComponentHost, 'files' | 'network' | 'given' | 'args' | 'env'> & {
  /** That one instance may have open at once. */
  readonly descriptors: number;
};

/** Of every request, so that none pays for the frames of another. Nobody is told of it. */
const requestOver = new HostTrap('the request is over');

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function nothing(): void {
  // A command is never given up, but killed.
}

/** @returns whether the command says that it succeeded */
export async function runCommand(
  component: PreparedComponent,
  idle: Idle,
  common: Common,
  exit: (code: number) => void,
): Promise<boolean> {
  const instance = await component.instantiate({
    ...common,
    descriptors: new DescriptorTable(common.given, common.descriptors),
    exit,
    wait: (waiting) => idle.run(waiting),
    wake: () => {
      idle.wake();
    },
    progress: nothing,
    onEnd: () => nothing,
  });
  if (instance.world !== 'command') throw new Error('a component that is no command');
  return instance.run();
}

/** Resolves when the first instance is there and requests are answered. */
export async function serveHandler(
  component: PreparedComponent,
  idle: Idle,
  common: Common,
  options: Omit<HttpServerOptions, 'network' | 'instantiate'>,
): Promise<HttpServer> {
  const instantiate = (): Promise<HandlerInstance> => handlerInstance(component, idle, common);
  // Tells at the start, and not at the first request, that there can be none.
  const first = await instantiate();
  return new HttpServer({ ...options, network: common.network, instantiate }, first);
}

async function handlerInstance(
  component: PreparedComponent,
  idle: Idle,
  common: Common,
): Promise<HandlerInstance> {
  const branch = idle.branch();
  const closing = new Set<() => void>();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const end = (trap: HostTrap): void => {
    ended.reject(trap);
    idle.cut(branch, trap);
    for (const close of [...closing]) close();
    closing.clear();
  };
  const host: ComponentHost = {
    ...common,
    descriptors: new DescriptorTable(common.given, common.descriptors),
    exit: () => {
      handler.exited = true;
      // Not at once: what it has printed before is still on its way through this very call.
      setImmediate(end, new HostTrap('the handler has exited'));
    },
    wait: (waiting) => branch.run(waiting),
    wake: () => {
      branch.wake();
    },
    progress: () => {
      handler.onProgress();
    },
    onEnd: (close) => {
      closing.add(close);
      return () => closing.delete(close);
    },
  };
  const handler: Mutable<HandlerInstance> = {
    host,
    handle: () => ended.promise,
    end: () => {
      end(requestOver);
    },
    exited: false,
    onProgress: nothing,
  };
  const instance = await component.instantiate(host);
  if (instance.world !== 'http') throw new Error('a component that answers no requests');
  // Whatever the generated code or the component makes of the trap: to wait for it any longer would leave its place taken.
  handler.handle = (request, outparam) => Promise.race([instance.handle(request, outparam), ended.promise]);
  return handler;
}

/** One line on the program's standard error. What of it does not go out at once is dropped: an owner who does not read must not hold up requests. */
export function tellOwner(stderr: Descriptor, ended: Ended): void {
  if (ended.how !== 'trap') return;
  const where = ended.frames.length === 0 ? '' : ` at ${ended.frames.slice(0, 8).join(' < ')}`;
  try {
    const writing = stderr.write(new FlatBuffer(Buffer.from(`handler trapped: ${ended.trap}${where}\n`)));
    if (typeof writing === 'object') writing.next();
  } catch (error) {
    if (!(error instanceof WasiError)) throw error;
  }
}
