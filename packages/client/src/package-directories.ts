// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { EnarxError, Entry } from '@enarx/protocol';

import type { PackageItem, PackageSource } from './package-source.ts';
import { clientProblem } from './problems.ts';

/** A directory of this machine, and where it lies among the files of the program. */
export interface CarriedDirectory {
  readonly from: string;
  /** Absolute path in its shortest form. */
  readonly to: string;
}

/** As many as a delivery may announce, and bytes likewise. */
const mostEntries = 65_536;
const mostBytes = 1_073_741_824;

/** Files up to this many bytes are read in one go. */
const smallFile = 65_536;
/** Entries that are looked at in one go, in a fraction of the time that asking for each from other threads takes. */
const looksAtOnce = 256;

interface Found {
  readonly entry: Entry;
  readonly from: string;
}

/**
 * All that lies in some directories, for a program to find when it starts: a copy, which it may change without anything changing here. Symbolic links stay what they
 * are, so none brings a file along that lies elsewhere.
 *
 * @throws EnarxError `client/package-unreadable`, `client/package-size`
 */
export async function packageFromDirectories(
  directories: readonly CarriedDirectory[],
): Promise<PackageSource> {
  const found: Found[] = [];
  let bytes = 0;
  for (const { from, to } of directories) {
    for await (const item of walk(await ledTo(from), to)) {
      found.push(item);
      if (item.entry.kind === 'file') bytes += item.entry.size;
      if (found.length > mostEntries) throw tooMuch(from, `${String(mostEntries)} entries`);
      if (bytes > mostBytes) throw tooMuch(from, `${String(mostBytes)} bytes`);
    }
  }
  return { entries: found.length, bytes, open: () => found.map(withContent) };
}

/** Whoever names a link to a directory means the directory. */
async function ledTo(from: string): Promise<string> {
  try {
    return await realpath(from);
  } catch (cause) {
    throw unreadable(from, cause as Error);
  }
}

async function* walk(from: string, to: string): AsyncGenerator<Found> {
  // Not recursive: what lies there may nest deeper than the stack.
  const pending = [{ place: from, path: to }];
  let looks = 0;
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const { place, path } = at;
    looks += 1;
    if (looks % looksAtOnce === 0) await nextTurn();
    const { entry, names } = look(place, path);
    if (place === from && entry.kind !== 'directory') throw unreadable(from, new Error('not a directory'));
    // Every program has a root.
    if (path !== '/') yield { entry, from: place };
    for (const name of names.toSorted().toReversed())
      pending.push({ place: join(place, name), path: path === '/' ? `/${name}` : `${path}/${name}` });
  }
}

function look(place: string, path: string): { entry: Entry; names: readonly string[] } {
  try {
    const status = lstatSync(place);
    if (status.isDirectory()) return { entry: { kind: 'directory', path }, names: readdirSync(place) };
    if (status.isSymbolicLink())
      return { entry: { kind: 'symlink', path, target: readlinkSync(place) }, names: [] };
    if (status.isFile()) return { entry: { kind: 'file', path, size: status.size }, names: [] };
  } catch (cause) {
    throw unreadable(place, cause as Error);
  }
  throw unreadable(place, new Error('neither a file nor a directory nor a symbolic link'));
}

function withContent({ entry, from }: Found): PackageItem {
  if (entry.kind !== 'file') return entry;
  return { ...entry, content: entry.size > smallFile ? contentOf(from) : smallContent(from, entry.size) };
}

/** One byte more than there was, so that a file that has grown is noticed. */
function* smallContent(file: string, size: number): Generator<Uint8Array> {
  const bytes = Buffer.allocUnsafe(size + 1);
  let filled = 0;
  try {
    // What lies there now may be a pipe, whose other end nobody opens.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let read = 1; read > 0 && filled < bytes.length; filled += read)
        read = readSync(descriptor, bytes, filled, bytes.length - filled, null);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw unreadable(file, cause as Error);
  }
  yield bytes.subarray(0, filled);
}

/** Not opened before it is its turn. */
async function* contentOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw unreadable(file, cause as Error);
  }
}

function unreadable(place: string, cause: Error): EnarxError {
  return clientProblem('client/package-unreadable', { found: `${place}: ${cause.message}`, cause });
}

function tooMuch(from: string, most: string): EnarxError {
  return clientProblem('client/package-size', { found: `${from}: more than ${most}` });
}
