// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from 'node:path';
import { arch, execPath, versions } from 'node:process';

import { buildImage } from '@enarx/image';

import type { EnarxContext } from '../../context.ts';
import { cliProblem } from '../../problems.ts';
import { stateDirectory } from '../../state/directory.ts';
import { imageDirectory } from '../../run/image.ts';
import { releaseVersion } from '../../run/release.ts';
import type { BuildFlags } from './flags.ts';
import { textOfManifest } from './show.ts';

export async function buildGuestImage(this: EnarxContext, flags: BuildFlags): Promise<void> {
  const { packages, mirror, kernel, modules, firmware, tdxFirmware } = flags;
  if (modules !== undefined && kernel === undefined)
    throw cliProblem('cli/usage', { found: '--modules without --kernel' });
  const output = imageDirectory(flags, this.process.env);
  this.output.progress('Building the guest image …');
  const manifest = await buildImage({
    output,
    release: this.release,
    releaseVersion: await releaseVersion(this.release),
    ...nodeOf(flags),
    sources: { cache: join(stateDirectory(this.process.env), 'packages'), directory: packages, mirror },
    ...(kernel === undefined ? {} : { kernel: { file: resolve(kernel), modules } }),
    firmware,
    tdxFirmware,
    vcpus: vcpusOf(flags),
    lock: join(this.release, 'debian.lock.json'),
  });
  this.output.clearProgress();
  this.output.result({ image: output, ...manifest }, () => textOfManifest(output, manifest));
}

function nodeOf({ node }: BuildFlags): { readonly node: string; readonly nodeVersion: string } {
  if (node !== undefined) return { node: resolve(node), nodeVersion: 'given' };
  if (arch !== 'x64')
    throw cliProblem('cli/usage', {
      found: `a Node for ${arch}`,
      expected: '--node FILE with Node 26 for x86-64',
    });
  return { node: execPath, nodeVersion: versions.node };
}

function vcpusOf({ vcpus = '1,2,4' }: BuildFlags): number[] {
  const counts = vcpus.split(',').map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > 512))
    throw cliProblem('cli/usage', {
      found: `--vcpus ${vcpus}`,
      expected: 'numbers from 1 to 512 with commas',
    });
  return counts;
}
