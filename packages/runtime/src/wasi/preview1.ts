// SPDX-License-Identifier: Apache-2.0
import { WasiError } from './errno.ts';
import { fdCalls } from './fd-calls.ts';
import type { Call, Calls, Host } from './host.ts';
import { pathCalls } from './path-calls.ts';
import { processCalls } from './process-calls.ts';
import { sockCalls } from './sock-calls.ts';
import type { Waiting } from './waiting.ts';

/** The one import module of WASI preview 1. */
export const preview1Module = 'wasi_snapshot_preview1';

/**
 * Calls that may have to wait. Only these are made suspending, which costs a tenth of a microsecond each; `proc_exit` is one of them because
 * a call that waits for ever is the only end that no `catch_all` in the program can catch.
 */
const waiting = new Set([
  'fd_read',
  'fd_write',
  'poll_oneoff',
  'proc_exit',
  'sock_accept',
  'sock_recv',
  'sock_send',
]);

/** Carries a waiting call to its end, each in its own way: by suspending the program, or by blocking the process. */
export type Binding = (call: Waiting<number>) => number | Promise<number>;

export interface Preview1 {
  readonly name: string;
  readonly waits: boolean;
  /** As the program imports it: it returns an errno. */
  readonly call: (...args: never[]) => number | Promise<number>;
}

/** All 46 functions, so that every preview 1 module finds what it imports. */
export function preview1(host: Host, bind: Binding): Preview1[] {
  const calls: Calls = { ...processCalls(host), ...fdCalls(host), ...pathCalls(host), ...sockCalls(host) };
  return Object.entries(calls).map(([name, call]) => ({
    name,
    waits: waiting.has(name),
    call: waiting.has(name) ? waitingCall(call, bind) : plainCall(call),
  }));
}

type Argument = never;

/** With its arguments spelt out, since gathering and spreading them costs as much as a small call does. */
function plainCall(call: Call): Preview1['call'] {
  return (
    a: Argument,
    b: Argument,
    c: Argument,
    d: Argument,
    e: Argument,
    f: Argument,
    g: Argument,
    h: Argument,
    i: Argument,
  ) => {
    try {
      call(a, b, c, d, e, f, g, h, i);
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  };
}

function waitingCall(call: Call, bind: Binding): Preview1['call'] {
  return (a: Argument, b: Argument, c: Argument, d: Argument, e: Argument, f: Argument) => {
    try {
      const pending = call(a, b, c, d, e, f);
      return pending === undefined ? 0 : bind(withErrno(pending));
    } catch (error) {
      return errnoOf(error);
    }
  };
}

function* withErrno(pending: Waiting<undefined>): Waiting<number> {
  try {
    yield* pending;
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  throw error;
}
