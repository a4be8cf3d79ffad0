// SPDX-License-Identifier: Apache-2.0
import { encodeMessage, type EnarxError, maxFramePayload, type Entry } from '@enarx/protocol';

import { runtimeProblem } from './problems.ts';
import { isPackagePath, runnerFrame } from './runner-frames.ts';
import { entryMessage } from './runner-messages.ts';

/** One file, directory or symbolic link that the program finds when it starts. */
export type PackageEntry =
  | Exclude<Entry, { readonly kind: 'file' }>
  | (Extract<Entry, { readonly kind: 'file' }> & {
      /** Exactly `size` bytes, in pieces of any length; not kept. */
      readonly content: AsyncIterable<Uint8Array>;
    });

/** As many as a delivery may announce. */
const mostEntries = 65_536;
/** Bytes of all files together, likewise. */
const mostBytes = 1_073_741_824;

/**
 * Sends the files of a program, in order. What they mean together the runner finds out; here they are only counted.
 *
 * @param send - resolves when more may be sent, with false when nobody needs more
 * @throws EnarxError `files/…`, `message/invalid`; whatever the entries themselves throw
 */
export async function sendPackage(
  entries: AsyncIterable<PackageEntry>,
  send: (kind: number, payload: Uint8Array) => Promise<boolean>,
): Promise<void> {
  let count = 0;
  let bytes = 0;
  for await (const entry of entries) {
    count += 1;
    if (count > mostEntries)
      throw runtimeProblem('files/too-many', { expected: `at most ${String(mostEntries)} entries` });
    if (!isPackagePath(entry.path) || (entry.kind === 'symlink' && !isLinkTarget(entry.target)))
      throw runtimeProblem('files/path', { found: entry.path.slice(0, 256) });
    if (entry.kind !== 'file') {
      if (!(await send(runnerFrame.entry, encodeMessage(entryMessage, entry)))) return;
      continue;
    }
    const { kind, path, size, content } = entry;
    bytes += size;
    if (bytes > mostBytes)
      throw runtimeProblem('files/too-large', { expected: `at most ${String(mostBytes)} bytes` });
    if (!(await send(runnerFrame.entry, encodeMessage(entryMessage, { kind, path, size })))) return;
    if (!(await sendContent(path, size, content, send))) return;
  }
}

async function sendContent(
  path: string,
  size: number,
  content: AsyncIterable<Uint8Array>,
  send: (kind: number, payload: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  const differs = (found: number): EnarxError =>
    runtimeProblem('files/size', {
      found: `${String(found)} bytes of ${path.slice(0, 256)}`,
      expected: `${String(size)} bytes`,
    });
  let sent = 0;
  for await (const chunk of content) {
    if (sent + chunk.length > size) throw differs(sent + chunk.length);
    sent += chunk.length;
    for (let at = 0; at < chunk.length; at += maxFramePayload)
      if (!(await send(runnerFrame.content, chunk.subarray(at, at + maxFramePayload)))) return false;
  }
  if (sent < size) throw differs(sent);
  return true;
}

function isLinkTarget(target: string): boolean {
  return target !== '' && !target.includes('\0');
}
