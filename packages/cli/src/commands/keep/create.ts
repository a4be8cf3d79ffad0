// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { parseTee } from '../../host/tee.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { CreateFlags } from './flags.ts';

/** Creates a Keep, and the key that will own it. */
export async function createKeep(this: EnarxContext, flags: CreateFlags): Promise<void> {
  const tee = parseTee(flags.tee);
  const host = await hostOrDefault(this.process.env, flags);
  const key = await new OwnerKeys(this.process.env).prepare();
  try {
    const { name } = await withHost(host, (at) => at.createKeep({ tee }));
    await key.keepFor(name);
    this.output.result({ id: name, tee, host: host.url }, () => name);
  } catch (error) {
    await key.discard();
    throw error;
  }
}
