// SPDX-License-Identifier: Apache-2.0
//
// keepldr [SOCKET]: takes its launch frame from standard input, or from the manager's socket of that path.
import { argv, chdir, exit, stderr } from 'node:process';

import { EnarxError } from '@enarx/protocol';

import { runKeep } from './keep-loader.ts';
import { readLaunchFrame } from './launch-frame.ts';

try {
  const reading = readLaunchFrame(argv[2]);
  // A spare has the time to load what most Keeps need.
  void import('@enarx/simulator');
  const launch = await reading;
  // Socket paths are limited to 107 bytes; from the Keep's own directory they are short.
  chdir(launch.directory);
  await runKeep(launch, import.meta.dirname);
} catch (error) {
  // keepmgr puts the first of this into the log of the Keep.
  const code = error instanceof EnarxError ? `${error.code}: ` : '';
  stderr.write(`${code}${(error as Error).message}\n`);
  exit(1);
}
// Relays of a Keep that is no more have nothing to carry.
exit(0);
