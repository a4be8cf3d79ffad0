// SPDX-License-Identifier: Apache-2.0
import { parsePolicy, releasePolicy, vendorAnchors, type Anchor, type Policy } from '@enarx/attestation';
import { toHex, type Tee } from '@enarx/protocol';

import type { NamedTrust } from './named-trust.ts';
import { cliProblem } from '../problems.ts';
import { imageDigest } from './image.ts';
import { needsPolicy } from './launch-kinds.ts';
import { anchorInFile } from './named-anchor.ts';
import { releaseMeasurement } from './release.ts';

/** What evidence is judged by. */
export interface Trust {
  /** The vendors' that this release pins, and the one that the caller named. */
  readonly anchors: readonly Anchor[];
  readonly policy: Policy;
  /** On top of what the Keep presents. */
  readonly endorsements: readonly Uint8Array[];
}

/** Where the expected measurement comes from. */
export interface Expectation {
  /** Directory of the release. */
  readonly release: string;
  /** Directory of one's own guest image. */
  readonly image: string;
  readonly vcpus: number;
}

/**
 * What the caller trusts and wants. The expected measurement is that of the loader beside this very command, of one's own image, or what the
 * policy file lists; nothing that a host says comes in here.
 *
 * @throws EnarxError `cli/…`, any `policy/…`, and what a file that is no certificate gets
 */
export async function readTrust(
  { anchor, policy, endorsements }: NamedTrust,
  tee: Tee,
  expectation: Expectation,
): Promise<Trust> {
  const [named, wanted] = await Promise.all([
    anchor === undefined ? undefined : anchorInFile(anchor.pem, anchor.file),
    policy === undefined ? policyOf(tee, expectation) : parsePolicy(policy),
  ]);
  return {
    anchors: named === undefined ? vendorAnchors : [...vendorAnchors, named],
    policy: wanted,
    endorsements,
  };
}

/** A machine shows the measurement of the image that it booted, a process that of the loader of its release. */
async function policyOf(tee: Tee, { release, image, vcpus }: Expectation): Promise<Policy> {
  // What a vendor's processors report is worth what their firmware is; which of it is good enough is for a policy to say.
  if (needsPolicy(tee))
    throw cliProblem('cli/policy-missing', {
      found: `--tee ${tee}${await ownMeasurement(tee, { image, vcpus })}`,
    });
  const measurement =
    tee === 'vm' ? await imageDigest(image, tee, vcpus) : await releaseMeasurement(release, tee);
  return releasePolicy({ measurements: [measurement] });
}

/** What to write into the policy, where one's own image tells. */
async function ownMeasurement(
  tee: Tee,
  { image, vcpus }: Pick<Expectation, 'image' | 'vcpus'>,
): Promise<string> {
  if (tee === 'sgx') return '';
  try {
    const digest = toHex(await imageDigest(image, tee, vcpus));
    return `, for which your image ${tee === 'snp' ? 'measures as' : 'has the MRTD'} ${digest}`;
  } catch {
    // There is no image here, or none for such a machine.
    return '';
  }
}
