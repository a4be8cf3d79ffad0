// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { readNamedTrust } from '../../run/named-trust.ts';
import { hearAgain } from '../../run/deliver.ts';
import { trustInKeep } from '../../run/keep-trust.ts';
import type { AttestFlags } from './flags.ts';
import { talkToOwnKeep } from './own-keep.ts';

/** Hears a program of one's own again that `keep run --detach` left running. Only the key that `keep create` kept may. */
export async function attachToKeep(this: EnarxContext, flags: AttestFlags, id: string): Promise<void> {
  const { verbose } = flags;
  const named = await readNamedTrust(flags);
  await talkToOwnKeep(this, flags, id, async ({ keep, identity, tee, signal }) => {
    const trust = await trustInKeep(this, keep, tee, named, flags);
    return hearAgain(this, keep, { identity, trust, verbose, signal });
  });
}
