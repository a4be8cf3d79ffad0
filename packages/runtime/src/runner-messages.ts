// SPDX-License-Identifier: Apache-2.0
//
// What the frames between the supervisor and its runner carry. The supervisor checks all of it, what it sends as what it is sent; the runner takes from here the
// types alone.
import { entry, maxFramePayload, type Entry, type MessageType, type Of } from '@enarx/protocol';
import * as v from 'valibot';

import { tiers } from './runner-flags.ts';
import { dialRefusals, isPackagePath, randomAhead, socketWindow } from './runner-frames.ts';

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

const dialRefused = v.strictObject({ request: socket, reason: v.picklist(dialRefusals) });
export const dialRefusedMessage: MessageType<v.InferOutput<typeof dialRefused>> = {
  name: 'dial-refused',
  maxBytes: 64,
  schema: dialRefused,
};

/** Milliseconds. */
export const wakeMessage: MessageType<number> = { name: 'wake', maxBytes: 16, schema: uint(0x7fff_ffff) };
