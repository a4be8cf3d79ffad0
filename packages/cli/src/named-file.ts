// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';

import { joinBytes } from '@enarx/protocol';

import { cliProblem } from './problems.ts';
import { refuseBadTrust } from './run/early-trust.ts';
import type { NamedAnchor } from './run/named-anchor.ts';

/**
 * The text of a file that the command line names.
 * @throws EnarxError `cli/file-unreadable`
 */
export async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw cliProblem('cli/file-unreadable', { found: (cause as Error).message, cause });
  }
}

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

/**
 * The bytes of a file that the command line names. It may be a pipe or a device, so it is read until it ends or there are
 * enough: whoever takes the bytes refuses what is larger than it takes.
 * @param most - reading stops there
 * @throws EnarxError `cli/file-unreadable`
 */
export async function readNamedBytes(path: string, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    // The end is inclusive.
    for await (const chunk of createReadStream(path, { end: most - 1 }) as AsyncIterable<Uint8Array>)
      chunks.push(chunk);
  } catch (cause) {
    throw cliProblem('cli/file-unreadable', { found: (cause as Error).message, cause });
  }
  return joinBytes(chunks);
}

/**
 * Writes a file that must not exist yet.
 * @param mode - who may read it; what the umask leaves where it is left out
 * @throws EnarxError `cli/file-unwritable`
 */
export async function writeNewFile(path: string, content: string | Uint8Array, mode = 0o666): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode });
  } catch (cause) {
    throw cliProblem('cli/file-unwritable', { found: (cause as Error).message, cause });
  }
}
