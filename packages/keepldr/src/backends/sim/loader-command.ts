// SPDX-License-Identifier: Apache-2.0

/** The files of a release that run inside a simulated TEE. */
export const loaderFiles = ['wasmldr.cjs', 'runner.cjs'] as const;

/**
 * Arguments of the Node that runs the loader. They are measured as they stand here, so `RELEASE` stands for the directory
 * of the files, which differs from machine to machine. `--allow-child-process` is for the runner and `--allow-net` for the
 * channel's socket; what these two open, the sandbox around it closes again where there is one. Flags of V8 are not among them: they
 * make it throw away the compiled code that Node carries, at twice the time to boot.
 */
export const loaderArguments: readonly string[] = [
  '--permission',
  ...loaderFiles.map((name) => `--allow-fs-read=RELEASE/${name}`),
  // The processor time of the runner, for its limit.
  '--allow-fs-read=/proc/',
  '--allow-child-process',
  '--allow-net',
  // No authority counts in the channel, and Node would decode 150 of them at every start.
  '--use-openssl-ca',
  '--disable-proto=throw',
  '--disable-sigusr1',
  '--no-addons',
  '--no-experimental-sqlite',
  '--no-warnings',
  'RELEASE/wasmldr.cjs',
];
