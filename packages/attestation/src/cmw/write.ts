// SPDX-License-Identifier: Apache-2.0
import { encodeCbor, type CborValue } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { base64url } from '../results/base64url.ts';
import { collectionTypeKey, type Cmw, type CmwCollection } from './cmw.ts';

/** A record or collection in deterministic CBOR. */
export function writeCborCmw(cmw: Cmw): Uint8Array<ArrayBuffer> {
  return encodeCbor(cborOf(cmw));
}

/**
 * A record or collection in JSON.
 * @throws EnarxError `cmw/malformed` for content formats and labels by number, which JSON has not
 */
export function writeJsonCmw(cmw: Cmw): string {
  return JSON.stringify(jsonOf(cmw));
}

function cborOf(cmw: Cmw): CborValue {
  if (cmw.kind === 'record')
    return cmw.indicator === undefined ? [cmw.type, cmw.value] : [cmw.type, cmw.value, cmw.indicator];
  return new Map<CborValue, CborValue>(membersOf(cmw, cborOf));
}

function jsonOf(cmw: Cmw): unknown {
  if (cmw.kind === 'record') {
    if (typeof cmw.type === 'number')
      throw attestationProblem('cmw/malformed', { found: `the content format ${String(cmw.type)} for JSON` });
    const value = base64url(cmw.value);
    return cmw.indicator === undefined ? [cmw.type, value] : [cmw.type, value, cmw.indicator];
  }
  for (const label of cmw.items.keys())
    if (typeof label === 'number')
      throw attestationProblem('cmw/malformed', { found: `the label ${String(label)} for JSON` });
  return Object.fromEntries(membersOf(cmw, jsonOf));
}

function membersOf<T>(
  { type, items }: CmwCollection,
  write: (cmw: Cmw) => T,
): [string | number, T | string][] {
  return [
    ...(type === undefined ? [] : [[collectionTypeKey, type] as [string, string]]),
    ...[...items].map(([label, item]): [string | number, T] => [label, write(item)]),
  ];
}
