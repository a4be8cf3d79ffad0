// SPDX-License-Identifier: Apache-2.0
import { Descriptor, filetype, type Readiness, type Status } from '../descriptor.ts';
import { fail } from '../errno.ts';
import type { FileSystem } from './file-system.ts';
import type { DirectoryNode, Entry, Node, Time } from './nodes.ts';

/** One entry as `fd_readdir` gives it. */
export interface Listed {
  readonly name: string;
  readonly node: Node;
  /** Where to read on after it. */
  readonly next: number;
}

/** `.` and `..` stand before all entries. */
const dots = 2;

/** A directory that is open. Paths that are opened through it cannot leave it. */
export class Directory extends Descriptor {
  readonly filetype = filetype.directory;
  readonly node: DirectoryNode;
  /** The name under which a program finds it, when it was there from the start. */
  readonly preopened: string | undefined;
  readonly #files: FileSystem;
  /** Where the last listing stopped, so that the next need not look for the place: an iterator of a Map goes on rightly whatever is added or removed. */
  #iterator: Iterator<[string, Entry]> | undefined;
  #ahead: [string, Entry] | undefined;
  #cookie = -1;

  constructor(files: FileSystem, node: DirectoryNode, rights: number, preopened?: string) {
    super(rights);
    this.#files = files;
    this.node = node;
    this.preopened = preopened;
    node.opens += 1;
  }

  override status(): Status {
    return this.node.status();
  }

  read(): number {
    return fail('isdir');
  }

  write(): number {
    return fail('isdir');
  }

  override readAt(): number {
    return fail('isdir');
  }

  override writeAt(): number {
    return fail('isdir');
  }

  override seek(): number {
    return fail('isdir');
  }

  override get position(): number {
    return fail('isdir');
  }

  override advise(): void {
    fail('badf');
  }

  override allocate(): void {
    fail('badf');
  }

  override resize(): void {
    fail('badf');
  }

  override setTimes(accessed: Time | undefined, modified: Time | undefined): void {
    this.#files.setTimes(this.node, accessed, modified);
  }

  override sync(): void {
    // Done: there is nothing behind this memory.
  }

  readiness(): Readiness {
    return { bytes: 0, hangup: false };
  }

  override close(): void {
    this.#files.closed(this.node);
  }

  /** The entry at a cookie, or the first one after it; `undefined` at the end. Entries that come or go meanwhile change no other cookie. */
  list(cookie: number): Listed | undefined {
    if (cookie === 0) return { name: '.', node: this.node, next: 1 };
    if (cookie === 1) return { name: '..', node: this.node.parent ?? this.node, next: dots };
    if (cookie !== this.#cookie || this.#iterator === undefined) {
      this.#iterator = this.node.entries.entries();
      this.#ahead = undefined;
    }
    for (;;) {
      const found = this.#ahead ?? this.#advance(this.#iterator);
      this.#ahead = found;
      this.#cookie = cookie;
      if (found === undefined) return undefined;
      const [name, { node, order }] = found;
      if (order + dots >= cookie && this.node.entries.get(name)?.order === order)
        return { name, node, next: order + dots + 1 };
      this.#ahead = undefined;
    }
  }

  /** The entry that {@link list} gave last was used; go on behind it. */
  pass({ next }: Listed): void {
    if (next <= dots) return;
    this.#ahead = undefined;
    this.#cookie = next;
  }

  #advance(iterator: Iterator<[string, Entry]>): [string, Entry] | undefined {
    const step = iterator.next();
    if (step.done !== true) return step.value;
    // An iterator that has ended stays so, though entries may yet be added.
    this.#iterator = undefined;
    return undefined;
  }
}
