// SPDX-License-Identifier: Apache-2.0
//
// wasi:cli, wasi:clocks and wasi:random 0.3.
import { clockId, now, resolution } from '../../wasi/clocks.ts';
import { cliInterfaces } from '../cli.ts';
import { listLength, type ComponentHost } from '../host.ts';
import { pollableAt, type OutputStream } from '../io.ts';
import type { Interfaces03 } from './imports.ts';
import { bytesOf, failureOf, type ComponentStream, type Outcome, type Outgoing } from './streams.ts';

type ErrorCode = 'io' | 'illegal-byte-sequence' | 'pipe';
type Status = Parameters<ReturnType<typeof cliInterfaces>['wasi:cli/exit']['exit']>[0];

function codeOf(error: unknown): ErrorCode {
  const failure = failureOf(error);
  return failure === undefined || failure.message === 'pipe' ? 'pipe' : 'io';
}

export function cliInterfaces03(
  host: ComponentHost,
  outgoing: Outgoing,
): Interfaces03<'cli' | 'clocks' | 'random'> {
  const before = cliInterfaces(host);
  const { getEnvironment, getArguments, initialCwd } = before['wasi:cli/environment'];
  const { getRandomBytes, getRandomU64 } = before['wasi:random/random'];
  const { insecureSeed } = before['wasi:random/insecure-seed'];
  let seed: readonly bigint[] | undefined;
  /** Fewer than asked for will do. */
  const randomBytes = (most: bigint): Uint8Array => getRandomBytes(BigInt(listLength(most)));
  const write = (stream: ComponentStream, output: OutputStream): Promise<Outcome<ErrorCode>> =>
    outgoing.write(stream, output, codeOf);
  const { exit, exitWithCode } = before['wasi:cli/exit'];
  return {
    'wasi:cli/environment@0.3.0': { getEnvironment, getArguments, getInitialCwd: initialCwd },
    'wasi:cli/exit@0.3.0': {
      exit: (status: Status) => outgoing.settle().then(() => exit(status)),
      exitWithCode: (code: number) => outgoing.settle().then(() => exitWithCode(code)),
    },
    'wasi:cli/stdin@0.3.0': { readViaStream: () => bytesOf(before['wasi:cli/stdin'].getStdin(), codeOf) },
    'wasi:cli/stdout@0.3.0': {
      writeViaStream: (stream: ComponentStream) => write(stream, before['wasi:cli/stdout'].getStdout()),
    },
    'wasi:cli/stderr@0.3.0': {
      writeViaStream: (stream: ComponentStream) => write(stream, before['wasi:cli/stderr'].getStderr()),
    },
    'wasi:cli/terminal-input@0.3.0': before['wasi:cli/terminal-input'],
    'wasi:cli/terminal-output@0.3.0': before['wasi:cli/terminal-output'],
    'wasi:cli/terminal-stdin@0.3.0': before['wasi:cli/terminal-stdin'],
    'wasi:cli/terminal-stdout@0.3.0': before['wasi:cli/terminal-stdout'],
    'wasi:cli/terminal-stderr@0.3.0': before['wasi:cli/terminal-stderr'],
    'wasi:cli/types@0.3.0': {},
    'wasi:clocks/types@0.3.0': {},
    'wasi:clocks/monotonic-clock@0.3.0': {
      now: () => now(clockId.monotonic),
      getResolution: () => resolution(clockId.monotonic),
      waitUntil: (when: bigint) => pollableAt(host, when).block(),
      waitFor: (duration: bigint) => pollableAt(host, now(clockId.monotonic) + duration).block(),
    },
    'wasi:clocks/system-clock@0.3.0': {
      now: before['wasi:clocks/wall-clock'].now,
      getResolution: () => resolution(clockId.realtime),
    },
    'wasi:random/random@0.3.0': { getRandomBytes: randomBytes, getRandomU64 },
    'wasi:random/insecure@0.3.0': {
      getInsecureRandomBytes: randomBytes,
      getInsecureRandomU64: getRandomU64,
    },
    'wasi:random/insecure-seed@0.3.0': { getInsecureSeed: () => (seed ??= insecureSeed()) },
  };
}
