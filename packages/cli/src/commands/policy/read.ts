// SPDX-License-Identifier: Apache-2.0
import { attestationProblem, parsePolicy, type Policy } from '@enarx/attestation';

import { readNamedBytes } from '../../named-file.ts';

/** More than the longest policy has, so that its parser is the one to refuse a longer one. */
const mostBytes = 2 * 1024 * 1024;

/**
 * A policy, and the bytes of its file.
 * @throws EnarxError `cli/file-unreadable`, `policy/…`
 */
export async function readPolicyFile(
  path: string,
): Promise<{ readonly policy: Policy; readonly file: Uint8Array }> {
  const file = await readNamedBytes(path, mostBytes);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(file);
  } catch (cause) {
    throw attestationProblem('policy/malformed', { found: 'bytes that are not UTF-8', cause });
  }
  return { policy: parsePolicy(text), file };
}
