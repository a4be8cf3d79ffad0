// SPDX-License-Identifier: Apache-2.0
import { globSync } from 'node:fs';
import { join } from 'node:path';

import type { FuzzTarget } from './target.ts';

/** Every target of tools/fuzz/targets. A new decoder needs a target there, and nothing else. */
export async function allTargets(): Promise<readonly FuzzTarget[]> {
  const directory = join(import.meta.dirname, 'targets');
  const lists = await Promise.all(
    globSync('*.ts', { cwd: directory })
      .sort()
      .map((file) => import(join(directory, file)) as Promise<{ default: readonly FuzzTarget[] }>),
  );
  return lists.flatMap(({ default: targets }) => targets);
}

export async function findTarget(name: string): Promise<FuzzTarget> {
  const targets = await allTargets();
  const found = targets.find((target) => target.name === name);
  if (found === undefined)
    throw new Error(`no target ${name}; there are ${targets.map((target) => target.name).join(', ')}`);
  return found;
}
