// SPDX-License-Identifier: Apache-2.0
import { RejectedError, type ClientIdentity, type Keep, type SealedLaunch } from '@enarx/client';
import type { Verdict } from '@enarx/attestation';
import type { Tee } from '@enarx/protocol';

import type { ExpectationFlags } from '../commands/flags.ts';
import type { EnarxContext } from '../context.ts';
import type { NamedTrust } from './named-trust.ts';
import { launchTrustFor } from './deliver.ts';
import { reportChecks, reportMissingAnchor, reportSimulated } from './report.ts';

export interface LaunchErrand {
  readonly flags: ExpectationFlags;
  readonly named: NamedTrust;
  readonly tee: Tee;
  readonly identity: ClientIdentity;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Steps 3 to 5 where the key is a launch secret: the owner's part, which cannot wait.
 * @throws RejectedError, after its checks were reported; EnarxError `sev/…`, `client/…`, `cli/…`, `image/…`
 */
export async function launchSealed(
  context: EnarxContext,
  keep: Keep,
  { flags, named, tee, identity, signal }: LaunchErrand,
): Promise<SealedLaunch> {
  try {
    const onPlatform = ({ simulated }: Verdict): void => {
      if (simulated) reportSimulated(context.output);
    };
    const trust = await launchTrustFor(context, named, flags, tee);
    return await keep.launch({ ...trust, onPlatform, identity, signal });
  } catch (error) {
    if (error instanceof RejectedError) {
      const { checks } = error.verdict;
      reportChecks(context.output, checks, 'failed');
      if (named.anchor === undefined) reportMissingAnchor(context.output, checks);
    }
    throw error;
  }
}
