// SPDX-License-Identifier: Apache-2.0

/** Where things lie in the guest. */
export const guestPaths = {
  node: '/bin/node',
  init: '/enarx/init.js',
  runner: '/enarx/runner.js',
  modules: '/enarx/modules',
} as const;

/**
 * Kernel arguments, which the launch digest covers. Nothing of the kernel's is printed but errors, since the console belongs to the host; a panic ends the
 * machine; what stands behind `--` goes to our own first process.
 */
export const commandLine = [
  'console=ttyS0',
  'quiet',
  'loglevel=3',
  'panic=-1',
  'oops=panic',
  'random.trust_cpu=on',
  // An emulated machine that shares its processor misses timer ticks that a real one would not.
  'no_timer_check',
  'edd=off',
  `rdinit=${guestPaths.node}`,
  '--',
  '--disable-proto=throw',
  '--disallow-code-generation-from-strings',
  '--disable-sigusr1',
  '--no-addons',
  '--no-experimental-sqlite',
  '--no-warnings',
  guestPaths.init,
].join(' ');
