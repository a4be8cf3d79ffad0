// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { Buffers } from './io-vectors.ts';
import type { Eventually } from './waiting.ts';

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
export const knownFdflags = fdflag.append | fdflag.dsync | fdflag.nonblock | fdflag.rsync | fdflag.sync;

/** WASI preview 1 `whence`. */
export const whence = { set: 0, cur: 1, end: 2 } as const;

/** Which way data would flow in a poll: WASI `eventtype` `fd_read` or `fd_write`. */
export type Direction = 'read' | 'write';

export interface Readiness {
  /** Bytes that can be moved at once. */
  readonly bytes: number;
  /** The other end has closed. */
  readonly hangup: boolean;
}

/** WASI preview 1 `filestat`, less its type. Times are milliseconds, or nanoseconds as bigint. */
export interface Status {
  readonly filetype: Filetype;
  readonly device: number;
  readonly ino: number;
  readonly links: number;
  readonly size: number;
  readonly accessed: number | bigint;
  readonly modified: number | bigint;
  readonly changed: number | bigint;
}

const nothingKnown = { device: 0, ino: 0, links: 1, size: 0, accessed: 0, modified: 0, changed: 0 } as const;

/**
 * What a file descriptor number stands for. A kind overrides what it can do; what it leaves alone ends with the errno that POSIX gives for a pipe.
 */
export abstract class Descriptor {
  abstract readonly filetype: Filetype;
  /** Rights as `fd_fdstat_get` shows them; they only ever shrink. */
  rights: number;
  inheriting = 0;
  flags = 0;

  constructor(rights: number) {
    this.rights = rights;
  }

  get nonblocking(): boolean {
    return (this.flags & fdflag.nonblock) !== 0;
  }

  /** Ends the call with `notcapable` when a right is missing. */
  require(rights: number): void {
    if ((this.rights & rights) !== rights) fail('notcapable');
  }

  /** @returns bytes read; 0 at the end */
  abstract read(into: Buffers): Eventually<number>;

  /** @returns bytes written */
  abstract write(from: Buffers): Eventually<number>;

  /** What a poll would find now, or `undefined` when the program would have to wait. */
  abstract readiness(direction: Direction): Readiness | undefined;

  status(): Status {
    return { ...nothingKnown, filetype: this.filetype };
  }

  readAt(into: Buffers, position: number): number;
  readAt(): number {
    return fail('spipe');
  }

  writeAt(from: Buffers, position: number): number;
  writeAt(): number {
    return fail('spipe');
  }

  /** @returns the new position */
  seek(delta: number, whence: number): number;
  seek(): number {
    return fail('spipe');
  }

  get position(): number {
    return fail('spipe');
  }

  /** Whether advice about access makes sense here. */
  advise(): void {
    fail('spipe');
  }

  allocate(offset: number, length: number): void;
  allocate(): void {
    fail('spipe');
  }

  resize(size: number): void;
  resize(): void {
    fail('inval');
  }

  setTimes(accessed: number | bigint | undefined, modified: number | bigint | undefined): void;
  setTimes(): void {
    fail('inval');
  }

  sync(): void {
    fail('inval');
  }

  /** @param flags - `fdflags` of the new descriptor @returns the connection, once there is one */
  accept(flags: number): Descriptor | Generator<number | undefined, Descriptor, void>;
  accept(): Descriptor | Generator<number | undefined, Descriptor, void> {
    return fail('notsock');
  }

  /** @param flags - `riflags` @returns bytes received, and `roflags` in the upper half */
  receive(into: Buffers, flags: number): Eventually<number>;
  receive(): Eventually<number> {
    return fail('notsock');
  }

  send(from: Buffers): Eventually<number>;
  send(): Eventually<number> {
    return fail('notsock');
  }

  /** @param how - `sdflags` */
  shutdown(how: number): void;
  shutdown(): void {
    fail('notsock');
  }

  close(): void {
    // Most kinds hold nothing that has to be given back.
  }
}
