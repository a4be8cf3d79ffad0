// SPDX-License-Identifier: Apache-2.0
import { attestationProblem, parsePolicy, type Policy } from '@enarx/attestation';

import { readNamedBytes } from '../../named-file.ts';

/** More than the longest policy has, so that its parser is the one to refuse a longer one. */
const mostBytes = 2 * 1024 * 1024;

/** @throws EnarxError `cli/file-unreadable`, `policy/…` */
export async function readPolicyFile(path: string): Promise<Policy> {
  const bytes = await readNamedBytes(path, mostBytes);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw attestationProblem('policy/malformed', { found: 'bytes that are not UTF-8', cause });
  }
  return parsePolicy(text);
}
