// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { readNamedTrust } from '../../named-file.ts';
import { hearAgain, statusOfEnd } from '../../run/deliver.ts';
import { Interruption } from '../../run/interruption.ts';
import { trustInKeep } from '../../run/keep-trust.ts';
import { reportStep } from '../../run/report.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { AttestFlags } from './flags.ts';

/** Hears a program of one's own again that `keep run --detach` left running. Only the key that `keep create` kept may. */
export async function attachToKeep(this: EnarxContext, flags: AttestFlags, id: string): Promise<void> {
  const { verbose } = flags;
  const named = await readNamedTrust(flags);
  const at = await hostOrDefault(this.process.env, flags);
  using interruption = new Interruption(this.process.unread);
  const onStep = reportStep.bind(undefined, this.output, verbose);
  try {
    const ended = await withHost({ ...at, onStep }, async (host) => {
      const keep = host.keep(id);
      const identity = await new OwnerKeys(this.process.env).of(keep.name);
      // The kind is only the host's word, and decides only which measurement of the release is expected.
      const { tee } = await keep.show();
      const trust = await trustInKeep(this, keep, tee, named, flags);
      const { signal } = interruption;
      return hearAgain(this, keep, { identity, trust, verbose, signal });
    });
    this.process.exitCode = statusOfEnd(this, ended);
  } catch (error) {
    if (interruption.status === undefined) throw error;
    this.process.exitCode = interruption.status;
  }
}
