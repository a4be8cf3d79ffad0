// SPDX-License-Identifier: Apache-2.0
import { compareBytes, decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

import { chipIdLength } from './chip.ts';
import { materialOf, processorOf, type ProcessorMaterial, type SimulatedProcessor } from './processor.ts';
import { simulatorProblem } from './problems.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Kind and version of the file, first in it. */
const mark = 'enarx-simulated-processor/1';
const maxFileBytes = 16_384;
const parts = ['ark', 'ask', 'vcek', 'chipId', 'vcekKey'] as const;

/**
 * The processor with its private key, as deterministic CBOR:
 * `[mark, ark, ask, vcek, chip id, vcek key, SHA-384 of the encoding of the six before]`.
 * The digest tells a damaged file from a whole one at its reading; otherwise only a client would find out, from a signature.
 */
export async function exportProcessor(processor: SimulatedProcessor): Promise<Bytes> {
  const material = materialOf(processor);
  const content: readonly CborValue[] = [mark, ...parts.map((part) => material[part])];
  return encodeCbor([...content, await digestOf(content)]);
}

/** @throws EnarxError `simulator/malformed`, whatever is wrong with the bytes */
export async function importProcessor(bytes: Uint8Array): Promise<SimulatedProcessor> {
  let items: CborValue;
  try {
    items = decodeCbor(bytes, maxFileBytes);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  if (!Array.isArray(items) || items.length !== parts.length + 2 || items[0] !== mark)
    throw malformed('another kind of file', undefined, mark);
  const content = (items as CborValue[]).slice(0, -1);
  const digest: unknown = items[items.length - 1];
  if (!(digest instanceof Uint8Array) || compareBytes(digest, await digestOf(content)) !== 0)
    throw malformed('a digest of other content');
  const material = Object.fromEntries(parts.map((part, index) => [part, bytesIn(content[index + 1])]));
  if (material['chipId']?.length !== chipIdLength)
    throw malformed('a chip id of another length', undefined, `${String(chipIdLength)} bytes`);
  try {
    return await processorOf(material as unknown as ProcessorMaterial);
  } catch (cause) {
    throw malformed('a key that cannot be read', cause);
  }
}

async function digestOf(content: readonly CborValue[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', encodeCbor(content)));
}

function bytesIn(value: CborValue | undefined): Bytes {
  if (!(value instanceof Uint8Array)) throw malformed('a part that is no byte string');
  // A copy of its own memory, since WebCrypto takes no view of shared memory.
  return new Uint8Array(value);
}

function malformed(found: string, cause?: unknown, expected?: string): Error {
  return simulatorProblem('simulator/malformed', {
    found,
    expected,
    cause,
  });
}
