// SPDX-License-Identifier: Apache-2.0
import { FrameBatch, worthBatching } from '@enarx/channel/frame-batch';
import type { FrameStream } from '@enarx/channel/frame-stream';
import { encodeMessage, entry, recordFramePayload, workloadFrame } from '@enarx/protocol';

import { clientProblem } from './problems.ts';
import type { Tap } from './tap.ts';
import { describeWorkload } from './workload-bounds.ts';
import type { Workload } from './workload.ts';

/** Bytes that are sent at once. */
const pieceSize = 16 * recordFramePayload;
/** Milliseconds in which the Keep has to take the next 256 KiB. */
const longestStall = 60_000;

/**
 * Sends a workload, from its description to the last byte of its module, at the Keep's pace.
 * @throws EnarxError `client/workload-bounds`, `client/module-…`, `client/keep-timeout`; Error of the connection
 */
export async function sendWorkload(
  frames: FrameStream,
  workload: Workload,
  tap: Tap | undefined,
): Promise<void> {
  const { module } = workload;
  const message = describeWorkload(workload);
  const batch = new FrameBatch(frames);
  const send = async (
    kind: 'deliver' | 'entry' | 'content' | 'module',
    payload: Uint8Array,
  ): Promise<void> => {
    tap?.('sent', kind, payload);
    if (payload.length <= worthBatching) {
      const sending = batch.add(workloadFrame[kind], payload);
      if (sending !== undefined) await inTime(sending);
      return;
    }
    await inTime(batch.flush());
    // Only what is a text of the client's own is longer and no bulk.
    await inTime(
      kind === 'deliver'
        ? frames.send(workloadFrame[kind], payload)
        : frames.sendBulk(workloadFrame[kind], payload),
    );
  };
  await send('deliver', message);
  // The Keep makes its runner ready for it meanwhile.
  await inTime(batch.flush());
  if (workload.package !== undefined) {
    for await (const { content, ...item } of workload.package.open()) {
      await send('entry', encodeMessage(entry, item));
      if (item.kind === 'file')
        await sendExactly(item.size, content ?? [], item.path, (piece) => send('content', piece));
    }
  }
  await sendExactly(module.size, module.open(), 'the module', (piece) => send('module', piece));
  await inTime(batch.flush());
}

async function sendExactly(
  size: number,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  what: string,
  send: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  let sent = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += pieceSize) {
      const piece = chunk.subarray(at, at + pieceSize);
      sent += piece.length;
      if (sent > size) throw changed(`${what} with more than ${String(size)} bytes`);
      await send(piece);
    }
  }
  if (sent < size) throw changed(`${what} with ${String(sent)} of ${String(size)} bytes`);
}

function changed(found: string): Error {
  return clientProblem('client/module-changed', { found });
}

async function inTime(sending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(clientProblem('client/keep-timeout', { found: 'a Keep that takes nothing' }));
    }, longestStall);
  });
  try {
    await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
  }
}
