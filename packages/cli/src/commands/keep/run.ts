// SPDX-License-Identifier: Apache-2.0
import type { EnarxContext } from '../../context.ts';
import { isSimulated } from '../../host/tee.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { readNamedTrust } from '../../named-file.ts';
import { deliver, prepareDelivery, statusOfEnd } from '../../run/deliver.ts';
import { Interruption } from '../../run/interruption.ts';
import { trustInKeep } from '../../run/keep-trust.ts';
import { reportSimulated, reportStep } from '../../run/report.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { KeepRunFlags } from './flags.ts';

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
  const at = await hostOrDefault(this.process.env, flags);
  using interruption = new Interruption(this.process.unread);
  const onStep = reportStep.bind(undefined, this.output, verbose);
  try {
    const ended = await withHost({ ...at, onStep }, async (host) => {
      const keep = host.keep(id);
      const identity = await new OwnerKeys(this.process.env).of(keep.name);
      // The kind is only the host's word, and decides only which measurement of the release is expected.
      const { tee } = await keep.show();
      if (isSimulated(tee)) reportSimulated(this.output);
      const trust = await trustInKeep(this, keep, tee, named, flags);
      const { signal } = interruption;
      return deliver(this, keep, delivery, { identity, trust, verbose, detach, removeAfter: false, signal });
    });
    if (ended === undefined)
      this.output.event(
        'detached',
        { keep: id },
        `The program runs on in Keep ${id}. Hear it with: enarx keep attach ${id}`,
      );
    else this.process.exitCode = statusOfEnd(this, ended);
  } catch (error) {
    if (interruption.status === undefined) throw error;
    this.process.exitCode = interruption.status;
  }
}
