// SPDX-License-Identifier: Apache-2.0
//
// The link between the supervisor and its runner: frames on the runner's fd 3.
import { entry, maxFramePayload, type Entry, type MessageType, type Of } from '@enarx/protocol';
import * as v from 'valibot';

import { tiers } from './runner-flags.ts';

/** Kinds 0 to 4, 12 to 14 and 22 go to the runner, 5 to 11 and 15 come from it; the others go both ways. */
export const runnerFrame = {
  /** The workload, {@link runMessage}. Comes once, before anything else. */
  run: 0,
  /** Bytes of the module, in order, as many as `size` says. The last of them starts the program, so all entries come before. */
  module: 1,
  stdin: 2,
  stdinEnd: 3,
  /** Bytes of output that the runner may send on top of what it was granted before; a `credit` message. */
  credit: 4,
  /** The runner has booted. Empty. */
  ready: 5,
  /** The module is compiled and found fit; the program starts. Empty. */
  started: 6,
  stdout: 7,
  stderr: 8,
  /** Bytes of standard input that the supervisor may send on top of what it was granted before; a `credit` message. */
  stdinWanted: 9,
  /** How the program ended; an `ended` message of which `exit`, `trap` and `limit memory` are the runner's to say. */
  ended: 10,
  /** The program cannot be run: Concise Problem Details. */
  problem: 11,
  /** The next file, directory or symbolic link of the package; {@link entryMessage}. */
  entry: 12,
  /** Bytes of the file that the last entry announced, in order, as many as its `size` says. */
  content: 13,
  /** The time is over that the runner asked for. Empty. */
  wake: 14,
  /** A runner that blocks in its read asks to be woken after so long; {@link wakeMessage}. The latest request counts. */
  wakeIn: 15,
  /** To the runner: a connection has come; {@link acceptMessage}. From it: the program took one from this listener, so another may wait; {@link socketMessage}. */
  accept: 16,
  /** Bytes on a connection: its number in {@link socketHead} bytes, most significant first, and at least one byte. */
  socketData: 17,
  /** Bytes that may be sent on a connection on top of what was granted before; {@link socketCreditMessage}. */
  socketCredit: 18,
  /** Nothing more comes on this connection in this direction; {@link socketMessage}. */
  socketEnd: 19,
  /** From the runner: the program has closed a socket. To it: a connection is broken. {@link socketMessage} */
  socketClose: 20,
  /** From the runner: the program asks for a connection to where one of its descriptors leads; {@link dialMessage}. To it: it is there; {@link dialledMessage}. */
  dial: 21,
  /** To the runner: the connection cannot be had; {@link dialRefusedMessage}. */
  dialRefused: 22,
  /**
   * From the runner: the program answers requests, or (an answer to the same) the event loop still turns. To it: does it? Empty.
   */
  serving: 23,
} as const;

/** Bytes that may be under way in one direction of a connection before its reader has taken any. */
export const socketWindow = 262_144;
/** Connections that may wait at one listener until the program takes them. */
export const socketBacklog = 128;
/** Connections that a program may have asked for and neither got nor been refused. */
export const mostDials = 64;
/** Bytes of a connection's number in front of its data. */
export const socketHead = 4;

/** Bytes: what WASI programs and POSIX know as `PATH_MAX` and `NAME_MAX`. */
export const longestPath = 4096;
export const longestName = 255;

/** Bytes of output that may be on their way: what the runner may send before the first credit. */
export const outputWindow = 262_144;

/** No string of a program's may hold NUL, which ends it. */
const string = v.pipe(v.string(), v.excludes('\0'));
const uint = (most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(most));

/** Index in the list is the number of the descriptor. */
const file = v.variant('kind', [
  v.strictObject({ kind: v.literal('null') }),
  v.strictObject({ kind: v.literal('stdin') }),
  v.strictObject({ kind: v.literal('stdout') }),
  v.strictObject({ kind: v.literal('stderr') }),
  v.strictObject({
    kind: v.literal('directory'),
    /** Where it lies among the files of the package; made when it is not there. */
    path: v.pipe(
      string,
      v.check((path) => path === '/' || isPackagePath(path), 'not an absolute path in its shortest form'),
    ),
    /** Under which name the program finds it; its path when left out. */
    name: v.optional(v.pipe(string, v.minLength(1), v.maxBytes(4096))),
    /** Nothing in it can be changed, by whatever way. */
    readonly: v.optional(v.boolean()),
  }),
  v.strictObject({
    kind: v.literal('listen'),
    /** Whether the supervisor speaks TLS for it. */
    tls: v.boolean(),
    /** As it was asked for; 0 for any. */
    port: uint(65_535),
    /** Where the host says that it listens. */
    bound: v.optional(v.strictObject({ address: string, port: uint(65_535) })),
  }),
  v.strictObject({
    kind: v.literal('connect'),
    tls: v.boolean(),
    /** Names by which a component asks for the connection; whom it then reaches is the supervisor's business. */
    host: string,
    port: uint(65_535),
  }),
]);
export type { File } from '@enarx/protocol';

/** Bytes. */
export const randomAhead = 32;

const run = v.strictObject({
  /** Bytes. */
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_073_741_824)),
  args: v.pipe(v.array(string), v.maxLength(1024)),
  env: v.pipe(v.array(v.strictTuple([string, string])), v.maxLength(1024)),
  files: v.pipe(v.array(file), v.maxLength(1024)),
  /** Linear memory that the program may have, in 64 KiB pages. */
  pages: uint(65_536),
  tiers: v.picklist(tiers),
  /** What the program may add to its files, in bytes; how many files; how many descriptors may be open at once. */
  bytes: uint(Number.MAX_SAFE_INTEGER),
  inodes: uint(Number.MAX_SAFE_INTEGER),
  descriptors: uint(Number.MAX_SAFE_INTEGER),
  /** For the first that the program asks for; each byte is used once. */
  random: v.pipe(
    v.instance(Uint8Array),
    v.check(({ length }) => length === randomAhead),
  ),
  /** Milliseconds that a request may go without headway, and requests that are answered at once. */
  request: uint(Number.MAX_SAFE_INTEGER),
  requests: v.pipe(uint(4096), v.minValue(1)),
});

export const runMessage: MessageType<v.InferOutput<typeof run>> = {
  name: 'run',
  // As much as the client's own `deliver`, which holds the same and more, may have.
  maxBytes: maxFramePayload,
  schema: run,
};
export type Run = Of<typeof runMessage>;

/** The rule is the protocol's own; the supervisor makes sure of the paths with {@link isPackagePath}. */
export const entryMessage: MessageType<Entry> = entry;

/** Descriptors of listeners and outgoing connections have their own number; accepted connections have numbers above all of these. */
const socket = uint(0xffff_ffff);
export const socketMessage: MessageType<number> = { name: 'socket', maxBytes: 16, schema: socket };

const acceptance = v.strictObject({ listener: socket, socket });
export const acceptMessage: MessageType<v.InferOutput<typeof acceptance>> = {
  name: 'accept',
  maxBytes: 64,
  schema: acceptance,
};

const socketCredit = v.strictObject({ socket, bytes: v.pipe(uint(socketWindow), v.minValue(1)) });
export const socketCreditMessage: MessageType<v.InferOutput<typeof socketCredit>> = {
  name: 'socket-credit',
  maxBytes: 64,
  schema: socketCredit,
};

/** A number that the runner gives its request, and the descriptor. */
const dial = v.strictObject({ request: socket, file: uint(1023) });
export const dialMessage: MessageType<v.InferOutput<typeof dial>> = {
  name: 'dial',
  maxBytes: 64,
  schema: dial,
};

const dialled = v.strictObject({ request: socket, socket });
export const dialledMessage: MessageType<v.InferOutput<typeof dialled>> = {
  name: 'dialled',
  maxBytes: 64,
  schema: dialled,
};

/** Why a connection cannot be had. */
export const dialRefusals = [
  'not-allowed',
  'name-unknown',
  'refused',
  'unreachable',
  'timeout',
  'tls-untrusted',
  'tls-failed',
  'too-many',
  'failed',
] as const;
export type DialRefusal = (typeof dialRefusals)[number];

const dialRefused = v.strictObject({ request: socket, reason: v.picklist(dialRefusals) });
export const dialRefusedMessage: MessageType<v.InferOutput<typeof dialRefused>> = {
  name: 'dial-refused',
  maxBytes: 64,
  schema: dialRefused,
};

/** Milliseconds. */
export const wakeMessage: MessageType<number> = { name: 'wake', maxBytes: 16, schema: uint(0x7fff_ffff) };

/** Whether a path is absolute and in its shortest form, so that one file has one name and none leads out. */
export function isPackagePath(path: string): boolean {
  const names = path.split('/');
  return (
    Buffer.byteLength(path) <= longestPath &&
    !path.includes('\0') &&
    names.shift() === '' &&
    names.length > 0 &&
    names.every(
      (name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= longestName,
    )
  );
}
