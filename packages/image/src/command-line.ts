// SPDX-License-Identifier: Apache-2.0

/** Where things lie in the guest. */
export const guestPaths = {
  node: '/bin/node',
  // By their names Node knows what they are, and need not try.
  init: '/enarx/init.cjs',
  runner: '/enarx/runner.cjs',
  modules: '/enarx/modules',
} as const;

/**
 * Kernel arguments, which the launch digest covers. Nothing of the kernel's is printed but errors, since the console belongs to the host; a panic ends the
 * machine; what stands behind `--` goes to our own first process. None of it is a flag of V8's, with which V8 would compile anew what Node has ready-made.
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
  // For the first process's environment: two of Node's threads wait for the ports, and its usual four are left for the rest.
  'UV_THREADPOOL_SIZE=6',
  `rdinit=${guestPaths.node}`,
  '--',
  '--disable-proto=throw',
  '--disable-sigusr1',
  '--no-addons',
  '--no-experimental-sqlite',
  '--no-warnings',
  // No authority is asked for anything here, and Node reads its 150 as soon as TLS is loaded.
  '--use-openssl-ca',
  guestPaths.init,
].join(' ');
