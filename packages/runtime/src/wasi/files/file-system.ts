// SPDX-License-Identifier: Apache-2.0
import { fail } from '../errno.ts';
import { DirectoryNode, FileNode, isWithin, SymlinkNode, type Node, type Time } from './nodes.ts';
import { Quota } from './quota.ts';
import { resolve, type AtEnd, type Place } from './resolve.ts';

/** What a program may add to the files that it was given. */
export interface FileLimits {
  /** Content in bytes, counted in blocks of 4096. */
  readonly bytes: number;
  /** Files, directories, symbolic links; a hard link counts as one more. */
  readonly inodes: number;
}

/**
 * Files in memory. What the package brought is the lowest layer, which the program may change unless a directory is marked as read-only: it has its own copy.
 * Each method is one change as POSIX defines it, made whole or not at all.
 */
export class FileSystem {
  readonly root: DirectoryNode;
  readonly #bytes: Quota;
  readonly #inodes: Quota;

  constructor({ bytes, inodes }: FileLimits) {
    this.#bytes = new Quota(bytes);
    this.#inodes = new Quota(inodes);
    this.root = new DirectoryNode(Date.now(), undefined);
    this.root.links = 1;
  }

  /** What the package brings is granted beforehand, so that it takes nothing from the program. */
  grant(bytes: number, inodes: number): void {
    this.#bytes.give(bytes);
    this.#inodes.give(inodes);
  }

  createFile({ directory, name }: Place): FileNode {
    return this.#add(directory, name, new FileNode(Date.now(), this.#bytes));
  }

  createDirectory({ directory, name, node }: Place): DirectoryNode {
    if (node !== undefined) fail('exist');
    return this.#add(directory, name, new DirectoryNode(Date.now(), directory));
  }

  createSymlink({ directory, name, node, slash }: Place, target: string): void {
    if (node !== undefined) fail('exist');
    if (slash) fail('noent');
    this.#add(directory, name, new SymlinkNode(Date.now(), target));
  }

  link(source: Place, target: Place): void {
    const { node } = source;
    if (node === undefined) return fail('noent');
    if (node instanceof DirectoryNode) fail('perm');
    if (source.slash) fail('notdir');
    if (target.node !== undefined) fail('exist');
    if (target.slash) fail('noent');
    if (node.readonly) fail('rofs');
    this.#add(target.directory, target.name, node);
    node.changed = Date.now();
  }

  unlink({ directory, name, node, slash }: Place): void {
    if (node === undefined) return fail('noent');
    if (node instanceof DirectoryNode || name === undefined) return fail('isdir');
    if (slash) fail('notdir');
    requireWritable(directory);
    this.#drop(directory, name, node);
  }

  removeDirectory({ directory, name, node }: Place): void {
    if (node === undefined) return fail('noent');
    if (!(node instanceof DirectoryNode)) return fail('notdir');
    if (name === undefined) return fail('inval');
    if (node.entries.size > 0) fail('notempty');
    requireWritable(directory);
    this.#drop(directory, name, node);
    node.removed = true;
  }

  rename(source: Place, target: Place): void {
    const { node: moved, name: from } = source;
    const { node: replaced, name: to } = target;
    if (moved === undefined) return fail('noent');
    if (from === undefined || to === undefined) return fail('busy');
    if (target.directory.removed) fail('noent');
    if (!(moved instanceof DirectoryNode) && (source.slash || target.slash)) fail('notdir');
    if (moved === replaced) return;
    if (moved instanceof DirectoryNode && isWithin(target.directory, moved)) fail('inval');
    requireReplaceable(moved, replaced);
    requireWritable(source.directory);
    requireWritable(target.directory);
    if (replaced !== undefined) {
      this.#drop(target.directory, to, replaced);
      if (replaced instanceof DirectoryNode) replaced.removed = true;
    }
    source.directory.drop(from);
    target.directory.put(to, moved);
    if (moved instanceof DirectoryNode) moved.parent = target.directory;
    moved.changed = Date.now();
  }

  resize(file: FileNode, size: number): void {
    requireWritable(file);
    file.content.resize(size);
    file.touch();
  }

  setTimes(node: Node, accessed: Time | undefined, modified: Time | undefined): void {
    requireWritable(node);
    if (accessed !== undefined) node.accessed = accessed;
    if (modified !== undefined) node.modified = modified;
    node.changed = Date.now();
  }

  /** A descriptor on it was closed. */
  closed(node: Node): void {
    node.opens -= 1;
    this.#releaseIfUnused(node);
  }

  find(root: DirectoryNode, path: string, atEnd: AtEnd): Place {
    return resolve(root, path, atEnd);
  }

  #add<T extends Node>(directory: DirectoryNode, name: string | undefined, node: T): T {
    if (name === undefined || directory.removed) return fail('noent');
    requireWritable(directory);
    this.#inodes.take(1);
    directory.put(name, node);
    node.links += 1;
    return node;
  }

  #drop(directory: DirectoryNode, name: string, node: Node): void {
    directory.drop(name);
    node.links -= 1;
    node.changed = Date.now();
    if (node.links > 0) this.#inodes.give(1);
    else this.#releaseIfUnused(node);
  }

  #releaseIfUnused(node: Node): void {
    if (node.links > 0 || node.opens > 0) return;
    this.#inodes.give(1);
    if (node instanceof FileNode) node.content.release();
  }
}

export function requireWritable(node: Node): void {
  if (node.readonly) fail('rofs');
}

/** rename(2): a directory replaces only an empty directory, anything else only what is no directory. */
function requireReplaceable(moved: Node, replaced: Node | undefined): void {
  if (replaced === undefined) return;
  if (!(moved instanceof DirectoryNode)) {
    if (replaced instanceof DirectoryNode) fail('isdir');
    return;
  }
  if (!(replaced instanceof DirectoryNode)) fail('notdir');
  if (replaced.entries.size > 0) fail('notempty');
}
