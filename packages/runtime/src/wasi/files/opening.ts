// SPDX-License-Identifier: Apache-2.0
import { fail } from '../errno.ts';
import { changingRights, directoryRights, fileRights, right } from '../rights.ts';
import { Directory } from './directory.ts';
import { File } from './file.ts';
import { requireWritable, type FileSystem } from './file-system.ts';
import { DirectoryNode, FileNode, type Node } from './nodes.ts';
import type { Place } from './resolve.ts';

/** WASI preview 1 `oflags`. */
export const oflag = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
export const knownOflags = oflag.creat | oflag.directory | oflag.excl | oflag.trunc;

/** Opens what was found through a directory, with rights that the directory passes on. */
export function openNode(
  files: FileSystem,
  node: DirectoryNode | FileNode,
  directory: Directory,
  base: number,
  inheriting: number,
): Directory | File {
  const kind = node instanceof DirectoryNode ? directoryRights : fileRights;
  const allowed = kind & directory.inheriting & (node.readonly ? ~changingRights : -1);
  const descriptor =
    node instanceof DirectoryNode
      ? new Directory(files, node, base & allowed)
      : new File(files, node, base & allowed);
  descriptor.inheriting = inheriting & directory.inheriting & (node.readonly ? ~changingRights : -1);
  return descriptor;
}

/** Finds or makes what `path_open` opens. */
export function nodeToOpen(
  files: FileSystem,
  place: Place,
  oflags: number,
  wanted: number,
): DirectoryNode | FileNode {
  const { node, slash } = place;
  if (node === undefined) {
    if ((oflags & oflag.creat) === 0) return fail('noent');
    if (slash) fail('isdir');
    return files.createFile(place);
  }
  if ((oflags & oflag.creat) !== 0 && (oflags & oflag.excl) !== 0) fail('exist');
  if (node instanceof DirectoryNode) {
    if ((oflags & (oflag.creat | oflag.trunc)) !== 0 || (wanted & right.fdWrite) !== 0) fail('isdir');
    return node;
  }
  if (slash || (oflags & oflag.directory) !== 0) fail('notdir');
  // Only a link that was not to be followed is neither.
  if (!(node instanceof FileNode)) return fail('loop');
  if ((oflags & oflag.trunc) !== 0 || (wanted & right.fdWrite) !== 0) requireWritable(node);
  return node;
}

/** Ends the call with `noent`, or with `notdir` for a slash behind what is no directory. */
export function existing({ node, slash }: Place): Node {
  if (node === undefined) return fail('noent');
  if (slash && !(node instanceof DirectoryNode)) fail('notdir');
  return node;
}
