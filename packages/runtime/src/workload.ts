// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

import { encodeMessage, type Limits } from '@enarx/protocol';

import type { OutputConsumer } from './output-queue.ts';
import type { PackageEntry } from './package-sender.ts';
import { pagesFor, tiersFor, type Shape } from './runner-flags.ts';
import { randomAhead, type File } from './runner-frames.ts';
import { runMessage, type Run } from './runner-messages.ts';
import type { Network } from './sockets.ts';

/** What to run, and who hears of it. */
export interface Workload extends Shape {
  /** argv of the program, its own name first. */
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly limits: Limits;
  /** Descriptors 0, 1, 2 and so on; standard input, output and error where it is left out. */
  readonly files?: readonly File[] | undefined;
  /**
   * What lies in the directories among `files` when the program starts. Taken up before the module: what is given to `writeModule` waits until all of it
   * is sent. A later entry replaces an earlier one with the same path.
   */
  readonly package?: AsyncIterable<PackageEntry> | undefined;
  /** Where the sockets among `files` lead. */
  readonly network?: Network | undefined;
  /** The module is fit to run and the program starts. */
  onStarted?(): void;
  /** The program reads: so many bytes more of standard input may be written. */
  onStdinWanted(bytes: number): void;
  /** Output in order, one piece (at most 64 KiB) at a time; the program is held up when the promise stays open. Rejecting it stops the program. */
  readonly onOutput: OutputConsumer;
}

type RunnerFile = Run['files'][number];

export const defaultFiles: readonly File[] = [{ kind: 'stdin' }, { kind: 'stdout' }, { kind: 'stderr' }];
/** Where the workload sets no limit: bytes, and numbers of files and descriptors. */
const defaultStorage = 268_435_456;
const defaultInodes = 65_536;
export const defaultDescriptors = 1024;
/** Milliseconds that a request may go without headway, and requests that are answered at once. */
export const defaultRequest = 60_000;
const defaultRequests = 16;

/**
 * What the runner is told of a workload.
 *
 * @throws EnarxError `message/invalid`, `cbor/too-large`
 */
export function encodeWorkload(workload: Workload): Uint8Array {
  const { size, args, env, files = defaultFiles, limits } = workload;
  return encodeMessage(runMessage, {
    size,
    args: [...args],
    env: env.map(([name, value]) => [name, value] as [string, string]),
    files: files.map((file, number) => fileForRunner(file, workload.network?.listening(number))),
    pages: pagesFor(limits),
    tiers: tiersFor(workload),
    bytes: limits.storage ?? defaultStorage,
    inodes: limits.inodes ?? defaultInodes,
    descriptors: limits.descriptors ?? defaultDescriptors,
    random: randomBytes(randomAhead),
    request: limits.request ?? defaultRequest,
    requests: limits.requests ?? defaultRequests,
  });
}

/** Of a socket the runner learns what a component calls it by. */
function fileForRunner(file: File, bound: ReturnType<Network['listening']>): RunnerFile {
  if (file.kind === 'listen')
    return {
      kind: 'listen',
      tls: file.prot === 'tls',
      port: file.port,
      ...(bound === undefined ? {} : { bound }),
    };
  if (file.kind === 'connect')
    return { kind: 'connect', tls: file.prot === 'tls', host: file.host, port: file.port };
  return file;
}
