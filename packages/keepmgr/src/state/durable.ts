// SPDX-License-Identifier: Apache-2.0
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole: whoever reads it, also after a loss of power, finds the old content or the new, never a
 * part. Resolves when the new content is on disk.
 */
export async function replaceFile(path: string, content: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = await writeTemporary(path, content, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

let written = 0;

/** Writes a new file beside `path`, on disk when this resolves. */
export async function writeTemporary(
  path: string,
  content: Uint8Array | string,
  mode: number,
): Promise<string> {
  written += 1;
  const temporary = `${path}.${String(process.pid)}-${String(written)}.new`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

/** Makes renames and removals in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory: FileHandle = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
