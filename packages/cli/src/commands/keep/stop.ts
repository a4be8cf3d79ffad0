// SPDX-License-Identifier: Apache-2.0
import { EnarxError, formatKeepId } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { keepJson, keepTable } from '../../host/keep-summary.ts';
import { parseLease } from '../../host/lease.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { cliProblem } from '../../problems.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import { SealedLaunches } from '../../state/sealed-launches.ts';
import type { KeepFlags, RemoveFlags, RenewFlags } from './flags.ts';

export async function stopKeep(this: EnarxContext, flags: KeepFlags, id: string): Promise<void> {
  const host = await hostOrDefault(this.process.env, flags);
  const keep = await withHost(host, (at) => at.keep(id).stop());
  this.output.result(keepJson(keep), () => keepTable([keep]));
}

/** Has the host keep it for so long from now. */
export async function renewKeep(this: EnarxContext, flags: RenewFlags, id: string): Promise<void> {
  const lease = parseLease(flags.lease);
  const host = await hostOrDefault(this.process.env, flags);
  const keep = await withHost(host, (at) => at.keep(id).renew(lease));
  this.output.result(keepJson(keep), () => keepTable([keep]));
}

/** Removes the named Keeps, or all, and the keys that this command keeps for them. */
export async function removeKeeps(
  this: EnarxContext,
  flags: RemoveFlags,
  ...ids: readonly string[]
): Promise<void> {
  const { all } = flags;
  if (all === ids.length > 0)
    throw cliProblem('cli/usage', { found: all ? '--all and ids' : 'no id', expected: 'ids, or --all' });
  const keys = new OwnerKeys(this.process.env);
  const launches = new SealedLaunches(this.process.env);
  const host = await hostOrDefault(this.process.env, flags);
  const removed = await withHost(host, async (at) => {
    const names = all ? (await at.keeps()).map(({ id }) => formatKeepId(id)) : ids;
    // All ids are looked at before the first Keep is removed.
    const keeps = names.map((name) => at.keep(name));
    const ended = await Promise.allSettled(
      keeps.map(async (keep) => {
        await keep.remove().catch((error: unknown) => {
          // Of all, one may have gone by itself since they were listed.
          if (!all || !(error instanceof EnarxError) || error.code !== 'keep/unknown') throw error;
        });
        // A Keep that this host does not know may be another host's, whose owner still needs the key.
        await Promise.all([keys.forget(keep.name), launches.forget(keep.name)]);
      }),
    );
    const failed = ended.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    return names;
  });
  this.output.result({ removed }, () => removed.join('\n'));
}
