// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { parseTee } from '../../host/tee.ts';
import { withHost } from '../../host/with-host.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { CreateFlags } from './flags.ts';

/** Creates a Keep, and the key that will own it. */
export async function createKeep(this: EnarxContext, { host, tee: kind }: CreateFlags): Promise<void> {
  const tee = parseTee(kind);
  const key = await new OwnerKeys(this.process.env).prepare();
  try {
    const { name } = await withHost({ url: host }, (at) => at.createKeep({ tee }));
    await key.keepFor(name);
    this.output.result({ id: name, tee, host }, () => name);
  } catch (error) {
    await key.discard();
    throw error;
  }
}
