// SPDX-License-Identifier: Apache-2.0
import type { Idle } from '../wasi/idle.ts';
import type { Binding, Preview1 } from '../wasi/preview1.ts';
import { engine, type CompiledModule } from './engine.ts';

/**
 * How a program waits: suspended, while the event loop of its process goes on; or blocking, where the engine cannot suspend. Everything else is the same
 * for both.
 */
export interface EngineBinding {
  readonly bind: Binding;
  /** Where suspended programs wait; absent where they block. */
  readonly idle: Idle | undefined;
  compile(bytes: Uint8Array): CompiledModule | Promise<CompiledModule>;
  /** What the program gets to import. */
  imported({ call, waits }: Preview1): unknown;
  /** Runs a function of the program to its end. */
  enter(start: unknown): unknown;
}

/** Bytes up to which a module is compiled before threads could be asked to do it. */
const compiledAtOnce = 262_144;

export const canSuspend = engine.Suspending !== undefined;

export function suspendingBinding(idle: Idle): EngineBinding {
  const { Suspending } = engine;
  if (Suspending === undefined) throw new Error('this engine cannot suspend a program');
  return {
    bind: (call) => idle.run(call),
    idle,
    compile: (bytes) => (bytes.length <= compiledAtOnce ? new engine.Module(bytes) : engine.compile(bytes)),
    imported: ({ call, waits }) => (waits ? new Suspending(call) : call),
    enter: (start) => engine.promising(start)(),
  };
}

export function blockingBinding(bind: Binding): EngineBinding {
  return {
    bind,
    idle: undefined,
    // At once: a promise would only be settled by the event loop, which never runs here.
    compile: (bytes) => new engine.Module(bytes),
    imported: ({ call }) => call,
    enter: (start) => (start as () => unknown)(),
  };
}
