// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as v from 'valibot';

import { imageProblem } from '../problems.ts';

/** What each locked package is for. */
export const packageRoles = ['kernel', 'firmware', 'tdx-firmware', 'library'] as const;

const lockedPackage = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.+-]+$/)),
  version: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.+:~-]+$/)),
  architecture: v.picklist(['amd64', 'all']),
  /** Debian release in whose archive it stands. */
  suite: v.picklist(['bookworm', 'bookworm-backports', 'trixie', 'sid']),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  role: v.picklist(packageRoles),
});
export type LockedPackage = v.InferOutput<typeof lockedPackage>;

const lock = v.strictObject({ packages: v.pipe(v.array(lockedPackage), v.minLength(1), v.maxLength(64)) });

/** The lock beside these sources, which a release ships: exact versions and digests of all that is not ours in the image. */
export const lockFile = join(import.meta.dirname, '..', '..', 'debian.lock.json');

/** @throws EnarxError `image/unreadable`, `image/manifest-malformed` */
export async function readLock(file: string): Promise<readonly LockedPackage[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw imageProblem('image/unreadable', { found: file, cause });
  }
  try {
    return v.parse(lock, JSON.parse(text)).packages;
  } catch (cause) {
    throw imageProblem('image/manifest-malformed', { found: `${file}: ${(cause as Error).message}`, cause });
  }
}
