// SPDX-License-Identifier: Apache-2.0
//
// wasi:filesystem 0.2 over the files that preview 1 programs have.
import type { ComponentImport } from './bundle.ts';
import { longestPath } from '../runner-frames.ts';
import { fail, WasiError, type ErrnoName } from '../wasi/errno.ts';
import { fileSize } from '../wasi/fd-calls.ts';
import { Directory } from '../wasi/files/directory.ts';
import type { File } from '../wasi/files/file.ts';
import { FileNode, SymlinkNode } from '../wasi/files/nodes.ts';
import { existing, nodeToOpen, oflag, openNode } from '../wasi/files/opening.ts';
import type { AtEnd, Place } from '../wasi/files/resolve.ts';
import { FlatBuffer } from '../wasi/io-vectors.ts';
import { changingRights, directoryRights, fileRights, right } from '../wasi/rights.ts';
import {
  hashOf,
  statOf,
  timeOf,
  typeOf,
  type MetadataHash,
  type NewTimestamp,
  type Stat,
  type Type,
} from './file-records.ts';
import { FileSink, FileSource } from './file-streams.ts';
import { listLength, ResultError, type ComponentHost, type Interface } from './host.ts';
import { InputStream, type IoError, OutputStream } from './io.ts';

export interface PathFlags {
  readonly symlinkFollow?: boolean;
}
export interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}
export interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly mutateDirectory?: boolean;
}
/** `error-code` for each `errno` that files can fail with; the interface says `not-permitted` for what leads out of a directory. */
const codes: Readonly<Partial<Record<ErrnoName, string>>> = {
  acces: 'access',
  badf: 'bad-descriptor',
  busy: 'busy',
  exist: 'exist',
  fbig: 'file-too-large',
  ilseq: 'illegal-byte-sequence',
  inval: 'invalid',
  isdir: 'is-directory',
  loop: 'loop',
  mfile: 'insufficient-memory',
  nametoolong: 'name-too-long',
  noent: 'no-entry',
  nospc: 'insufficient-space',
  notcapable: 'not-permitted',
  notdir: 'not-directory',
  notempty: 'not-empty',
  perm: 'not-permitted',
  rofs: 'read-only',
};

export function codeOfFileError({ message }: WasiError): string {
  return codes[message as ErrnoName] ?? 'io';
}

/** Runs a call; how it fails becomes its error result. */
function call<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WasiError) throw new ResultError(codeOfFileError(error));
    throw error;
  }
}

/** Resource `descriptor`. It takes one of the descriptors that the workload may have open. */
export class Descriptor {
  readonly #host: ComponentHost;
  readonly #open: Directory | File;
  readonly #flags: DescriptorFlags;
  #number: number | undefined;

  constructor(host: ComponentHost, open: Directory | File, flags: DescriptorFlags, number?: number) {
    this.#host = host;
    this.#open = open;
    this.#flags = flags;
    this.#number = number;
  }

  static preopened(host: ComponentHost, directory: Directory): Descriptor {
    const changes = (directory.rights & changingRights) !== 0;
    return new Descriptor(host, directory, { read: true, mutateDirectory: changes });
  }

  /** Called when the component drops it. */
  [Symbol.dispose](): void {
    if (this.#number !== undefined) this.#host.descriptors.close(this.#number);
    this.#number = undefined;
  }

  readViaStream(offset: bigint): InputStream {
    return call(() => {
      const file = this.#file(right.fdRead);
      return new InputStream(
        this.#host,
        new FileSource(this.#host, file, fileSize(BigInt.asIntN(64, offset))),
      );
    });
  }

  writeViaStream(offset: bigint): OutputStream {
    return call(() => {
      const file = this.#file(right.fdWrite);
      return new OutputStream(
        this.#host,
        new FileSink(this.#host, file, fileSize(BigInt.asIntN(64, offset))),
      );
    });
  }

  appendViaStream(): OutputStream {
    return call(() => {
      const file = this.#file(right.fdWrite);
      return new OutputStream(this.#host, new FileSink(this.#host, file, undefined));
    });
  }

  advise(): void {
    call(() => {
      this.#file(0);
    });
  }

  syncData(): void {
    // There is nothing behind this memory.
  }

  sync(): void {
    // There is nothing behind this memory.
  }

  getFlags(): DescriptorFlags {
    return this.#flags;
  }

  getType(): Type {
    return typeOf(this.#open.filetype);
  }

  setSize(size: bigint): void {
    call(() => {
      this.#file(right.fdFilestatSetSize).resize(fileSize(BigInt.asIntN(64, size)));
    });
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    call(() => {
      this.#open.require(right.fdFilestatSetTimes);
      this.#open.setTimes(timeOf(accessed), timeOf(modified));
    });
  }

  read(length: bigint, offset: bigint): [bytes: Uint8Array, end: boolean] {
    return call(() => {
      const file = this.#file(right.fdRead);
      const position = fileSize(BigInt.asIntN(64, offset));
      const left = Math.max(0, file.status().size - position);
      const buffer = new FlatBuffer(new Uint8Array(Math.min(listLength(length), left)));
      file.readAt(buffer, position);
      return [buffer.bytes, buffer.bytes.length === left];
    });
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    return call(() => {
      const file = this.#file(right.fdWrite);
      return BigInt(file.writeAt(new FlatBuffer(bytes), fileSize(BigInt.asIntN(64, offset))));
    });
  }

  readDirectory(): DirectoryEntryStream {
    return call(() => {
      const directory = this.#directory(right.fdReaddir);
      return new DirectoryEntryStream(new Directory(this.#host.files, directory.node, directory.rights));
    });
  }

  createDirectoryAt(path: string): void {
    call(() => {
      this.#host.files.createDirectory(this.#find(right.pathCreateDirectory, path, 'keep-with-slash'));
    });
  }

  stat(): Stat {
    return call(() => statOf(this.#open.status()));
  }

  statAt(flags: PathFlags, path: string): Stat {
    return call(() => statOf(existing(this.#find(right.pathFilestatGet, path, atEnd(flags))).status()));
  }

  setTimesAt(flags: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): void {
    call(() => {
      const node = existing(this.#find(right.pathFilestatSetTimes, path, atEnd(flags)));
      this.#host.files.setTimes(node, timeOf(accessed), timeOf(modified));
    });
  }

  linkAt(flags: PathFlags, path: string, target: Descriptor, targetPath: string): void {
    call(() => {
      this.#host.files.link(
        this.#find(right.pathLinkSource, path, atEnd(flags)),
        target.#find(right.pathLinkTarget, targetPath, 'keep-with-slash'),
      );
    });
  }

  openAt(pathFlags: PathFlags, path: string, how: OpenFlags, flags: DescriptorFlags): Descriptor {
    return call(() => {
      const { files, descriptors } = this.#host;
      const oflags =
        (how.create === true ? oflag.creat : 0) |
        (how.directory === true ? oflag.directory : 0) |
        (how.exclusive === true ? oflag.excl : 0) |
        (how.truncate === true ? oflag.trunc : 0);
      if (how.create === true && how.directory === true) fail('inval');
      const wanted = wantedRights(flags);
      const needed =
        right.pathOpen |
        (how.create === true ? right.pathCreateFile : 0) |
        (how.truncate === true ? right.pathFilestatSetSize : 0);
      const directory = this.#directory(needed);
      // Asking to change what may only be read is refused here, as the interface wants it, rather than at the first change.
      if (
        (directory.inheriting & right.fdWrite) === 0 &&
        (flags.write === true || flags.mutateDirectory === true)
      )
        fail('rofs');
      descriptors.requireRoom();
      const exclusive = how.create === true && how.exclusive === true;
      const place = this.#find(0, path, exclusive ? 'keep-with-slash' : atEnd(pathFlags));
      const node = nodeToOpen(files, place, oflags, wanted & right.fdWrite);
      if (how.truncate === true && node instanceof FileNode) files.resize(node, 0);
      // What may be done below a directory is settled by the one that it was opened through, not by the flags that it was opened with.
      const base = node instanceof FileNode ? wanted : directoryRights;
      const open = openNode(files, node, directory, base, directoryRights | fileRights);
      return new Descriptor(this.#host, open, flags, descriptors.add(open));
    });
  }

  readlinkAt(path: string): string {
    return call(() => {
      const node = existing(this.#find(right.pathReadlink, path, 'keep'));
      return node instanceof SymlinkNode ? node.target : fail('inval');
    });
  }

  removeDirectoryAt(path: string): void {
    call(() => {
      this.#host.files.removeDirectory(this.#find(right.pathRemoveDirectory, path, 'keep-with-slash'));
    });
  }

  renameAt(path: string, target: Descriptor, targetPath: string): void {
    call(() => {
      this.#host.files.rename(
        this.#find(right.pathRenameSource, path, 'keep-with-slash'),
        target.#find(right.pathRenameTarget, targetPath, 'keep-with-slash'),
      );
    });
  }

  symlinkAt(target: string, path: string): void {
    call(() => {
      if (target === '') fail('noent');
      // Nothing absolute is ever followed, so a link to it could only mislead.
      if (target.startsWith('/')) fail('notcapable');
      requirePath(target);
      this.#host.files.createSymlink(this.#find(right.pathSymlink, path, 'keep-with-slash'), target);
    });
  }

  unlinkFileAt(path: string): void {
    call(() => {
      this.#host.files.unlink(this.#find(right.pathUnlinkFile, path, 'keep-with-slash'));
    });
  }

  isSameObject(other: Descriptor): boolean {
    return this.#open.status().ino === other.#open.status().ino;
  }

  metadataHash(): MetadataHash {
    return call(() => hashOf(this.#open.status()));
  }

  metadataHashAt(flags: PathFlags, path: string): MetadataHash {
    return call(() => hashOf(existing(this.#find(right.pathFilestatGet, path, atEnd(flags))).status()));
  }

  #file(rights: number): File {
    if (this.#open instanceof Directory) return fail('isdir');
    if ((this.#open.rights & rights) !== rights) fail('badf');
    return this.#open;
  }

  #directory(rights: number): Directory {
    if (!(this.#open instanceof Directory)) return fail('notdir');
    // What is read-only has none of the rights to change it, and says so in its own way.
    const missing = rights & ~this.#open.rights;
    if (missing !== 0) fail((missing & changingRights) === missing ? 'rofs' : 'notcapable');
    return this.#open;
  }

  #find(rights: number, path: string, end: AtEnd): Place {
    requirePath(path);
    return this.#host.files.find(this.#directory(rights).node, path, end);
  }
}

/** Resource `directory-entry-stream`. It holds the directory open by itself, since the descriptor may be dropped before it. */
export class DirectoryEntryStream {
  readonly #directory: Directory;
  #cookie = 0;
  #closed = false;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#directory.close();
    this.#closed = true;
  }

  /** The interface leaves out `.` and `..`. */
  readDirectoryEntry(): { readonly type: Type; readonly name: string } | undefined {
    for (;;) {
      const found = this.#directory.list(this.#cookie);
      if (found === undefined) return undefined;
      this.#directory.pass(found);
      this.#cookie = found.next;
      if (found.name !== '.' && found.name !== '..')
        return { type: typeOf(found.node.filetype), name: found.name };
    }
  }
}

function requirePath(path: string): void {
  if (Buffer.byteLength(path) > longestPath) fail('nametoolong');
  if (path.includes('\0')) fail('inval');
}

function atEnd({ symlinkFollow }: PathFlags): AtEnd {
  return symlinkFollow === true ? 'follow' : 'keep';
}

/** What is not asked for cannot be done with a file. */
function wantedRights({ read, write }: DescriptorFlags): number {
  const writing = right.fdWrite | right.fdAllocate | right.fdFilestatSetSize;
  return fileRights & ~(read === true ? 0 : right.fdRead) & ~(write === true ? 0 : writing);
}

export function filesystemInterfaces(host: ComponentHost) {
  const preopened = host.given.filter((descriptor) => descriptor instanceof Directory);
  return {
    'wasi:filesystem/preopens': {
      getDirectories: () =>
        preopened.map((directory) => [Descriptor.preopened(host, directory), directory.preopened ?? '']),
    },
    'wasi:filesystem/types': {
      Descriptor,
      DirectoryEntryStream,
      filesystemErrorCode: (error: IoError) => codes[error.cause.message as ErrnoName],
    },
  } satisfies Partial<Record<ComponentImport, Interface>>;
}
