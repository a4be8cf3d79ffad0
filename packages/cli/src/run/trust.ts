// SPDX-License-Identifier: Apache-2.0
import {
  anchorFromPem,
  parsePolicy,
  releasePolicy,
  vendorAnchors,
  type Anchor,
  type Policy,
} from '@enarx/attestation';
import type { Tee } from '@enarx/protocol';

import type { NamedTrust } from '../named-file.ts';
import { cliProblem } from '../problems.ts';
import { imageDigest } from './image.ts';
import { releaseMeasurement } from './release.ts';

/** What evidence is judged by. */
export interface Trust {
  /** The vendors' that this release pins, and the one that the caller named. */
  readonly anchors: readonly Anchor[];
  readonly policy: Policy;
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
  { anchor, policy }: NamedTrust,
  tee: Tee,
  expectation: Expectation,
): Promise<Trust> {
  const [named, wanted] = await Promise.all([
    anchor === undefined ? undefined : anchorFromPem(anchor),
    policy === undefined ? policyOf(tee, expectation) : parsePolicy(policy),
  ]);
  return { anchors: named === undefined ? vendorAnchors : [...vendorAnchors, named], policy: wanted };
}

/** A machine shows the measurement of the image that it booted, a process that of the loader of its release. */
async function policyOf(tee: Tee, { release, image, vcpus }: Expectation): Promise<Policy> {
  // What AMD's processors report is worth what their firmware is; which of it is good enough is for a policy to say.
  if (tee === 'snp' || tee === 'tdx') throw cliProblem('cli/no-release-measurement', { found: tee });
  const measurement =
    tee === 'vm' ? await imageDigest(image, tee, vcpus) : await releaseMeasurement(release, tee);
  return releasePolicy({ measurements: [measurement] });
}
