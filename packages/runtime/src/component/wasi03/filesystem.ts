// SPDX-License-Identifier: Apache-2.0
//
// wasi:filesystem 0.3 over that of WASI 0.2: the same calls, of which the streams come with a future and some records hold more.
import type { MetadataHash, NewTimestamp, Stat, Type } from '../file-records.ts';
import {
  codeOfFileError,
  filesystemInterfaces,
  type Descriptor as Descriptor02,
  type DescriptorFlags,
  type OpenFlags,
  type PathFlags,
} from '../filesystem.ts';
import { ResultError, type ComponentHost } from '../host.ts';
import type { OutputStream } from '../io.ts';
import type { Interfaces03 } from './imports.ts';
import {
  bytesOf,
  failed,
  failureOf,
  incoming,
  type ComponentStream,
  type Incoming,
  type Outcome,
  type Outgoing,
} from './streams.ts';

interface Case {
  readonly tag: string;
}
type Stat03 = Omit<Stat, 'type'> & { readonly type: Case };
interface DirectoryEntry {
  readonly type: Case;
  readonly name: string;
}

/** Runs a call of WASI 0.2, whose error codes are names; here they are cases. */
function call<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ResultError) throw new ResultError({ tag: error.payload as string });
    throw error;
  }
}

function codeOf(error: unknown): Case {
  if (error instanceof ResultError && typeof error.payload === 'string') return { tag: error.payload };
  const failure = failureOf(error);
  return { tag: failure === undefined ? 'pipe' : codeOfFileError(failure) };
}

function typeCase(type: Type): Case {
  return { tag: type === 'unknown' ? 'other' : type };
}

function statCase(stat: Stat): Stat03 {
  return { ...stat, type: typeCase(stat.type) };
}

/** What is created can be written, and what is not asked to be written can be read. */
function whole({ create }: OpenFlags, flags: DescriptorFlags): DescriptorFlags {
  return {
    ...flags,
    read: flags.read === true || flags.write !== true,
    write: flags.write === true || create === true,
  };
}

/** Before 1970 there was nothing: WASI 0.2 has no sign to say it with. */
function requireTime(stamp: NewTimestamp): NewTimestamp {
  if (stamp.tag === 'timestamp' && stamp.val.seconds < 0n) throw new ResultError('invalid');
  return stamp;
}

/** Resource `descriptor`. */
export class Descriptor {
  readonly #below: Descriptor02;
  readonly #outgoing: Outgoing;

  constructor(below: Descriptor02, outgoing: Outgoing) {
    this.#below = below;
    this.#outgoing = outgoing;
  }

  /** Called when the component drops it. */
  [Symbol.dispose](): void {
    this.#below[Symbol.dispose]();
  }

  readViaStream(offset: bigint): Incoming<Uint8Array, Case> {
    try {
      return bytesOf(this.#below.readViaStream(offset), codeOf);
    } catch (error) {
      return failed(codeOf(error));
    }
  }

  writeViaStream(data: ComponentStream, offset: bigint): Promise<Outcome<Case>> {
    return this.#write(data, () => this.#below.writeViaStream(offset));
  }

  appendViaStream(data: ComponentStream): Promise<Outcome<Case>> {
    return this.#write(data, () => this.#below.appendViaStream());
  }

  advise(): void {
    if (this.#below.getType() === 'directory') throw new ResultError<Case>({ tag: 'bad-descriptor' });
  }

  syncData(): void {
    this.#below.syncData();
  }

  sync(): void {
    this.#below.sync();
  }

  getFlags(): DescriptorFlags {
    return this.#below.getFlags();
  }

  getType(): Case {
    return typeCase(this.#below.getType());
  }

  setSize(size: bigint): void {
    call(() => {
      this.#below.setSize(size);
    });
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    call(() => {
      this.#below.setTimes(requireTime(accessed), requireTime(modified));
    });
  }

  readDirectory(): Incoming<DirectoryEntry, Case> {
    try {
      const entries = this.#below.readDirectory();
      return incoming(
        () => {
          const entry = entries.readDirectoryEntry();
          return entry === undefined ? undefined : { type: typeCase(entry.type), name: entry.name };
        },
        () => {
          entries[Symbol.dispose]();
        },
        codeOf,
      );
    } catch (error) {
      return failed(codeOf(error));
    }
  }

  createDirectoryAt(path: string): void {
    call(() => {
      this.#below.createDirectoryAt(path);
    });
  }

  stat(): Stat03 {
    return call(() => statCase(this.#below.stat()));
  }

  statAt(flags: PathFlags, path: string): Stat03 {
    return call(() => statCase(this.#below.statAt(flags, path)));
  }

  setTimesAt(flags: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): void {
    call(() => {
      this.#below.setTimesAt(flags, path, requireTime(accessed), requireTime(modified));
    });
  }

  linkAt(flags: PathFlags, path: string, target: Descriptor, targetPath: string): void {
    call(() => {
      this.#below.linkAt(flags, path, target.#below, targetPath);
    });
  }

  openAt(pathFlags: PathFlags, path: string, how: OpenFlags, flags: DescriptorFlags): Descriptor {
    return call(
      () => new Descriptor(this.#below.openAt(pathFlags, path, how, whole(how, flags)), this.#outgoing),
    );
  }

  readlinkAt(path: string): string {
    return call(() => this.#below.readlinkAt(path));
  }

  removeDirectoryAt(path: string): void {
    call(() => {
      // A link with a slash behind it that leads out is refused for that, and not for being a link.
      if (path.endsWith('/')) this.#below.statAt({ symlinkFollow: true }, path);
      this.#below.removeDirectoryAt(path);
    });
  }

  renameAt(path: string, target: Descriptor, targetPath: string): void {
    call(() => {
      this.#below.renameAt(path, target.#below, targetPath);
    });
  }

  symlinkAt(target: string, path: string): void {
    call(() => {
      this.#below.symlinkAt(target, path);
    });
  }

  unlinkFileAt(path: string): void {
    call(() => {
      this.#below.unlinkFileAt(path);
    });
  }

  isSameObject(other: Descriptor): boolean {
    return this.#below.isSameObject(other.#below);
  }

  metadataHash(): MetadataHash {
    return call(() => this.#below.metadataHash());
  }

  metadataHashAt(flags: PathFlags, path: string): MetadataHash {
    return call(() => this.#below.metadataHashAt(flags, path));
  }

  #write(data: ComponentStream, open: () => OutputStream): Promise<Outcome<Case>> {
    try {
      return this.#outgoing.write(data, open(), codeOf);
    } catch (error) {
      data[Symbol.dispose]();
      return Promise.resolve({ tag: 'err', val: codeOf(error) });
    }
  }
}

export function filesystemInterfaces03(host: ComponentHost, outgoing: Outgoing): Interfaces03<'filesystem'> {
  const { getDirectories } = filesystemInterfaces(host)['wasi:filesystem/preopens'];
  return {
    'wasi:filesystem/preopens@0.3.0': {
      getDirectories: () =>
        getDirectories().map(([descriptor, path]) => [
          new Descriptor(descriptor as Descriptor02, outgoing),
          path,
        ]),
    },
    'wasi:filesystem/types@0.3.0': { Descriptor },
  };
}
