// SPDX-License-Identifier: Apache-2.0
import { chdir, exit } from 'node:process';

import { runKeep } from './keep-loader.ts';
import { readLaunchFrame } from './launch-frame.ts';

const launch = await readLaunchFrame();
// Socket paths are limited to 107 bytes; from the Keep's own directory they are short.
chdir(launch.directory);
await runKeep(launch, import.meta.dirname);
// Relays of a Keep that is no more have nothing to carry.
exit(0);
