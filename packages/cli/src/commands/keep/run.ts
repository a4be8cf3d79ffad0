// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { isSimulated } from '../../host/tee.ts';
import { readNamedTrust } from '../../run/named-trust.ts';
import { deliver, prepareDelivery } from '../../run/deliver.ts';
import { trustInKeep } from '../../run/keep-trust.ts';
import { reportSimulated } from '../../run/report.ts';
import type { KeepRunFlags } from './flags.ts';
import { talkToOwnKeep } from './own-keep.ts';

/** Delivers a program to a Keep that `keep create` made. The Keep stays in the list of its host afterwards. */
export async function runInKeep(
  this: EnarxContext,
  flags: KeepRunFlags,
  ...[id = '', module = '', ...args]: readonly string[]
): Promise<void> {
  const { verbose, detach } = flags;
  const [delivery, named] = await Promise.all([
    prepareDelivery(this, flags, module, args),
    readNamedTrust(flags),
  ]);
  await talkToOwnKeep(this, flags, id, async ({ keep, identity, tee, signal }) => {
    if (isSimulated(tee)) reportSimulated(this.output);
    const trust = await trustInKeep(this, keep, tee, named, flags);
    const options = { identity, trust, verbose, detach, removeAfter: false, signal };
    const ended = await deliver(this, keep, delivery, options);
    if (ended === undefined)
      this.output.event(
        'detached',
        { keep: id },
        `The program runs on in Keep ${id}. Hear it with \`enarx keep attach ${id}\`, and what you gave here of --host, --anchor and --policy.`,
      );
    return ended;
  });
}
