// SPDX-License-Identifier: Apache-2.0
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  deliver,
  encodeMessage,
  maxFramePayload,
  workloadFrame,
  type File,
  type Limits,
  type Optimization,
} from '@enarx/protocol';

import type { ProgramStreams } from './conversation.ts';
import type { ModuleSource } from './module-source.ts';
import { clientProblem } from './problems.ts';
import type { Tap } from './tap.ts';

/** What is delivered, and where its input and output are. */
export interface Workload extends ProgramStreams {
  readonly module: ModuleSource;
  /** argv of the program, its own name first. */
  readonly args: readonly string[];
  readonly env?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly limits?: Limits | undefined;
  /** What its descriptors stand for, in their order; standard input, output and error where it is left out. */
  readonly files?: readonly File[] | undefined;
  readonly optimize?: Optimization | undefined;
  /** Whether the program goes on when this connection ends; its owner can then `attach`. */
  readonly detach?: boolean | undefined;
}

/** Milliseconds in which the Keep has to take the next 64 KiB. */
const longestStall = 60_000;

/**
 * Sends a workload, from its description to the last byte of its module, at the Keep's pace.
 * @throws EnarxError `message/invalid`, `client/module-…`, `client/keep-timeout`; Error of the connection
 */
export async function sendWorkload(
  frames: FrameStream,
  workload: Workload,
  tap: Tap | undefined,
): Promise<void> {
  const { module, args, env = [], limits = {}, files, optimize, detach = false } = workload;
  const message = encodeMessage(deliver, {
    size: module.size,
    digest: module.digest,
    args: [...args],
    env: env.map(([name, value]): [string, string] => [name, value]),
    limits,
    detach,
    ...(files === undefined ? {} : { files: [...files] }),
    ...(optimize === undefined ? {} : { optimize }),
  });
  tap?.('sent', deliver.name, message);
  await inTime(frames.send(workloadFrame.deliver, message));
  let sent = 0;
  for await (const chunk of module.open()) {
    for (let at = 0; at < chunk.length; at += maxFramePayload) {
      const piece = chunk.subarray(at, at + maxFramePayload);
      sent += piece.length;
      if (sent > module.size) throw changed(`more than ${String(module.size)} bytes`);
      tap?.('sent', 'module', piece);
      await inTime(frames.send(workloadFrame.module, piece));
    }
  }
  if (sent < module.size) throw changed(`${String(sent)} of ${String(module.size)} bytes`);
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
