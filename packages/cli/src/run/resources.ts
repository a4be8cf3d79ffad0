// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '@enarx/protocol';

import type { MachineFlags } from '../commands/flags.ts';
import { parseSize } from '../config/quantity.ts';
import { cliProblem } from '../problems.ts';

const mebibyte = 1_048_576;

/** What a machine is to be given, as far as it was said. @throws EnarxError `cli/usage` */
export function resourcesOf(flags: Pick<MachineFlags, 'memory' | 'vcpus'>): Resources | undefined {
  const memory = memoryOf(flags);
  const vcpus = vcpusOf(flags);
  if (memory === undefined && vcpus === undefined) return undefined;
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(vcpus === undefined ? {} : { vcpus }),
  };
}

/** @throws EnarxError `cli/usage` */
export function vcpusOf({ vcpus }: Partial<Pick<MachineFlags, 'vcpus'>>): number | undefined {
  if (vcpus === undefined) return undefined;
  const count = Number(vcpus);
  if (/^[0-9]+$/.test(vcpus) && count >= 1 && count <= 512) return count;
  throw cliProblem('cli/usage', { found: `--vcpus ${vcpus}`, expected: 'a number from 1 to 512' });
}

function memoryOf({ memory }: Pick<MachineFlags, 'memory'>): number | undefined {
  if (memory === undefined) return undefined;
  const mebibytes = Math.floor((parseSize(memory) ?? 0) / mebibyte);
  if (mebibytes >= 256 && mebibytes <= 1_048_576) return mebibytes;
  throw cliProblem('cli/usage', { found: `--memory ${memory}`, expected: 'a size from 256MiB to 1024GiB' });
}
