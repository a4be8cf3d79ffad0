// SPDX-License-Identifier: Apache-2.0
import type { Eventually } from './descriptor.ts';
import { WasiError } from './errno.ts';
import { fdCalls } from './fd-calls.ts';
import type { Call, Calls, Host } from './host.ts';
import { pathCalls } from './path-calls.ts';
import { processCalls } from './process-calls.ts';
import { sockCalls } from './sock-calls.ts';

/** The one import module of WASI preview 1. */
export const preview1Module = 'wasi_snapshot_preview1';

/**
 * Calls that may have to wait. Only these are made suspending, which costs a tenth of a microsecond each; `proc_exit` is one of them because
 * a call that suspends for ever is the only end that no `catch_all` in the program can catch.
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

/** A WASI function as the program imports it: it returns an errno. */
export type Import = (...args: never[]) => Eventually<number>;

export interface Preview1 {
  readonly name: string;
  readonly waits: boolean;
  readonly call: Import;
}

/** All 46 functions, so that every preview 1 module finds what it imports. */
export function preview1(host: Host): Preview1[] {
  const calls: Calls = { ...processCalls(host), ...fdCalls(host), ...pathCalls(host), ...sockCalls(host) };
  const functions = Object.entries(calls).map(([name, call]) => ({ name, call: withErrno(call) }));
  const exit: Import = (code: number) => {
    host.exit(code >>> 0);
    return new Promise<never>(() => undefined);
  };
  return [...functions, { name: 'proc_exit', call: exit }].map(({ name, call }) => ({
    name,
    call,
    waits: waiting.has(name),
  }));
}

function withErrno(call: Call): Import {
  return (...args) => {
    try {
      const pending = call(...args);
      return pending === undefined ? 0 : pending.then(() => 0, errnoOf);
    } catch (error) {
      return errnoOf(error);
    }
  };
}

function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  throw error;
}
