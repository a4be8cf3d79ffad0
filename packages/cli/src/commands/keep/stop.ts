// SPDX-License-Identifier: Apache-2.0
import { formatKeepId } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { keepJson, keepTable } from '../../host/keep-summary.ts';
import { withHost } from '../../host/with-host.ts';
import { cliProblem } from '../../problems.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { KeepFlags, RemoveFlags } from './flags.ts';

export async function stopKeep(this: EnarxContext, { host }: KeepFlags, id: string): Promise<void> {
  const keep = await withHost({ url: host }, (at) => at.keep(id).stop());
  this.output.result(keepJson(keep), () => keepTable([keep]));
}

/** Removes the named Keeps, or all, and the keys that this command keeps for them. */
export async function removeKeeps(
  this: EnarxContext,
  { host, all }: RemoveFlags,
  ...ids: readonly string[]
): Promise<void> {
  if (all === ids.length > 0)
    throw cliProblem('cli/usage', { found: all ? '--all and ids' : 'no id', expected: 'ids, or --all' });
  const keys = new OwnerKeys(this.process.env);
  const removed = await withHost({ url: host }, async (at) => {
    const names = all ? (await at.keeps()).map(({ id }) => formatKeepId(id)) : ids;
    await Promise.all(names.map((name) => at.keep(name).remove()));
    await Promise.all(names.map((name) => keys.forget(name)));
    return names;
  });
  this.output.result({ removed }, () => removed.join('\n'));
}
