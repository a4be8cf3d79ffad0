// SPDX-License-Identifier: Apache-2.0
import type { ClientIdentity, Keep } from '@enarx/client';
import { hasLaunchSecret, type Tee } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { isSimulated, parseTee } from '../../host/tee.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { readNamedTrust, type NamedTrust } from '../../run/named-trust.ts';
import { cliProblem } from '../../problems.ts';
import { parseLease } from '../../host/lease.ts';
import { reportSimulated } from '../../run/report.ts';
import { resourcesOf } from '../../run/resources.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { CreateFlags } from './flags.ts';

/** Creates a Keep, and the key that will own it. Where its key is a launch secret, the owner takes part in the launch now. */
export async function createKeep(this: EnarxContext, flags: CreateFlags): Promise<void> {
  const tee = parseTee(flags.tee);
  const resources = resourcesOf(flags);
  const lease = flags.lease === undefined ? undefined : parseLease(flags.lease);
  if (!hasLaunchSecret(tee) && (flags.anchor !== undefined || flags.endorsements !== undefined))
    throw cliProblem('cli/usage', {
      found: `--anchor or --endorsements with --tee ${tee}`,
      expected: 'them with `keep run`, `keep attest` or `keep attach`, which judge a Keep of that kind',
    });
  const [host, named] = await Promise.all([hostOrDefault(this.process.env, flags), readNamedTrust(flags)]);
  const key = await new OwnerKeys(this.process.env).prepare();
  try {
    const { name } = await withHost(host, async (at) => {
      const keep = await at.createKeep({ tee, resources, lease });
      if (hasLaunchSecret(tee)) await seal(this, keep, { flags, named, tee, identity: key.identity });
      return keep;
    });
    await key.keepFor(name);
    this.output.result({ id: name, tee, host: host.url }, () => name);
  } catch (error) {
    await key.discard();
    throw error;
  }
}

/** A Keep whose launch failed, or whose sealed key nobody will know again, is of no use. */
async function seal(
  context: EnarxContext,
  keep: Keep,
  errand: {
    readonly flags: CreateFlags;
    readonly named: NamedTrust;
    readonly tee: Tee;
    readonly identity: ClientIdentity;
  },
): Promise<void> {
  const [{ launchSealed }, { SealedLaunches }] = await Promise.all([
    import('../../run/launch.ts'),
    import('../../state/sealed-launches.ts'),
  ]);
  try {
    if (isSimulated(errand.tee)) reportSimulated(context.output);
    await new SealedLaunches(context.process.env).keep(keep.name, await launchSealed(context, keep, errand));
  } catch (error) {
    await keep.remove().catch(() => undefined);
    throw error;
  }
}
