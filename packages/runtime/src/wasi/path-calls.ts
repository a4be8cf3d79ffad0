// SPDX-License-Identifier: Apache-2.0
import { longestPath } from '../runner-frames.ts';
import { knownFdflags } from './descriptor.ts';
import { fail } from './errno.ts';
import { timesOf, writeFilestat } from './fd-calls.ts';
import { Directory } from './files/directory.ts';
import { FileNode, SymlinkNode } from './files/nodes.ts';
import { existing, knownOflags, nodeToOpen, oflag, openNode } from './files/opening.ts';
import type { AtEnd, Place } from './files/resolve.ts';
import type { Call, Host } from './host.ts';
import { right, rightsOf } from './rights.ts';

/** WASI preview 1 `lookupflags`. */
const symlinkFollow = 1;
const encoder = new TextEncoder();

/** What works on a path below a directory. */
export function pathCalls({ memory, descriptors, files }: Host) {
  function directoryAt(fd: number, rights: number): Directory {
    const descriptor = descriptors.get(fd);
    if (!(descriptor instanceof Directory)) return fail('notdir');
    descriptor.require(rights);
    return descriptor;
  }

  function pathAt(pointer: number, length: number): string {
    memory.check(pointer, length >>> 0);
    if (length >>> 0 > longestPath) fail('nametoolong');
    return memory.text(pointer, length);
  }

  function find(directory: Directory, pointer: number, length: number, atEnd: AtEnd): Place {
    return files.find(directory.node, pathAt(pointer, length), atEnd);
  }

  const atEnd = (flags: number): AtEnd => ((flags & symlinkFollow) === 0 ? 'keep' : 'follow');

  return {
    path_create_directory(fd: number, path: number, length: number): void {
      const directory = directoryAt(fd, right.pathCreateDirectory);
      files.createDirectory(find(directory, path, length, 'keep-with-slash'));
    },
    path_filestat_get(fd: number, flags: number, path: number, length: number, result: number): void {
      const directory = directoryAt(fd, right.pathFilestatGet);
      writeFilestat(memory, result, existing(find(directory, path, length, atEnd(flags))).status());
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      fstflags: number,
    ): void {
      const directory = directoryAt(fd, right.pathFilestatSetTimes);
      const times = timesOf(accessed, modified, fstflags);
      files.setTimes(existing(find(directory, path, length, atEnd(flags))), ...times);
    },
    path_link(
      fromFd: number,
      flags: number,
      fromPath: number,
      fromLength: number,
      toFd: number,
      toPath: number,
      toLength: number,
    ): void {
      const from = directoryAt(fromFd, right.pathLinkSource);
      const to = directoryAt(toFd, right.pathLinkTarget);
      files.link(
        find(from, fromPath, fromLength, atEnd(flags)),
        find(to, toPath, toLength, 'keep-with-slash'),
      );
    },
    path_open(
      fd: number,
      flags: number,
      path: number,
      length: number,
      oflags: number,
      base: bigint,
      inheriting: bigint,
      fdflags: number,
      result: number,
    ): void {
      const needed =
        right.pathOpen |
        ((oflags & oflag.creat) === 0 ? 0 : right.pathCreateFile) |
        ((oflags & oflag.trunc) === 0 ? 0 : right.pathFilestatSetSize);
      const directory = directoryAt(fd, needed);
      if ((oflags & ~knownOflags) !== 0 || (fdflags & ~knownFdflags) !== 0) fail('inval');
      if ((oflags & oflag.creat) !== 0 && (oflags & oflag.directory) !== 0) fail('inval');
      memory.check(result, 4);
      descriptors.requireRoom();
      const wanted = rightsOf(base);
      const exclusive = (oflags & oflag.creat) !== 0 && (oflags & oflag.excl) !== 0;
      const place = find(directory, path, length, exclusive ? 'keep-with-slash' : atEnd(flags));
      const node = nodeToOpen(files, place, oflags, wanted);
      if ((oflags & oflag.trunc) !== 0 && node instanceof FileNode) files.resize(node, 0);
      const descriptor = openNode(files, node, directory, wanted, rightsOf(inheriting));
      descriptor.flags = fdflags;
      memory.setU32(result, descriptors.add(descriptor));
    },
    path_readlink(
      fd: number,
      path: number,
      length: number,
      buffer: number,
      size: number,
      result: number,
    ): void {
      const directory = directoryAt(fd, right.pathReadlink);
      const node = existing(find(directory, path, length, 'keep'));
      if (!(node instanceof SymlinkNode)) return fail('inval');
      memory.check(buffer, size >>> 0);
      memory.check(result, 4);
      const target = encoder.encode(node.target).subarray(0, size >>> 0);
      memory.setBytes(buffer, target);
      memory.setU32(result, target.length);
    },
    path_remove_directory(fd: number, path: number, length: number): void {
      const directory = directoryAt(fd, right.pathRemoveDirectory);
      files.removeDirectory(find(directory, path, length, 'keep-with-slash'));
    },
    path_rename(
      fromFd: number,
      fromPath: number,
      fromLength: number,
      toFd: number,
      toPath: number,
      toLength: number,
    ): void {
      const from = directoryAt(fromFd, right.pathRenameSource);
      const to = directoryAt(toFd, right.pathRenameTarget);
      files.rename(
        find(from, fromPath, fromLength, 'keep-with-slash'),
        find(to, toPath, toLength, 'keep-with-slash'),
      );
    },
    /** The one path call whose directory is not its first argument. */
    path_symlink(target: number, targetLength: number, fd: number, path: number, length: number): void {
      const directory = directoryAt(fd, right.pathSymlink);
      const text = pathAt(target, targetLength);
      if (text === '') fail('noent');
      // Nothing absolute is ever followed, so a link to it could only mislead.
      if (text.startsWith('/')) fail('notcapable');
      files.createSymlink(find(directory, path, length, 'keep-with-slash'), text);
    },
    path_unlink_file(fd: number, path: number, length: number): void {
      const directory = directoryAt(fd, right.pathUnlinkFile);
      files.unlink(find(directory, path, length, 'keep-with-slash'));
    },
  } satisfies Record<string, Call>;
}
