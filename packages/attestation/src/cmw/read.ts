// SPDX-License-Identifier: Apache-2.0
import { isList, isMap, isTagged, readCbor, type CborItem } from '../cose/cbor.ts';
import { attestationProblem } from '../problems.ts';
import { decodeBase64url } from '../results/base64url.ts';
import { allIndicators, cmwLimits, collectionTypeKey, maxCmwDepth, type Cmw, type CmwRecord } from './cmw.ts';
import { contentFormatOfTag } from './content-format.ts';

/** Wrappers are told by their first bytes, and no deterministic encoding has this one (RFC 8949 section 4.2.1). */
export const indefiniteArray = 0x9f;

/**
 * Reads a Conceptual Message Wrapper (draft-ietf-rats-msg-wrap), record, tag or collection, in CBOR or JSON. JSON is told by its
 * first byte. Values of CBOR are views of `bytes`.
 * @param bytes - at most 1 MiB
 * @throws EnarxError `cmw/malformed`, `cose/cbor-malformed`
 */
export function readCmw(bytes: Uint8Array): Cmw {
  if (bytes.length > cmwLimits.bytes) throw malformed(`${String(bytes.length)} bytes`);
  if (bytes[0] === indefiniteArray)
    throw malformed('a record of indefinite length', 'an array of two or three');
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === 0x5b || first === 0x7b
    ? fromJson(jsonOf(bytes), 0)
    : fromCbor(readCbor(bytes, cmwLimits.bytes), 0);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), wellFormed);
  } catch (cause) {
    throw attestationProblem('cmw/malformed', { found: 'text that is no JSON', cause });
  }
}

/** Half a surrogate pair can be escaped in JSON, and can be in no CBOR. */
function wellFormed(key: string, value: unknown): unknown {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed()))
    throw malformed('half a surrogate pair');
  return value;
}

/** @param depth - collections around it */
function fromCbor(item: CborItem, depth: number): Cmw {
  if (isTagged(item)) {
    const type = contentFormatOfTag(item.tag);
    if (type === undefined) throw malformed(`the tag ${String(item.tag)}, which names no content format`);
    if (!(item.content instanceof Uint8Array))
      throw malformed('a tag before other things than a byte string');
    return { kind: 'record', type, value: item.content, indicator: undefined };
  }
  if (isMap(item)) {
    const entries = [...item].map(([label, value]): [string | number, CborItem] => {
      if (typeof label === 'bigint') throw malformed('a label beyond all numbers');
      return [label, value];
    });
    return collectionOf(entries, depth, fromCbor);
  }
  if (!isList(item)) throw malformed('neither a record, a tag nor a collection');
  const [type, value] = item;
  const isFormat = typeof type === 'number' && type >= 0 && type <= 0xffff;
  if (!isFormat && typeof type !== 'string')
    throw malformed('a type that is neither text nor a content format');
  if (!(value instanceof Uint8Array)) throw malformed('a value that is no byte string');
  return recordOf(type, value, item);
}

function fromJson(item: unknown, depth: number): Cmw {
  if (!Array.isArray(item)) {
    if (typeof item !== 'object' || item === null) throw malformed('neither a record nor a collection');
    return collectionOf(Object.entries(item), depth, fromJson);
  }
  const [type, value] = item as readonly unknown[];
  if (typeof type !== 'string') throw malformed('a type that is no text');
  const bytes = typeof value === 'string' ? decodeBase64url(value) : undefined;
  if (bytes === undefined) throw malformed('a value that is no base64url');
  return recordOf(type, bytes, item);
}

/** @param list - of two or three; what is in the first two has been looked at */
function recordOf(type: string | number, value: Uint8Array, list: readonly unknown[]): CmwRecord {
  if (list.length > 3) throw malformed(`a record of ${String(list.length)}`);
  if (typeof type === 'string' && !/^[\w.+-]+\/[\w.+-]+/.test(type))
    throw malformed('a type that is no media type');
  const indicator = list[2];
  if (list.length === 3 && !isIndicator(indicator))
    throw malformed('an indicator that is none', `1 to ${String(allIndicators)}`);
  return { kind: 'record', type, value, indicator: list.length === 3 ? (indicator as number) : undefined };
}

function isIndicator(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= allIndicators;
}

function collectionOf<T>(
  entries: readonly (readonly [string | number, T])[],
  depth: number,
  read: (item: T, depth: number) => Cmw,
): Cmw {
  if (depth >= maxCmwDepth) throw malformed(`more than ${String(maxCmwDepth)} collections in each other`);
  const type: unknown = entries.find(([label]) => label === collectionTypeKey)?.[1];
  if (type !== undefined && typeof type !== 'string') throw malformed(`${collectionTypeKey} that is no text`);
  const items = entries.filter(([label]) => label !== collectionTypeKey);
  if (items.length === 0 || items.length > cmwLimits.items)
    throw malformed(`a collection of ${String(items.length)}`, `1 to ${String(cmwLimits.items)}`);
  return {
    kind: 'collection',
    type,
    items: new Map(items.map(([label, item]) => [label, read(item, depth + 1)])),
  };
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('cmw/malformed', { found, expected });
}
