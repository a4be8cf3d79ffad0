// SPDX-License-Identifier: Apache-2.0
import type { Host } from '@enarx/client';
import { printable, type ManagerInfo } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import type { HostCommandFlags } from './flags.ts';

export function showHost(this: EnarxContext, flags: HostCommandFlags): Promise<void> {
  return tell(this, flags, (host) => host.info());
}

export function cordonHost(this: EnarxContext, flags: HostCommandFlags): Promise<void> {
  return tell(this, flags, (host) => host.cordon(true));
}

export function uncordonHost(this: EnarxContext, flags: HostCommandFlags): Promise<void> {
  return tell(this, flags, (host) => host.cordon(false));
}

export function drainHost(this: EnarxContext, flags: HostCommandFlags): Promise<void> {
  return tell(this, flags, (host) => host.drain());
}

/** Asks the host for something, and prints what it then says of itself. */
async function tell(
  { output, process }: EnarxContext,
  flags: HostCommandFlags,
  ask: (host: Host) => Promise<ManagerInfo>,
): Promise<void> {
  const named = await hostOrDefault(process.env, flags);
  const { cordoned = false, protocol, release, tees } = await withHost(named, ask);
  output.result({ release, protocol, tees, cordoned }, () =>
    [
      `release ${printable(release)}`,
      `kinds of Keep: ${tees.length === 0 ? 'none' : tees.join(', ')}`,
      cordoned ? 'cordoned: it takes no new Keeps' : 'takes new Keeps',
    ].join('\n'),
  );
}
