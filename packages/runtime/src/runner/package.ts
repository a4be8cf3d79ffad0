// SPDX-License-Identifier: Apache-2.0
import type { Entry } from '@enarx/protocol';

import { runtimeProblem } from '../problems.ts';

import { charge, chunkSize } from '../wasi/files/content.ts';
import type { FileSystem } from '../wasi/files/file-system.ts';
import { DirectoryNode, SymlinkNode, type FileNode } from '../wasi/files/nodes.ts';

/** The files of the package on their way into the file system, entry by entry. What a later entry brings replaces what an earlier one brought. */
export class Package {
  readonly #files: FileSystem;
  #file: FileNode | undefined;
  /** Bytes that the current file will have, and those that have not come yet. */
  #size = 0;
  #left = 0;
  /** The piece of the current file that is being filled. Pieces are as long as the chunks that a file is made of. */
  #piece = new Uint8Array(0);
  #filled = 0;

  constructor(files: FileSystem) {
    this.#files = files;
  }

  /** @throws EnarxError `files/conflict` for an entry that has no place beside the ones before it */
  add(entry: Entry): void {
    if (this.#left > 0) throw new Error('an entry before the one before it was whole');
    const names = entry.path.split('/').slice(1);
    const name = names.pop() as string;
    const directory = this.directory(names, entry.path);
    const node = directory.get(name);
    if (node instanceof DirectoryNode) {
      if (entry.kind === 'directory') return;
      throw conflict(entry.path, 'a directory');
    }
    if (node !== undefined) this.#files.unlink({ directory, name, node, slash: false });
    this.#files.grant(0, 1);
    const place = { directory, name, node: undefined, slash: false };
    if (entry.kind === 'directory') this.#files.createDirectory(place);
    else if (entry.kind === 'symlink') this.#files.createSymlink(place, entry.target);
    else this.#begin(this.#files.createFile(place), entry.size);
  }

  content(bytes: Uint8Array): void {
    if (this.#file === undefined || bytes.length > this.#left) throw new Error('content of no file');
    this.#left -= bytes.length;
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.#piece.length - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#piece.length) this.#append(this.#file);
    }
  }

  /** The directory at a path, made with all above it where it is not there. */
  directory(names: readonly string[], path: string): DirectoryNode {
    let at = this.#files.root;
    for (const name of names) {
      const node = at.get(name);
      if (node instanceof DirectoryNode) {
        at = node;
        continue;
      }
      if (node !== undefined)
        throw conflict(path, node instanceof SymlinkNode ? 'a symbolic link' : 'a file');
      this.#files.grant(0, 1);
      at = this.#files.createDirectory({ directory: at, name, node: undefined, slash: false });
    }
    return at;
  }

  #begin(file: FileNode, size: number): void {
    this.#file = file;
    this.#size = size;
    this.#left = size;
    this.#next(file);
  }

  #append(file: FileNode): void {
    this.#files.grant(charge(this.#piece.length), 0);
    file.content.append(this.#piece);
    this.#next(file);
  }

  #next(file: FileNode): void {
    this.#piece = new Uint8Array(Math.min(this.#size - file.size, chunkSize));
    this.#filled = 0;
  }
}

function conflict(path: string, found: string): Error {
  return runtimeProblem('files/conflict', { found: `${found} on the way to ${path.slice(0, 256)}` });
}
