// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { IoVectors } from './io-vectors.ts';

/** WASI preview 1 `filetype`. */
export const filetype = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketDgram: 5,
  socketStream: 6,
  symbolicLink: 7,
} as const;
export type Filetype = (typeof filetype)[keyof typeof filetype];

/** WASI preview 1 `fdflags`. */
export const fdflag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;

/** Which way data would flow in a poll: WASI `eventtype` `fd_read` or `fd_write`. */
export type Direction = 'read' | 'write';

export interface Readiness {
  /** Bytes that can be moved at once. */
  readonly bytes: number;
  /** The other end has closed. */
  readonly hangup: boolean;
}

/** A result that is there at once, or after the program has been suspended. */
export type Eventually<T> = T | Promise<T>;

/** What a file descriptor number stands for. */
export abstract class Descriptor {
  abstract readonly filetype: Filetype;
  /** Rights as `fd_fdstat_get` shows them; they only ever shrink. */
  rights: bigint;
  inheriting = 0n;
  flags = 0;

  constructor(rights: bigint) {
    this.rights = rights;
  }

  get nonblocking(): boolean {
    return (this.flags & fdflag.nonblock) !== 0;
  }

  /** Ends the call with `notcapable` when a right is missing. */
  require(rights: bigint): void {
    if ((this.rights & rights) !== rights) fail('notcapable');
  }

  /** @returns bytes read; 0 at the end */
  abstract read(into: IoVectors): Eventually<number>;

  /** @returns bytes written */
  abstract write(from: IoVectors): Eventually<number>;

  /** What a poll would find now, or `undefined` when the program would have to wait. */
  abstract readiness(direction: Direction): Readiness | undefined;

  close(): void {
    // Most kinds hold nothing that has to be given back.
  }
}
