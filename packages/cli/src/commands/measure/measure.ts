// SPDX-License-Identifier: Apache-2.0
import {
  bootHashes,
  maxFirmwareSize,
  sevEsLaunchDigest,
  sevLaunchDigest,
  snpLaunchDigest,
  tdxLaunchDigest,
  vcpuSignatureOf,
  type BootHashes,
  type Vcpus,
} from '@enarx/attestation/measure';
import { toHex } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { readNamedBytes } from '../../named-file.ts';
import { table } from '../../output.ts';
import { cliProblem } from '../../problems.ts';
import type { FirmwareFlags, GuestFlags, ProcessorFlags, SevEsFlags, SnpFlags } from './flags.ts';
import { idBlockOf } from './id-block.ts';
import { numberOf } from './number.ts';

/** Kernels and initial file systems are hashed whole in memory. */
const mostBootBytes = 1024 * 1024 * 1024;

export async function measureSnp(this: EnarxContext, flags: SnpFlags): Promise<void> {
  const digest = await snpLaunchDigest({
    ...(await guestOf(flags)),
    vmm: flags.vmm,
    vcpus: vcpusOf(flags),
    features: numberOf('--guest-features', flags.guestFeatures, 1n << 64n),
    ...(flags.rdx === undefined ? {} : { rdx: Number(numberOf('--rdx', flags.rdx, 1n << 32n)) }),
    ...(await svsmOf(flags)),
  });
  const id = await idBlockOf(flags, digest);
  if (id === undefined) print(this, digest);
  else this.output.result(id, () => table(Object.entries(id)));
}

export async function measureSev(this: EnarxContext, flags: GuestFlags): Promise<void> {
  print(this, await sevLaunchDigest(await guestOf(flags)));
}

export async function measureSevEs(this: EnarxContext, flags: SevEsFlags): Promise<void> {
  const digest = await sevEsLaunchDigest({
    ...(await guestOf(flags)),
    vcpus: vcpusOf(flags),
    features: numberOf('--guest-features', flags.guestFeatures, 1n << 64n),
    legacyVmType: flags.legacyVmType,
  });
  print(this, digest);
}

export async function measureTdx(this: EnarxContext, { firmware }: FirmwareFlags): Promise<void> {
  print(this, await tdxLaunchDigest(await readNamedBytes(firmware, maxFirmwareSize + 1)));
}

function print({ output }: EnarxContext, digest: Uint8Array): void {
  const measurement = toHex(digest);
  output.result({ measurement }, () => measurement);
}

interface Guest {
  readonly firmware: Uint8Array;
  readonly boot?: BootHashes;
}

async function guestOf({ firmware, kernel, initrd, append }: GuestFlags): Promise<Guest> {
  const image = await readNamedBytes(firmware, maxFirmwareSize + 1);
  if (kernel === undefined) {
    if (initrd !== undefined || append !== undefined)
      throw cliProblem('cli/usage', {
        found: '--initrd or --append without --kernel',
        expected: '--kernel FILE',
      });
    return { firmware: image };
  }
  const boot = await bootHashes({
    kernel: await readNamedBytes(kernel, mostBootBytes),
    ...(initrd === undefined ? {} : { initrd: await readNamedBytes(initrd, mostBootBytes) }),
    ...(append === undefined ? {} : { commandLine: append }),
  });
  return { firmware: image, boot };
}

function vcpusOf({ vcpus, vcpuType, vcpuSignature }: ProcessorFlags): Vcpus {
  const count = Number(numberOf('--vcpus', vcpus, 1n << 32n));
  if (vcpuType !== undefined && vcpuSignature === undefined)
    return { count, signature: vcpuSignatureOf(vcpuType) };
  if (vcpuType === undefined && vcpuSignature !== undefined)
    return { count, signature: Number(numberOf('--vcpu-signature', vcpuSignature, 1n << 32n)) };
  throw cliProblem('cli/usage', {
    found: `${vcpuType === undefined ? 'neither' : 'both'} of --vcpu-type and --vcpu-signature`,
    expected: 'one of them',
  });
}

async function svsmOf({
  svsm,
  svsmVariables,
}: SnpFlags): Promise<Partial<Parameters<typeof snpLaunchDigest>[0]>> {
  if (svsm === undefined && svsmVariables === undefined) return {};
  if (svsm === undefined || svsmVariables === undefined)
    throw cliProblem('cli/usage', {
      found: `--svsm${svsm === undefined ? '-variables' : ''} alone`,
      expected: '--svsm FILE and --svsm-variables N together',
    });
  const variablesSize = Number(numberOf('--svsm-variables', svsmVariables, 1n << 32n));
  return { svsm: { image: await readNamedBytes(svsm, maxFirmwareSize + 1), variablesSize } };
}
