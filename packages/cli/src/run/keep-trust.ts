// SPDX-License-Identifier: Apache-2.0
import type { Keep, SealedLaunch } from '@enarx/client';
import { hasLaunchSecret, type Tee } from '@enarx/protocol';

import type { ExpectationFlags } from '../commands/flags.ts';
import type { EnarxContext } from '../context.ts';
import type { NamedTrust } from './named-trust.ts';
import { cliProblem } from '../problems.ts';
import { SealedLaunches } from '../state/sealed-launches.ts';
import { trustFor } from './deliver.ts';
import type { Trust } from './trust.ts';

/**
 * By what a Keep that was created before is judged: by its evidence, or, where this user sealed its key, by that key and nothing else. The kind is only the host's word: it decides
 * which measurement is expected, and a host that says another one gets no further for it.
 *
 * @throws EnarxError `cli/launch-not-yours`, `cli/usage`, and whatever {@link trustFor} throws
 */
export async function trustInKeep(
  context: EnarxContext,
  keep: Keep,
  tee: Tee,
  named: NamedTrust,
  flags: ExpectationFlags,
): Promise<Trust | SealedLaunch> {
  const launch = await new SealedLaunches(context.process.env).find(keep.name);
  // A file that was not looked at would be taken for one that was met.
  if (launch !== undefined && named.policy !== undefined)
    throw cliProblem('cli/usage', {
      found: `--policy for Keep ${keep.name}, which was judged at its launch and is known by its key`,
    });
  if (launch !== undefined) return launch;
  if (hasLaunchSecret(tee)) throw cliProblem('cli/launch-not-yours', { found: keep.name });
  return trustFor(context, named, flags, tee);
}
