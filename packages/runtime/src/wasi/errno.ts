// SPDX-License-Identifier: Apache-2.0

/** WASI preview 1 `errno`, complete and in the order of the specification. */
const names = [
  'success',
  'toobig',
  'acces',
  'addrinuse',
  'addrnotavail',
  'afnosupport',
  'again',
  'already',
  'badf',
  'badmsg',
  'busy',
  'canceled',
  'child',
  'connaborted',
  'connrefused',
  'connreset',
  'deadlk',
  'destaddrreq',
  'dom',
  'dquot',
  'exist',
  'fault',
  'fbig',
  'hostunreach',
  'idrm',
  'ilseq',
  'inprogress',
  'intr',
  'inval',
  'io',
  'isconn',
  'isdir',
  'loop',
  'mfile',
  'mlink',
  'msgsize',
  'multihop',
  'nametoolong',
  'netdown',
  'netreset',
  'netunreach',
  'nfile',
  'nobufs',
  'nodev',
  'noent',
  'noexec',
  'nolck',
  'nolink',
  'nomem',
  'nomsg',
  'noprotoopt',
  'nospc',
  'nosys',
  'notconn',
  'notdir',
  'notempty',
  'notrecoverable',
  'notsock',
  'notsup',
  'notty',
  'nxio',
  'overflow',
  'ownerdead',
  'perm',
  'pipe',
  'proto',
  'protonosupport',
  'prototype',
  'range',
  'rofs',
  'spipe',
  'srch',
  'stale',
  'timedout',
  'txtbsy',
  'xdev',
  'notcapable',
] as const;

export type ErrnoName = (typeof names)[number];

/** What a WASI call that cannot be done throws inside the host; the binding turns it into the number. */
export class WasiError extends Error {
  override readonly name = 'WasiError';
  readonly errno: number;

  constructor(errno: number, name: ErrnoName) {
    super(name);
    this.errno = errno;
  }
}

// One object for each: programs probe with calls that fail by the thousand, and capturing a stack costs more than the call.
const errors = new Map<ErrnoName, WasiError>(names.map((name, errno) => [name, new WasiError(errno, name)]));

/** Ends the current WASI call with an errno. */
export function fail(name: ErrnoName): never {
  throw errors.get(name) as WasiError;
}

/** The number of an errno, where it is data rather than the end of a call. */
export function errnoNumber(name: ErrnoName): number {
  return (errors.get(name) as WasiError).errno;
}
