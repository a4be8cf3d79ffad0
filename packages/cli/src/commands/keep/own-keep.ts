// SPDX-License-Identifier: Apache-2.0
import type { ClientIdentity, Host, Keep } from '@enarx/client';
import type { Ended, Tee } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { statusOfEnd } from '../../run/deliver.ts';
import { Interruption } from '../../run/interruption.ts';
import { reportStep } from '../../run/report.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { AttestFlags } from './flags.ts';

/** A Keep that `keep create` made, and what its owner comes to it with. */
export interface OwnKeep {
  readonly keep: Keep;
  readonly identity: ClientIdentity;
  /** Only the host's word: it decides which measurement of the release is expected, and nothing else. */
  readonly tee: Tee;
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
}

/**
 * Talks to a program in a Keep of one's own. The command ends with the status of the program, where it ended, or of the signal that ended
 * the talk.
 */
export async function talkToOwnKeep(
  context: EnarxContext,
  flags: AttestFlags,
  id: string,
  talk: (own: OwnKeep) => Promise<Ended | undefined>,
): Promise<void> {
  const { output, process } = context;
  const at = await hostOrDefault(process.env, flags);
  using interruption = new Interruption(output, 'leaving the Keep', process.unread);
  const onStep = reportStep.bind(undefined, output, flags.verbose);
  try {
    const ended = await withHost({ ...at, onStep }, async (host: Host) => {
      const keep = host.keep(id);
      const identity = await new OwnerKeys(process.env).of(keep.name);
      const { tee } = await keep.show();
      return talk({ keep, identity, tee, signal: interruption.signal });
    });
    if (ended !== undefined) process.exitCode = statusOfEnd(context, ended);
  } catch (error) {
    if (interruption.status === undefined) throw error;
    process.exitCode = interruption.status;
  }
}
