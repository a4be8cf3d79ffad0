// SPDX-License-Identifier: Apache-2.0
import { filetype, type Filetype, type Status } from '../descriptor.ts';
import { Content } from './content.ts';
import type { Quota } from './quota.ts';

/** A point in time: milliseconds since 1970 as the clock gives them, or nanoseconds as bigint where a program has set them. Turned into one form only when asked for. */
export type Time = number | bigint;

let latestIno = 0;

/** An inode. */
export abstract class Node {
  abstract readonly filetype: Filetype;
  readonly ino: number;
  /** Names that it has. */
  links = 0;
  /** Descriptors that are open on it. A file without a name lives on until the last is closed. */
  opens = 0;
  /** It came with the package and may not be changed. */
  readonly = false;
  accessed: Time;
  modified: Time;
  changed: Time;

  constructor(now: number) {
    latestIno += 1;
    this.ino = latestIno;
    this.accessed = now;
    this.modified = now;
    this.changed = now;
  }

  abstract readonly size: number;

  status(): Status {
    const { filetype: type, ino, links, size, accessed, modified, changed } = this;
    return { filetype: type, device: 1, ino, links, size, accessed, modified, changed };
  }

  /** Content or entries have changed. */
  touch(): void {
    const now = Date.now();
    this.modified = now;
    this.changed = now;
  }
}

export class FileNode extends Node {
  readonly filetype = filetype.regularFile;
  readonly content: Content;

  constructor(now: number, bytes: Quota) {
    super(now);
    this.content = new Content(bytes);
  }

  get size(): number {
    return this.content.size;
  }

  /** As `relatime` does it: a program that reads much need not look at the clock each time. */
  wasRead(): void {
    if (this.accessed <= this.modified) this.accessed = Date.now();
  }
}

export class SymlinkNode extends Node {
  readonly filetype = filetype.symbolicLink;
  readonly target: string;

  constructor(now: number, target: string) {
    super(now);
    this.target = target;
  }

  get size(): number {
    return Buffer.byteLength(this.target);
  }
}

export interface Entry {
  readonly node: Node;
  /** Where it stands among all entries that the directory ever had; what `fd_readdir` cookies are made of. */
  readonly order: number;
}

export class DirectoryNode extends Node {
  readonly filetype = filetype.directory;
  /** In the order in which they were made. */
  readonly entries = new Map<string, Entry>();
  parent: DirectoryNode | undefined;
  /** It is in no directory any more and gets no entries. */
  removed = false;
  #order = 0;

  constructor(now: number, parent: DirectoryNode | undefined) {
    super(now);
    this.parent = parent;
  }

  override readonly size = 0;

  get(name: string): Node | undefined {
    return this.entries.get(name)?.node;
  }

  /** Puts a node under a name, behind all other entries. */
  put(name: string, node: Node): void {
    this.entries.delete(name);
    this.entries.set(name, { node, order: this.#order });
    this.#order += 1;
    this.touch();
  }

  drop(name: string): void {
    this.entries.delete(name);
    this.touch();
  }
}

/** Whether a directory is `other` or lies somewhere below it. */
export function isWithin(directory: DirectoryNode, other: DirectoryNode): boolean {
  let at: DirectoryNode | undefined = directory;
  while (at !== undefined && at !== other) at = at.parent;
  return at === other;
}
