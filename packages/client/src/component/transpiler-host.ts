// SPDX-License-Identifier: Apache-2.0
//
// What the transpiler, itself a component, finds where a release bundles it: no files, no environment, no streams, only random numbers. The host that it
// is published with would start a thread and load a native library, and let it read the machine.
class Nothing {
  [Symbol.dispose](): void {
    // There is nothing to give back.
  }
}

class OutputStream {
  /** What it says before it traps tells developers of it something; users get the trap. */
  blockingWriteAndFlush(): void {
    // Dropped.
  }
}

const none = (): undefined => undefined;

export const environment = { getEnvironment: () => [] };
export const exit = {
  exit: () => {
    throw new Error('the transpiler gave up');
  },
};
export const stdin = { getStdin: () => new Nothing() };
export const stdout = { getStdout: () => new OutputStream() };
export const stderr = { getStderr: () => new OutputStream() };
export const terminalInput = { TerminalInput: Nothing };
export const terminalOutput = { TerminalOutput: Nothing };
export const terminalStdin = { getTerminalStdin: none };
export const terminalStdout = { getTerminalStdout: none };
export const terminalStderr = { getTerminalStderr: none };
export const preopens = { getDirectories: () => [] };
export const types = { Descriptor: Nothing, DirectoryEntryStream: Nothing, filesystemErrorCode: none };
export const error = { Error: Nothing };
export const streams = { InputStream: Nothing, OutputStream };
export const random = {
  getRandomBytes: (length: bigint) => crypto.getRandomValues(new Uint8Array(Number(length))),
};
