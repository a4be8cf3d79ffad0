// SPDX-License-Identifier: Apache-2.0
import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts';
import { EnarxError, type ProblemKind } from './errors.ts';
import { protocolProblem } from './problems.ts';

/** RFC 9290 section 6.3. */
export const problemContentType = 'application/concise-problem-details+cbor';
export const cborContentType = 'application/cbor';
export const maxProblemBytes = 8192;

/** RFC 9290 section 2: standard keys are negative integers; ours is one custom entry, named by a URI (section 3.1). */
const titleKey = -1;
const detailKey = -2;
const responseCodeKey = -4;
const enarxKey = 'tag:enarx.dev,2026:problem';

const kinds: readonly ProblemKind[] = [
  'rejected',
  'unsupported',
  'malformed',
  'unavailable',
  'usage',
  'internal',
];
const longest = 1024;

/** Encodes an error for the wire: rule `problem` of enarx.cddl. The cause stays here: it may hold what the other side must not see. */
export function encodeProblem(error: EnarxError): Uint8Array {
  const entry = {
    code: error.code,
    kind: error.kind,
    mend: cut(error.mend),
    found: cut(error.found),
    expected: cut(error.expected),
  };
  const map = new Map<CborValue, CborValue>([
    [titleKey, cut(error.title)],
    [detailKey, cut(error.message)],
    [responseCodeKey, error.status],
    [
      enarxKey,
      Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as CborValue,
    ],
  ]);
  return encodeCbor(map);
}

/**
 * Decodes a problem that the other side reports.
 * @throws EnarxError any `cbor/…`, or `message/invalid` when the map is no problem of ours
 */
export function decodeProblem(bytes: Uint8Array): EnarxError {
  const map = decodeCbor(bytes, maxProblemBytes);
  if (!(map instanceof Map)) throw invalid('not a map');
  const title: unknown = map.get(titleKey);
  const status: unknown = map.get(responseCodeKey);
  const entry: unknown = map.get(enarxKey);
  if (typeof title !== 'string' || typeof status !== 'number' || !(entry instanceof Map))
    throw invalid('an entry is missing');
  const field = (name: string): string | undefined => {
    const value: unknown = entry.get(name);
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} is not text`);
    return value;
  };
  const code = field('code');
  const kind = kinds.find((known) => known === field('kind'));
  const mend = field('mend');
  if (code === undefined || kind === undefined || mend === undefined)
    throw invalid('code, kind or mend is missing');
  const found = field('found');
  const expected = field('expected');
  return new EnarxError(
    code,
    { kind, status, title, mend },
    { ...(found === undefined ? {} : { found }), ...(expected === undefined ? {} : { expected }) },
  );
}

function cut<T extends string | undefined>(text: T): T {
  return (text !== undefined && text.length > longest ? text.slice(0, longest) : text) as T;
}

function invalid(found: string): EnarxError {
  return protocolProblem('message/invalid', { found: `problem: ${found}` });
}
