// SPDX-License-Identifier: Apache-2.0
import type { ConfiguredFile } from './schema.ts';

/** The name by which a program finds a descriptor in FD_NAMES. */
export function nameOfFile(file: ConfiguredFile): string {
  if (file.name !== undefined) return file.name;
  return file.kind === 'connect' ? file.host : file.kind;
}
