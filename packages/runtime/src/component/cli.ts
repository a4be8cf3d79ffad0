// SPDX-License-Identifier: Apache-2.0
//
// wasi:cli, wasi:clocks and wasi:random 0.2.
import type { ComponentImport } from './bundle.ts';
import { clockId, now, resolution } from '../wasi/clocks.ts';
import type { Descriptor } from '../wasi/descriptor.ts';
import { NullDevice } from '../wasi/null-device.ts';
import { prepareRandom } from '../wasi/random.ts';
import { Absent, HostTrap, type ComponentHost, type Interface } from './host.ts';
import { DescriptorSink, DescriptorSource, InputStream, OutputStream, pollableAt } from './io.ts';

/** Bytes of one list: what the interface asks for has to be there whole. */
const mostRandom = 67_108_864n;
const nanosecondsPerSecond = 1_000_000_000n;

export interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

export function datetime(nanoseconds: bigint): Datetime {
  return {
    seconds: nanoseconds / nanosecondsPerSecond,
    nanoseconds: Number(nanoseconds % nanosecondsPerSecond),
  };
}

export function cliInterfaces(host: ComponentHost) {
  const given = (number: number): Descriptor => host.given[number] ?? new NullDevice();
  const input = (number: number) => () => new InputStream(host, new DescriptorSource(host, given(number)));
  const output = (number: number) => () => new OutputStream(host, new DescriptorSink(host, given(number)));
  const nothing = (): undefined => undefined;
  /** The promise stays open, so that the component never runs on. */
  const exit = (code: number): Promise<never> => {
    host.exit(code);
    return new Promise<never>(nothing);
  };
  return {
    'wasi:cli/environment': {
      getEnvironment: () => host.env,
      getArguments: () => host.args,
      initialCwd: nothing,
    },
    'wasi:cli/exit': {
      exit: ({ tag }: { readonly tag: 'ok' | 'err' }) => exit(tag === 'ok' ? 0 : 1),
      exitWithCode: exit,
    },
    'wasi:cli/stdin': { getStdin: input(0) },
    'wasi:cli/stdout': { getStdout: output(1) },
    'wasi:cli/stderr': { getStderr: output(2) },
    // There is no terminal in a Keep.
    'wasi:cli/terminal-input': { TerminalInput: Absent },
    'wasi:cli/terminal-output': { TerminalOutput: Absent },
    'wasi:cli/terminal-stdin': { getTerminalStdin: nothing },
    'wasi:cli/terminal-stdout': { getTerminalStdout: nothing },
    'wasi:cli/terminal-stderr': { getTerminalStderr: nothing },
    'wasi:clocks/monotonic-clock': {
      now: () => now(clockId.monotonic),
      resolution: () => resolution(clockId.monotonic),
      subscribeInstant: (when: bigint) => pollableAt(host, when),
      subscribeDuration: (duration: bigint) => pollableAt(host, now(clockId.monotonic) + duration),
    },
    'wasi:clocks/wall-clock': {
      now: () => datetime(now(clockId.realtime)),
      resolution: () => datetime(resolution(clockId.realtime)),
    },
    'wasi:random/random': { getRandomBytes: randomBytes, getRandomU64: randomU64 },
    'wasi:random/insecure': { getInsecureRandomBytes: randomBytes, getInsecureRandomU64: randomU64 },
    'wasi:random/insecure-seed': { insecureSeed: () => [randomU64(), randomU64()] },
  } satisfies Partial<Record<ComponentImport, Interface>>;
}

function randomBytes(length: bigint): Uint8Array {
  if (length > mostRandom) throw new HostTrap(`${String(length)} random bytes at once`);
  return prepareRandom().randomBytes(Number(length));
}

function randomU64(): bigint {
  return prepareRandom().randomBytes(8).readBigUInt64LE();
}
