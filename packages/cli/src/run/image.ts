// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { imageFiles } from '@enarx/image/files';
import { readManifest } from '@enarx/image/manifest';
import { fromHex, type Tee } from '@enarx/protocol';

import type { EnarxContext } from '../context.ts';
import { cliProblem } from '../problems.ts';
import { stateDirectory } from '../state/directory.ts';

/** The image that is named, or `image` in the user's state directory. */
export function imageDirectory(
  { image }: { readonly image: string | undefined },
  env: EnarxContext['process']['env'],
): string {
  return image === undefined ? join(stateDirectory(env), 'image') : resolve(image);
}

/** Model of the processors that keepldr asks for; the digests of one's own image name it. */
const processorType: Readonly<Partial<Record<Tee, string>>> = {
  vm: 'EPYC-v4',
  snp: 'EPYC-v4',
  'sev-es': 'EPYC-v4',
};

/**
 * Launch digest that a machine of one's own image must show. Nothing of it comes from a host.
 * @throws EnarxError `image/…`, `cli/image-digest-missing`
 */
export async function imageDigest(image: string, tee: Tee, vcpus: number): Promise<Uint8Array> {
  const { digests } = await readManifest(image);
  const launches: readonly { vcpus?: number; type?: string; digest: string }[] =
    tee === 'sev' || tee === 'sev-es' || tee === 'tdx' ? digests[tee] : digests.snp;
  const wanted = processorType[tee];
  const found = launches.find(
    (launch) => (launch.vcpus ?? vcpus) === vcpus && (launch.type === undefined || launch.type === wanted),
  );
  const digest = found === undefined ? undefined : fromHex(found.digest);
  if (digest === undefined)
    throw cliProblem('cli/image-digest-missing', { found: `${tee}, ${String(vcpus)} vCPUs, in ${image}` });
  return digest;
}

/** Bytes that the firmware of the image keeps for launch secrets. @throws EnarxError `cli/file-unreadable`, `measure/…` */
export async function secretAreaOf(image: string): Promise<number> {
  const file = join(image, imageFiles.firmware);
  let firmware: Uint8Array;
  try {
    firmware = await readFile(file);
  } catch (cause) {
    throw cliProblem('cli/file-unreadable', { found: file, cause });
  }
  const { readFirmware } = await import('@enarx/attestation/measure');
  return readFirmware(firmware).secretArea?.size ?? 0;
}
