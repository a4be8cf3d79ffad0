// SPDX-License-Identifier: Apache-2.0
import { knownFdflags, type Descriptor, type Status } from './descriptor.ts';
import { fail } from './errno.ts';
import { Directory } from './files/directory.ts';
import type { Host } from './host.ts';
import { IoVectors } from './io-vectors.ts';
import type { GuestMemory } from './memory.ts';
import { right, rightsOf } from './rights.ts';
import type { Eventually } from './waiting.ts';

const fdstatSize = 24;
const filestatSize = 64;
const prestatSize = 8;
const direntSize = 24;
const lastAdvice = 5;
const nanosecondsPerMillisecond = 1_000_000n;
/** WASI preview 1 `fstflags`. */
const fstflag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
const encoder = new TextEncoder();

/** What works on a descriptor number. */
export function fdCalls({ memory, descriptors }: Host) {
  function preopened(fd: number): Uint8Array {
    const descriptor = descriptors.get(fd);
    if (!(descriptor instanceof Directory) || descriptor.preopened === undefined) return fail('badf');
    return encoder.encode(descriptor.preopened);
  }

  return {
    fd_read(fd: number, list: number, count: number, result: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd, right.fdRead);
      memory.check(result, 4);
      return store(memory, result, descriptor.read(new IoVectors(memory, list, count)));
    },
    fd_write(fd: number, list: number, count: number, result: number): Eventually<undefined> {
      const descriptor = descriptors.get(fd, right.fdWrite);
      memory.check(result, 4);
      return store(memory, result, descriptor.write(new IoVectors(memory, list, count)));
    },
    fd_pread(fd: number, list: number, count: number, offset: bigint, result: number): void {
      const descriptor = descriptors.get(fd, right.fdRead);
      memory.check(result, 4);
      const vectors = new IoVectors(memory, list, count);
      memory.setU32(result, descriptor.readAt(vectors, fileSize(offset)));
    },
    fd_pwrite(fd: number, list: number, count: number, offset: bigint, result: number): void {
      const descriptor = descriptors.get(fd, right.fdWrite);
      memory.check(result, 4);
      const vectors = new IoVectors(memory, list, count);
      memory.setU32(result, descriptor.writeAt(vectors, fileSize(offset)));
    },
    fd_seek(fd: number, delta: bigint, from: number, result: number): void {
      const descriptor = descriptors.get(fd);
      memory.check(result, 8);
      // Nothing is moved when the right is missing, and what has no position says so instead.
      if ((descriptor.rights & right.fdSeek) === 0) memory.setSize(result, descriptor.position);
      descriptor.require(right.fdSeek);
      memory.setSize(result, descriptor.seek(Number(delta), from));
    },
    fd_tell(fd: number, result: number): void {
      const descriptor = descriptors.get(fd);
      const { position } = descriptor;
      descriptor.require(right.fdTell);
      memory.setSize(result, position);
    },
    fd_advise(fd: number, _offset: bigint, length: bigint, advice: number): void {
      const descriptor = descriptors.get(fd);
      descriptor.advise();
      descriptor.require(right.fdAdvise);
      if (advice < 0 || advice > lastAdvice || length < 0n) fail('inval');
    },
    fd_allocate(fd: number, offset: bigint, length: bigint): void {
      const descriptor = descriptors.get(fd);
      // A directory, with whatever rights, says itself that it is no file.
      if (!(descriptor instanceof Directory)) requireFor(descriptor, right.fdAllocate);
      descriptor.allocate(fileSize(offset), fileSize(length));
    },
    fd_close(fd: number): void {
      descriptors.close(fd);
    },
    fd_renumber(from: number, to: number): void {
      descriptors.renumber(from, to);
    },
    fd_sync(fd: number): void {
      const descriptor = descriptors.get(fd);
      descriptor.sync();
      descriptor.require(right.fdSync);
    },
    fd_datasync(fd: number): void {
      const descriptor = descriptors.get(fd);
      descriptor.sync();
      descriptor.require(right.fdDatasync);
    },
    fd_fdstat_get(fd: number, result: number): void {
      const descriptor = descriptors.get(fd);
      memory.clear(result, fdstatSize);
      memory.setU8(result, descriptor.filetype);
      memory.setU16(result + 2, descriptor.flags);
      memory.setU32(result + 8, descriptor.rights);
      memory.setU32(result + 16, descriptor.inheriting);
    },
    fd_fdstat_set_flags(fd: number, flags: number): void {
      const descriptor = descriptors.get(fd, right.fdFdstatSetFlags);
      if ((flags & ~knownFdflags) !== 0) fail('inval');
      descriptor.flags = flags;
    },
    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint): void {
      const descriptor = descriptors.get(fd);
      requireWithin(base, descriptor.rights);
      requireWithin(inheriting, descriptor.inheriting);
      descriptor.rights = rightsOf(base);
      descriptor.inheriting = rightsOf(inheriting);
    },
    fd_filestat_get(fd: number, result: number): void {
      writeFilestat(memory, result, descriptors.get(fd, right.fdFilestatGet).status());
    },
    fd_filestat_set_size(fd: number, size: bigint): void {
      const descriptor = descriptors.get(fd);
      requireFor(descriptor, right.fdFilestatSetSize);
      descriptor.resize(fileSize(size));
    },
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number): void {
      const descriptor = descriptors.get(fd);
      requireFor(descriptor, right.fdFilestatSetTimes);
      descriptor.setTimes(...timesOf(accessed, modified, flags));
    },
    /** Programs count up from 3 until this fails. */
    fd_prestat_get(fd: number, result: number): void {
      const name = preopened(fd);
      memory.clear(result, prestatSize);
      memory.setU32(result + 4, name.length);
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number): void {
      const name = preopened(fd);
      if (length >>> 0 < name.length) fail('nametoolong');
      memory.setBytes(pointer, name);
    },
    fd_readdir(fd: number, pointer: number, length: number, cookie: bigint, result: number): void {
      const descriptor = descriptors.get(fd);
      if (!(descriptor instanceof Directory)) return fail('notdir');
      descriptor.require(right.fdReaddir);
      memory.check(result, 4);
      memory.check(pointer, length >>> 0);
      const used = writeEntries(memory, descriptor, pointer >>> 0, length >>> 0, cookieOf(cookie));
      memory.setU32(result, used);
    },
  };
}

/** Counts are checked before the bytes move: a program with a bad result pointer must not lose input. */
export function store(memory: GuestMemory, result: number, moved: Eventually<number>): Eventually<undefined> {
  if (typeof moved !== 'number') return storeLater(memory, result, moved);
  memory.setU32(result, moved);
  return undefined;
}

function* storeLater(
  memory: GuestMemory,
  result: number,
  moving: Exclude<Eventually<number>, number>,
): Exclude<Eventually<undefined>, undefined> {
  memory.setU32(result, yield* moving);
  return undefined;
}

/** A right that only files and directories can have; on anything else the call itself makes no sense, and says so. */
function requireFor(descriptor: Descriptor, rights: number): void {
  if (descriptor.status().device !== 0) descriptor.require(rights);
}

function requireWithin(wanted: bigint, held: number): void {
  if ((BigInt.asUintN(64, wanted) & ~BigInt(held)) !== 0n) fail('notcapable');
}

/** 64-bit sizes and offsets are unsigned; those that no file can have end the call with `inval`. */
export function fileSize(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) fail('inval');
  return Number(value);
}

/** Times to set, `undefined` for those that stay. Ends the call with `inval` for flags that contradict each other or are not known. */
export function timesOf(
  accessed: bigint,
  modified: bigint,
  flags: number,
): [accessed: number | bigint | undefined, modified: number | bigint | undefined] {
  const known = fstflag.accessed | fstflag.accessedNow | fstflag.modified | fstflag.modifiedNow;
  if ((flags & ~known) !== 0) fail('inval');
  return [
    timeOf(accessed, flags, fstflag.accessed, fstflag.accessedNow),
    timeOf(modified, flags, fstflag.modified, fstflag.modifiedNow),
  ];
}

function timeOf(given: bigint, flags: number, set: number, setNow: number): number | bigint | undefined {
  const isSet = (flags & set) !== 0;
  const isNow = (flags & setNow) !== 0;
  if (isSet && isNow) fail('inval');
  if (isNow) return Date.now();
  return isSet ? BigInt.asUintN(64, given) : undefined;
}

export function writeFilestat(memory: GuestMemory, pointer: number, status: Status): void {
  memory.clear(pointer, filestatSize);
  memory.setSize(pointer, status.device);
  memory.setSize(pointer + 8, status.ino);
  memory.setU8(pointer + 16, status.filetype);
  memory.setSize(pointer + 24, status.links);
  memory.setSize(pointer + 32, status.size);
  memory.setU64(pointer + 40, nanoseconds(status.accessed));
  memory.setU64(pointer + 48, nanoseconds(status.modified));
  memory.setU64(pointer + 56, nanoseconds(status.changed));
}

function nanoseconds(time: number | bigint): bigint {
  return typeof time === 'bigint' ? time : BigInt(time) * nanosecondsPerMillisecond;
}

/** A cookie that this host never gave is behind all entries. */
function cookieOf(cookie: bigint): number {
  return cookie < 0n || cookie > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(cookie);
}

/** Fills the buffer; an entry that does not fit is cut off, which tells the program that there are more. @returns bytes written */
function writeEntries(
  memory: GuestMemory,
  directory: Directory,
  pointer: number,
  length: number,
  first: number,
): number {
  let cookie = first;
  let used = 0;
  while (used < length) {
    const found = directory.list(cookie);
    if (found === undefined) break;
    const name = encoder.encode(found.name);
    const entry = new Uint8Array(direntSize + name.length);
    const view = new DataView(entry.buffer);
    view.setBigUint64(0, BigInt(found.next), true);
    view.setBigUint64(8, BigInt(found.node.ino), true);
    view.setUint32(16, name.length, true);
    view.setUint8(20, found.node.filetype);
    entry.set(name, direntSize);
    const fits = entry.subarray(0, length - used);
    memory.setBytes(pointer + used, fits);
    used += fits.length;
    if (fits.length < entry.length) break;
    directory.pass(found);
    cookie = found.next;
  }
  return used;
}
