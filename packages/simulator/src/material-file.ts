// SPDX-License-Identifier: Apache-2.0
import { compareBytes, decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** What files of one kind of simulated processor hold. */
export interface MaterialFormat<Part extends string> {
  /** Kind and version of the file, first in it. */
  readonly mark: string;
  readonly maxBytes: number;
  /** In their order. Each is a byte string. */
  readonly parts: readonly Part[];
}

/**
 * Deterministic CBOR: `[mark, …parts, SHA-384 of the encoding of all before]`. The digest tells a damaged file from a whole one at its
 * reading; otherwise only who relies on the processor would find out, from a signature.
 */
export async function encodeMaterial<Part extends string>(
  { mark, parts }: MaterialFormat<Part>,
  material: Readonly<Record<Part, Uint8Array>>,
): Promise<Bytes> {
  const content: readonly CborValue[] = [mark, ...parts.map((part) => material[part])];
  return encodeCbor([...content, await digestOf(content)]);
}

/** @throws TypeError, EnarxError `cbor/…`, for anything that {@link encodeMaterial} did not write */
export async function decodeMaterial<Part extends string>(
  { mark, maxBytes, parts }: MaterialFormat<Part>,
  bytes: Uint8Array,
): Promise<Readonly<Record<Part, Bytes>>> {
  const items = decodeCbor(bytes, maxBytes);
  if (!Array.isArray(items) || items.length !== parts.length + 2 || items[0] !== mark)
    throw new TypeError(`another kind of file than ${mark}`);
  const content = (items as CborValue[]).slice(0, -1);
  const digest: unknown = items.at(-1);
  if (!(digest instanceof Uint8Array) || compareBytes(digest, await digestOf(content)) !== 0)
    throw new TypeError('a digest of other content');
  return Object.fromEntries(parts.map((part, index) => [part, bytesIn(content[index + 1])])) as Record<
    Part,
    Bytes
  >;
}

async function digestOf(content: readonly CborValue[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', encodeCbor(content)));
}

function bytesIn(value: CborValue | undefined): Bytes {
  if (!(value instanceof Uint8Array)) throw new TypeError('a part that is no byte string');
  // A copy of its own memory, since WebCrypto takes no view of shared memory.
  return new Uint8Array(value);
}
