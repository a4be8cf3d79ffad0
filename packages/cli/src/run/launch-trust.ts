// SPDX-License-Identifier: Apache-2.0
import { vendorAnchors } from '@enarx/attestation';
import type { LaunchTrust } from '@enarx/client';
import type { Tee } from '@enarx/protocol';

import { cliProblem } from '../problems.ts';
import { imageDigest, secretAreaOf } from './image.ts';
import { anchorInFile, type NamedAnchor } from './named-anchor.ts';
import { releaseMeasurement } from './release.ts';

/** What the firmware of a machine keeps, for a loader that has none: as AmdSev's does. */
const simulatedSecretArea = 0xc00;
/** The first firmware that AMD mended after 2019's flaws in SEV (CVE-2019-9836). */
const minimum = { api: { major: 0, minor: 17 }, build: 22 } as const;

export interface LaunchTrustOptions {
  readonly anchor: NamedAnchor | undefined;
  readonly policy: string | undefined;
  readonly endorsements: readonly Uint8Array[];
  readonly image: string;
  readonly vcpus: number;
  readonly release: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * What the owner of a launch demands: nothing allowed to the host, the registers encrypted where the kind says so, and the guest of his own image or release.
 * @throws EnarxError `cli/…`, `image/…`
 */
export async function readLaunchTrust(tee: Tee, options: LaunchTrustOptions): Promise<LaunchTrust> {
  const { anchor, policy, endorsements, image, vcpus, release, at } = options;
  // A file that was not looked at would be taken for one that was met.
  if (policy !== undefined)
    throw cliProblem('cli/usage', { found: `--policy with --tee ${tee}, whose policy is set at its launch` });
  const named = anchor === undefined ? [] : [await anchorInFile(anchor.pem, anchor.file)];
  const simulated = tee === 'sim-sev';
  return {
    anchors: [...vendorAnchors, ...named],
    at,
    launchDigest: simulated ? await releaseMeasurement(release, tee) : await imageDigest(image, tee, vcpus),
    secretArea: simulated ? simulatedSecretArea : await secretAreaOf(image),
    policy: { encryptedState: tee === 'sev-es', allow: [], minimumApi: minimum.api },
    minimum,
    endorsements,
  };
}
