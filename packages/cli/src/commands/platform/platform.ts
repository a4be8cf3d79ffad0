// SPDX-License-Identifier: Apache-2.0
import { printable, type Platform } from '@enarx/protocol';

import { checkMark } from '../../check-mark.ts';
import type { EnarxContext } from '../../context.ts';
import { namedHost, type NamedHost } from '../../host/named-host.ts';
import { ownBackends } from '../../host/own-backends.ts';
import type { Output } from '../../output.ts';
import { imageDirectory } from '../../run/image.ts';
import type { PlatformFlags } from './flags.ts';

type Backend = Platform['backends'][number];

/** Prints what this machine, or the host that the flags name, can do. */
export async function showPlatform(this: EnarxContext, flags: PlatformFlags): Promise<void> {
  const host = await namedHost(this.process.env, flags);
  const backends =
    host === undefined
      ? await ownBackends(imageDirectory({ image: undefined }, this.process.env))
      : await backendsOf(host);
  this.output.result({ backends }, () =>
    backends.map((backend) => describe(this.output, backend)).join('\n'),
  );
}

async function backendsOf(named: NamedHost): Promise<Backend[]> {
  // Nobody who looks at this machine alone waits for the client.
  const { withHost } = await import('../../host/with-host.ts');
  return withHost(named, async (host) => (await host.platform()).backends);
}

function describe(output: Output, { tee, usable, probes }: Backend): string {
  const bold = output.styled('bold', tee, 'stdout');
  const lines = probes.flatMap(({ id, pass, found, remedy }) => [
    `  ${checkMark(output, pass ? 'pass' : 'fail', 'stdout')} ${printable(id)}: ${printable(found)}`,
    ...(remedy === undefined ? [] : [`      ${pass ? 'stronger' : 'remedy'}: ${printable(remedy)}`]),
  ]);
  return [`${bold}  ${usable ? 'usable' : 'not usable'}`, ...lines].join('\n');
}
