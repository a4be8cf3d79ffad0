// SPDX-License-Identifier: Apache-2.0
import { fdflag, filetype, type Eventually } from './descriptor.ts';
import { fail } from './errno.ts';
import type { Host } from './host.ts';
import { IoVectors } from './io-vectors.ts';
import { right } from './rights.ts';

const fdstatSize = 24;
const filestatSize = 64;
const supportedFlags = fdflag.append | fdflag.nonblock | fdflag.dsync | fdflag.rsync | fdflag.sync;

/** What works on a descriptor number. */
export function fdCalls({ memory, descriptors }: Host) {
  /** Counts are checked before the bytes move: a program with a bad result pointer must not lose input. */
  function move(moved: Eventually<number>, result: number): Eventually<void> {
    if (typeof moved === 'number') {
      memory.setU32(result, moved);
      return;
    }
    return moved.then((count) => {
      memory.setU32(result, count);
    });
  }

  /** Positions and sizes belong to files; all that is open here is a stream. */
  function onFileOnly(fd: number, rights: bigint): never {
    descriptors.get(fd).require(rights);
    return fail('spipe');
  }

  return {
    fd_read(fd: number, list: number, count: number, result: number): Eventually<void> {
      const descriptor = descriptors.get(fd, right.fdRead);
      memory.check(result, 4);
      return move(descriptor.read(new IoVectors(memory, list, count)), result);
    },
    fd_write(fd: number, list: number, count: number, result: number): Eventually<void> {
      const descriptor = descriptors.get(fd, right.fdWrite);
      memory.check(result, 4);
      return move(descriptor.write(new IoVectors(memory, list, count)), result);
    },
    fd_pread(fd: number): void {
      onFileOnly(fd, right.fdRead);
    },
    fd_pwrite(fd: number): void {
      onFileOnly(fd, right.fdWrite);
    },
    fd_seek(fd: number): void {
      onFileOnly(fd, 0n);
    },
    fd_tell(fd: number): void {
      onFileOnly(fd, 0n);
    },
    fd_advise(fd: number): void {
      onFileOnly(fd, 0n);
    },
    fd_allocate(fd: number): void {
      onFileOnly(fd, 0n);
    },
    fd_close(fd: number): void {
      descriptors.close(fd);
    },
    fd_renumber(from: number, to: number): void {
      descriptors.renumber(from, to);
    },
    fd_sync(fd: number): void {
      descriptors.get(fd);
      fail('inval');
    },
    fd_datasync(fd: number): void {
      descriptors.get(fd);
      fail('inval');
    },
    fd_fdstat_get(fd: number, result: number): void {
      const descriptor = descriptors.get(fd);
      memory.setBytes(result, new Uint8Array(fdstatSize));
      memory.setU8(result, descriptor.filetype);
      memory.setU16(result + 2, descriptor.flags);
      memory.setU64(result + 8, descriptor.rights);
      memory.setU64(result + 16, descriptor.inheriting);
    },
    fd_fdstat_set_flags(fd: number, flags: number): void {
      const descriptor = descriptors.get(fd, right.fdFdstatSetFlags);
      if ((flags & ~supportedFlags) !== 0) fail('inval');
      descriptor.flags = flags;
    },
    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint): void {
      const descriptor = descriptors.get(fd);
      const rights = BigInt.asUintN(64, base);
      const inherited = BigInt.asUintN(64, inheriting);
      if ((rights & ~descriptor.rights) !== 0n || (inherited & ~descriptor.inheriting) !== 0n)
        fail('notcapable');
      descriptor.rights = rights;
      descriptor.inheriting = inherited;
    },
    fd_filestat_get(fd: number, result: number): void {
      const descriptor = descriptors.get(fd, right.fdFilestatGet);
      memory.setBytes(result, new Uint8Array(filestatSize));
      memory.setU8(result + 16, descriptor.filetype);
      memory.setU64(result + 24, 1n);
    },
    fd_filestat_set_size(fd: number): void {
      descriptors.get(fd);
      fail('inval');
    },
    fd_filestat_set_times(fd: number): void {
      descriptors.get(fd);
      fail('inval');
    },
    /** Programs count up from 3 until this fails: nothing is preopened. */
    fd_prestat_get(fd: number): void {
      if (descriptors.get(fd).filetype !== filetype.directory) fail('badf');
      fail('notsup');
    },
    fd_prestat_dir_name(fd: number): void {
      descriptors.get(fd);
      fail('notdir');
    },
    fd_readdir(fd: number): void {
      descriptors.get(fd);
      fail('notdir');
    },
  };
}
