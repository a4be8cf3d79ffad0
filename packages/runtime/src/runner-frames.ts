// SPDX-License-Identifier: Apache-2.0
//
// The link between the supervisor and its runner: frames on the runner's fd 3. What they carry stands in runner-messages.ts.
import { maxFramePayload } from '@enarx/protocol';

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
  /** Bytes on a connection, at least one and at most as a frame holds, behind a head of {@link socketHead} bytes; see {@link writeSocketHead}. */
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
/** Bytes in front of the data of a connection: its number and the credit that rides along, four each, most significant first. */
export const socketHead = 8;
/**
 * Bytes of the longest payload on this link. Programs send in pieces of 64 KiB: if the head had to fit in as well, each would take a second frame of a
 * few bytes, and a TLS record of its own.
 */
export const longestLinkPayload = maxFramePayload + socketHead;

/** @param credit - bytes that the sender of the data takes on top, as {@link socketCreditMessage} says it; 0 for none */
export function writeSocketHead(target: Uint8Array, at: number, number: number, credit: number): void {
  const view = new DataView(target.buffer, target.byteOffset + at);
  view.setUint32(0, number);
  view.setUint32(4, credit);
}

/** The payload must be longer than the head. */
export function readSocketHead(payload: Uint8Array): { readonly number: number; readonly credit: number } {
  const view = new DataView(payload.buffer, payload.byteOffset);
  return { number: view.getUint32(0), credit: view.getUint32(4) };
}

/** Bytes: what WASI programs and POSIX know as `PATH_MAX` and `NAME_MAX`. */
export const longestPath = 4096;
export const longestName = 255;

/** Bytes of output that may be on their way: what the runner may send before the first credit. */
export const outputWindow = 262_144;

export type { File } from '@enarx/protocol';

/** Bytes. */
export const randomAhead = 32;

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
