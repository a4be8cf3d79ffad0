// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { Call, Host } from './host.ts';

/**
 * What works on a path below a directory. No directory is ever open yet, so each call ends as it does on a number that is no directory:
 * `badf` when it is not open, `notdir` otherwise.
 */
export function pathCalls({ descriptors }: Host) {
  const below = (fd: number): void => {
    descriptors.get(fd);
    fail('notdir');
  };
  return {
    path_create_directory: below,
    path_filestat_get: below,
    path_filestat_set_times: below,
    path_link: below,
    path_open: below,
    path_readlink: below,
    path_remove_directory: below,
    path_rename: below,
    /** The one path call whose directory is not its first argument. */
    path_symlink(_target: number, _length: number, fd: number): void {
      below(fd);
    },
    path_unlink_file: below,
  } satisfies Record<string, Call>;
}
