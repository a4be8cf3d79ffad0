// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  anchorFromPem,
  parsePolicy,
  releasePolicy,
  vendorAnchors,
  type Anchor,
  type Policy,
} from '@enarx/attestation';
import { fromHex, type Tee } from '@enarx/protocol';

import type { TrustFlags } from '../commands/flags.ts';
import { readNamedFile } from '../named-file.ts';
import { cliProblem } from '../problems.ts';

/** What evidence is judged by. */
export interface Trust {
  /** The vendors' that this release pins, and the one that the caller named. */
  readonly anchors: readonly Anchor[];
  readonly policy: Policy;
}

/** `release.json`. */
interface Manifest {
  readonly measurements: Readonly<Partial<Record<string, string>>>;
}

/**
 * What the caller trusts and wants. The expected measurement is that of the loader beside this very command, or what the policy file
 * lists; nothing that a host says comes in here.
 *
 * @throws EnarxError `cli/…`, any `policy/…`, and what a file that is no certificate gets
 */
export async function readTrust({ anchor, policy }: TrustFlags, tee: Tee, release: string): Promise<Trust> {
  const [named, wanted] = await Promise.all([
    anchor === undefined ? undefined : readNamedFile(anchor).then(anchorFromPem),
    policy === undefined ? policyOfRelease(tee, release) : readNamedFile(policy).then(parsePolicy),
  ]);
  return { anchors: named === undefined ? vendorAnchors : [...vendorAnchors, named], policy: wanted };
}

async function policyOfRelease(tee: Tee, release: string): Promise<Policy> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(release, 'release.json'), 'utf8')) as Manifest;
  } catch (cause) {
    throw cliProblem('cli/release-unreadable', { found: (cause as Error).message, cause });
  }
  const measurement = manifest.measurements[tee];
  if (measurement === undefined) throw cliProblem('cli/no-release-measurement', { found: tee });
  const digest = fromHex(measurement);
  if (digest === undefined)
    throw cliProblem('cli/release-unreadable', { found: `measurement ${measurement}` });
  return releasePolicy({ measurements: [digest] });
}
