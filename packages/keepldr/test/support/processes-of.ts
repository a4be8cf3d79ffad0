// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ids of all processes whose command line or working directory has to do with the directory. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((id) => {
      try {
        if (/^State:\s+Z/m.test(readFileSync(`/proc/${String(id)}/status`, 'utf8'))) return false;
        return mentions(id, directory);
      } catch {
        return false;
      }
    });
}

function mentions(id: number, directory: string): boolean {
  return (
    readFileSync(`/proc/${String(id)}/cmdline`, 'utf8').includes(directory) ||
    readFileSync(`/proc/${String(id)}/mountinfo`, 'utf8').includes(directory) ||
    realWorkingDirectory(id).startsWith(directory)
  );
}

function realWorkingDirectory(id: number): string {
  try {
    return readlinkSync(`/proc/${String(id)}/cwd`);
  } catch {
    return '';
  }
}
