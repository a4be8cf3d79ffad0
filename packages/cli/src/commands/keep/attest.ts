// SPDX-License-Identifier: Apache-2.0
import { createIdentity, RejectedError } from '@enarx/client';
import type { Verdict } from '@enarx/attestation';

import type { EnarxContext } from '../../context.ts';
import { exitStatus } from '../../exit-status.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { readNamedTrust } from '../../run/named-trust.ts';
import { trustInKeep } from '../../run/keep-trust.ts';
import { reportChecks, reportMissingAnchor, reportSimulated, reportStep } from '../../run/report.ts';
import { OwnerKeys } from '../../state/owner-keys.ts';
import type { AttestFlags } from './flags.ts';

/** Verifies a Keep on a new connection with a fresh nonce. Anybody may, not only its owner. */
export async function attestKeep(this: EnarxContext, flags: AttestFlags, id: string): Promise<void> {
  const { output } = this;
  const named = await readNamedTrust(flags);
  const at = await hostOrDefault(this.process.env, flags);
  const onStep = reportStep.bind(undefined, output, flags.verbose);
  const verdict = await withHost({ ...at, onStep }, async (host): Promise<Verdict> => {
    const keep = host.keep(id);
    const { tee } = await keep.show();
    const [trust, key] = await Promise.all([
      trustInKeep(this, keep, tee, named, flags),
      new OwnerKeys(this.process.env).find(keep.name),
    ]);
    const unattested = await keep.open({ identity: key ?? (await createIdentity()) });
    try {
      const attested =
        'anchors' in trust
          ? await unattested.attest({ purpose: 'verify', ...trust, at: this.now })
          : await unattested.attestSealed('verify', trust);
      return attested.verdict;
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      if ('anchors' in trust && trust.anchors.every(({ simulated }) => !simulated))
        reportMissingAnchor(output, error.verdict.checks);
      return error.verdict;
    } finally {
      unattested.destroy();
    }
  });
  const { verdict: word, format, simulated, checks } = verdict;
  if (simulated) reportSimulated(output);
  if (word === 'rejected') this.process.exitCode = exitStatus.rejected;
  if (!output.json) reportChecks(output, checks, flags.verbose ? 'all' : 'failed');
  const marked = simulated ? `${word} (SIMULATED)` : word;
  output.result(
    { keep: id, verdict: word, format, simulated, checks: checks.map((check) => ({ ...check })) },
    () => `${marked}: Keep ${id}, ${format}, ${String(checks.length)} checks`,
  );
}
