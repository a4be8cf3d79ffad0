// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadModule } from './system-calls.ts';
import { mayEncryptMemory } from './processor.ts';

/**
 * Loads the image's modules in the order of their names, where the processor may be one that they serve: all are for evidence and launch secrets. Drivers for hardware that this
 * machine does not have refuse with ENODEV, which is how one image serves every kind of TEE; whether evidence can be had is found out when it is asked for.
 */
export function loadModules(directory: string): void {
  if (!mayEncryptMemory(readFileSync('/proc/cpuinfo', 'utf8'))) return;
  let names: string[];
  try {
    names = readdirSync(directory).toSorted();
  } catch {
    // An image with a kernel that has all built in.
    return;
  }
  for (const name of names) {
    const descriptor = openSync(join(directory, name), 'r');
    try {
      loadModule(descriptor, name);
    } catch {
      continue;
    } finally {
      closeSync(descriptor);
    }
  }
}
