// SPDX-License-Identifier: Apache-2.0
import type { ImportedFunction, ValueType } from '../../../test/support/wasm-module.ts';

const i = 'i32';
const l = 'i64';
const returning = (name: string, ...params: ValueType[]): ImportedFunction => ({ name, params });

/** Every function of WASI preview 1 that returns an errno, with the types that the witx files of the specification give. `proc_exit` returns nothing. */
export const preview1Functions = [
  returning('args_get', i, i),
  returning('args_sizes_get', i, i),
  returning('environ_get', i, i),
  returning('environ_sizes_get', i, i),
  returning('clock_res_get', i, i),
  returning('clock_time_get', i, l, i),
  returning('fd_advise', i, l, l, i),
  returning('fd_allocate', i, l, l),
  returning('fd_close', i),
  returning('fd_datasync', i),
  returning('fd_fdstat_get', i, i),
  returning('fd_fdstat_set_flags', i, i),
  returning('fd_fdstat_set_rights', i, l, l),
  returning('fd_filestat_get', i, i),
  returning('fd_filestat_set_size', i, l),
  returning('fd_filestat_set_times', i, l, l, i),
  returning('fd_pread', i, i, i, l, i),
  returning('fd_prestat_get', i, i),
  returning('fd_prestat_dir_name', i, i, i),
  returning('fd_pwrite', i, i, i, l, i),
  returning('fd_read', i, i, i, i),
  returning('fd_readdir', i, i, i, l, i),
  returning('fd_renumber', i, i),
  returning('fd_seek', i, l, i, i),
  returning('fd_sync', i),
  returning('fd_tell', i, i),
  returning('fd_write', i, i, i, i),
  returning('path_create_directory', i, i, i),
  returning('path_filestat_get', i, i, i, i, i),
  returning('path_filestat_set_times', i, i, i, i, l, l, i),
  returning('path_link', i, i, i, i, i, i, i),
  returning('path_open', i, i, i, i, i, l, l, i, i),
  returning('path_readlink', i, i, i, i, i, i),
  returning('path_remove_directory', i, i, i),
  returning('path_rename', i, i, i, i, i, i),
  returning('path_symlink', i, i, i, i, i),
  returning('path_unlink_file', i, i, i),
  returning('poll_oneoff', i, i, i, i),
  returning('proc_raise', i),
  returning('sched_yield'),
  returning('random_get', i, i),
  returning('sock_accept', i, i, i),
  returning('sock_recv', i, i, i, i, i, i),
  returning('sock_send', i, i, i, i, i),
  returning('sock_shutdown', i, i),
] as const;

const byName = new Map(preview1Functions.map((called) => [called.name, called]));

export function preview1Function(name: string): ImportedFunction {
  const called = byName.get(name);
  if (called === undefined) throw new Error(`no function ${name} in preview 1`);
  return called;
}
