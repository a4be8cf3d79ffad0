// SPDX-License-Identifier: Apache-2.0
import { compareBytes, decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

import {
  hypervisorMaterialOf,
  hypervisorOf,
  type HypervisorMaterial,
  type SimulatedNitroHypervisor,
} from './hypervisor.ts';
import { nitroProblem } from './problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Kind and version of the file, first in it. */
const mark = 'enarx-simulated-nitro-hypervisor/1';
const maxFileBytes = 16_384;
const parts = ['root', 'region', 'zone', 'instance', 'instanceId', 'instanceKey'] as const;

/** The hypervisor with its private key, as deterministic CBOR: `[mark, …parts, SHA-384 of the encoding of all before]`. */
export async function exportNitroHypervisor(hypervisor: SimulatedNitroHypervisor): Promise<Bytes> {
  const material = hypervisorMaterialOf(hypervisor);
  const content: readonly CborValue[] = [mark, ...parts.map((part) => material[part])];
  return encodeCbor([...content, await digestOf(content)]);
}

/** @throws EnarxError `nitro-hypervisor/file-malformed`, whatever is wrong with the bytes */
export async function importNitroHypervisor(bytes: Uint8Array): Promise<SimulatedNitroHypervisor> {
  try {
    const items = decodeCbor(bytes, maxFileBytes);
    if (!Array.isArray(items) || items.length !== parts.length + 2 || items[0] !== mark)
      throw new TypeError('another kind of file');
    const content = items.slice(0, -1) as CborValue[];
    if (compareBytes(bytesIn((items as CborValue[]).at(-1)), await digestOf(content)) !== 0)
      throw new TypeError('a digest of other content');
    const material = Object.fromEntries(parts.map((part, index) => [part, bytesIn(content[index + 1])]));
    return await hypervisorOf(material as unknown as HypervisorMaterial);
  } catch (cause) {
    throw nitroProblem('nitro-hypervisor/file-malformed', { found: (cause as Error).message, cause });
  }
}

async function digestOf(content: readonly CborValue[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', encodeCbor(content)));
}

function bytesIn(value: CborValue | undefined): Bytes {
  if (!(value instanceof Uint8Array)) throw new TypeError('a part that is no byte string');
  // A copy of its own memory, since WebCrypto takes no view of shared memory.
  return new Uint8Array(value);
}
