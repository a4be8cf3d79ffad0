// SPDX-License-Identifier: Apache-2.0
import { readNamedBytes, readNamedFile } from '../named-file.ts';
import { refuseBadTrust } from './early-trust.ts';
import type { NamedAnchor } from './named-anchor.ts';

/** What the caller's files of trust hold; `undefined` for one that was not named. */
export interface NamedTrust {
  readonly anchor: NamedAnchor | undefined;
  /** TOML. */
  readonly policy: string | undefined;
  /** Certificates and collateral, one file each. */
  readonly endorsements: readonly Uint8Array[];
}

/** One more than the verifier takes, so that it is the one to refuse a file that is too large. */
const mostEndorsement = 1024 * 1024 + 1;

/**
 * Reads them before a host is asked for anything: a file that is not there, or makes no sense, is no reason for a host to make a Keep.
 * @throws EnarxError `cli/file-unreadable`, and what {@link refuseBadTrust} throws
 */
export async function readNamedTrust({
  anchor,
  policy,
  endorsements = [],
}: {
  readonly anchor: string | undefined;
  readonly policy?: string | undefined;
  readonly endorsements?: readonly string[] | undefined;
}): Promise<NamedTrust> {
  const read = (path: string | undefined): Promise<string> | undefined =>
    path === undefined ? undefined : readNamedFile(path);
  const [pem, policyText, endorsed] = await Promise.all([
    read(anchor),
    read(policy),
    Promise.all(endorsements.map((path) => readNamedBytes(path, mostEndorsement))),
  ]);
  const named = {
    anchor: anchor === undefined || pem === undefined ? undefined : { file: anchor, pem },
    policy: policyText,
    endorsements: endorsed,
  };
  await refuseBadTrust(named);
  return named;
}
