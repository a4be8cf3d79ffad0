// SPDX-License-Identifier: Apache-2.0
import { open, type FileHandle } from 'node:fs/promises';

import { EnarxError } from '@enarx/protocol';

import { exportIdentity, importIdentity, type ClientIdentity } from './identity.ts';
import { channelProblem } from './problems.ts';

const ownerOnly = 0o600;
const forOthers = 0o077;

/**
 * Writes an identity to a new file that only its owner may read.
 * @throws EnarxError `channel/identity-unreadable`, also when there is such a file already
 */
export function saveIdentity(path: string, identity: ClientIdentity): Promise<void> {
  return withFile(path, 'wx', async (file) => {
    await file.writeFile(exportIdentity(identity));
    await file.sync();
  });
}

/** @throws EnarxError `channel/identity-unreadable`, `channel/identity-exposed`, `channel/identity-invalid` */
export function loadIdentity(path: string): Promise<ClientIdentity> {
  return withFile(path, 'r', async (file) => {
    const { mode } = await file.stat();
    if ((mode & forOthers) !== 0)
      throw channelProblem('channel/identity-exposed', {
        found: `${path}, mode ${(mode & 0o777).toString(8)}`,
      });
    return importIdentity(await file.readFile('utf8'));
  });
}

async function withFile<T>(
  path: string,
  flags: string,
  action: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, flags, ownerOnly);
    return await action(file);
  } catch (cause) {
    if (cause instanceof EnarxError) throw cause;
    throw channelProblem('channel/identity-unreadable', { found: (cause as Error).message, cause });
  } finally {
    await file?.close();
  }
}
