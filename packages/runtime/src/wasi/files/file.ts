// SPDX-License-Identifier: Apache-2.0
import { Descriptor, fdflag, filetype, whence, type Readiness, type Status } from '../descriptor.ts';
import { fail } from '../errno.ts';
import type { Buffers } from '../io-vectors.ts';
import type { FileSystem } from './file-system.ts';
import type { FileNode, Time } from './nodes.ts';

/** A regular file that is open. Whether it may be changed is settled when it is opened, by its rights. */
export class File extends Descriptor {
  readonly filetype = filetype.regularFile;
  readonly #files: FileSystem;
  readonly #node: FileNode;
  #position = 0;

  constructor(files: FileSystem, node: FileNode, rights: number) {
    super(rights);
    this.#files = files;
    this.#node = node;
    node.opens += 1;
  }

  override status(): Status {
    return this.#node.status();
  }

  /** Another descriptor on the same file, with a position of its own and to be closed by itself. */
  again(): File {
    return new File(this.#files, this.#node, this.rights);
  }

  read(into: Buffers): number {
    const count = this.readAt(into, this.#position);
    this.#position += count;
    return count;
  }

  write(from: Buffers): number {
    const at = (this.flags & fdflag.append) === 0 ? this.#position : this.#node.size;
    const count = this.#write(from, at);
    this.#position = at + count;
    return count;
  }

  override readAt(into: Buffers, position: number): number {
    this.#node.wasRead();
    return this.#node.content.read(position, into);
  }

  /** As Linux does it, a file that is open to append takes all writes at its end, wherever they are meant for. */
  override writeAt(from: Buffers, position: number): number {
    return this.#write(from, (this.flags & fdflag.append) === 0 ? position : this.#node.size);
  }

  override seek(delta: number, from: number): number {
    const base = this.#base(from);
    const position = base + delta;
    if (position < 0 || !Number.isSafeInteger(position)) fail('inval');
    this.#position = position;
    return position;
  }

  override get position(): number {
    return this.#position;
  }

  /** All of it is in memory already. */
  override advise(): void {
    // Nothing to prepare.
  }

  override allocate(offset: number, length: number): void {
    if (length === 0) fail('inval');
    this.#node.content.allocate(offset, length);
    this.#node.touch();
  }

  override resize(size: number): void {
    this.#files.resize(this.#node, size);
  }

  override setTimes(accessed: Time | undefined, modified: Time | undefined): void {
    this.#files.setTimes(this.#node, accessed, modified);
  }

  /** There is nothing behind this memory to which it could be written. */
  override sync(): void {
    // Done.
  }

  readiness(): Readiness {
    return { bytes: Math.max(this.#node.size - this.#position, 0), hangup: false };
  }

  override close(): void {
    this.#files.closed(this.#node);
  }

  #write(from: Buffers, at: number): number {
    const count = this.#node.content.write(at, from);
    if (count > 0) this.#node.touch();
    return count;
  }

  #base(from: number): number {
    switch (from) {
      case whence.set:
        return 0;
      case whence.cur:
        return this.#position;
      case whence.end:
        return this.#node.size;
      default:
        return fail('inval');
    }
  }
}
