// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import { guestProblem } from './problems.ts';

/** Where the kernel's efi_secret driver shows what was injected, one file each (Linux Documentation/security/secrets/coco.rst). */
export const secretDirectory = '/sys/kernel/security/secrets/coco';
/** The firmware takes no more in one packet. */
const longestSecret = 16_384;

/**
 * Launch secrets by their GUID, where the kernel shows any. Each is read once: taking its file away makes the kernel wipe it from the memory that firmware and kernel share.
 * `undefined` on a kernel without the driver, or where no firmware left a table.
 */
export function kernelSecrets(
  directory = secretDirectory,
): ((guid: string) => Uint8Array | undefined) | undefined {
  if (!existsSync(directory)) return undefined;
  return (guid) => {
    const file = join(directory, guid);
    let secret: Uint8Array;
    try {
      secret = Uint8Array.from(readFileSync(file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw guestProblem('guest/secret-missing', { found: (error as Error).message, cause: error });
    }
    if (secret.length === 0 || secret.length > longestSecret)
      throw guestProblem('guest/secret-malformed', { found: `${String(secret.length)} bytes` });
    try {
      unlinkSync(file);
    } catch (cause) {
      // A secret that cannot be wiped could be read again by whoever comes later.
      throw guestProblem('guest/secret-missing', {
        found: `it cannot be wiped: ${(cause as Error).message}`,
        cause,
      });
    }
    return secret;
  };
}
