// SPDX-License-Identifier: Apache-2.0
import { compareBytes, decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

import { materialParts, type IntelMaterial } from './material.ts';
import { intelMaterialOf, intelPlatformOf, type SimulatedIntelPlatform } from './platform.ts';
import { intelPlatformProblem } from './problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Kind and version of the file, first in it. */
const mark = 'enarx-simulated-intel-platform/1';
const maxFileBytes = 32_768;

/**
 * The platform with its private keys, as deterministic CBOR: `[mark, …parts, SHA-384 of the encoding of all before]`. The digest
 * tells a damaged file from a whole one at its reading; otherwise only a verifier would find out, from a signature.
 */
export async function exportIntelPlatform(platform: SimulatedIntelPlatform): Promise<Bytes> {
  const material = intelMaterialOf(platform);
  const content: readonly CborValue[] = [mark, ...materialParts.map((part) => material[part])];
  return encodeCbor([...content, await digestOf(content)]);
}

/** @throws EnarxError `intel-platform/file-malformed`, whatever is wrong with the bytes */
export async function importIntelPlatform(bytes: Uint8Array): Promise<SimulatedIntelPlatform> {
  try {
    const items = decodeCbor(bytes, maxFileBytes);
    if (!Array.isArray(items) || items.length !== materialParts.length + 2 || items[0] !== mark)
      throw new TypeError('another kind of file');
    const content = items.slice(0, -1) as CborValue[];
    if (compareBytes(bytesIn((items as CborValue[]).at(-1)), await digestOf(content)) !== 0)
      throw new TypeError('a digest of other content');
    const material = Object.fromEntries(
      materialParts.map((part, index) => [part, bytesIn(content[index + 1])]),
    );
    return await intelPlatformOf(material as unknown as IntelMaterial);
  } catch (cause) {
    throw intelPlatformProblem('intel-platform/file-malformed', { found: (cause as Error).message, cause });
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
