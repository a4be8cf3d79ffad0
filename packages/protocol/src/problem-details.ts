// SPDX-License-Identifier: Apache-2.0
import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts';
import { EnarxError, type ProblemKind } from './errors.ts';
import { protocolProblem } from './problems.ts';
import { cutText } from './text.ts';

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
/** Longest text of an entry in bytes. All of them at their longest fit into {@link maxProblemBytes}. */
const longest = 1024;

/** Encodes an error for the wire: rule `problem` of enarx.cddl. The cause stays here: it may hold what the other side must not see. */
export function encodeProblem(error: EnarxError): Uint8Array {
  const { code, kind, mend, found, expected } = error;
  return encodeCbor(
    new Map<CborValue, CborValue>([
      [titleKey, cutText(error.title, longest)],
      [detailKey, cutText(error.message, longest)],
      [responseCodeKey, error.status],
      [
        enarxKey,
        {
          code: cutText(code, longest),
          kind,
          mend: cutText(mend, longest),
          found: found === undefined ? undefined : cutText(found, longest),
          expected: expected === undefined ? undefined : cutText(expected, longest),
        },
      ],
    ]),
  );
}

/**
 * Decodes a problem that the other side reports. The detail is not taken over: it repeats the other entries.
 * @throws EnarxError any `cbor/…`, or `message/invalid` when the map is no problem of ours
 */
export function decodeProblem(bytes: Uint8Array): EnarxError {
  const problem = members(decodeCbor(bytes, maxProblemBytes), [
    titleKey,
    detailKey,
    responseCodeKey,
    enarxKey,
  ]);
  const title = textOf(problem, titleKey);
  textOf(problem, detailKey);
  const status: unknown = problem.get(responseCodeKey);
  // It goes into status lines, which have room for nothing else.
  if (typeof status !== 'number' || status < 400 || status > 599)
    throw invalid('no response code of a problem');
  const entry = members(problem.get(enarxKey), ['code', 'kind', 'mend'], ['found', 'expected']);
  const kind = kinds.find((known) => known === entry.get('kind'));
  if (kind === undefined) throw invalid('a kind that is not known');
  return new EnarxError(
    textOf(entry, 'code'),
    { kind, status, title, mend: textOf(entry, 'mend') },
    {
      ...(entry.has('found') ? { found: textOf(entry, 'found') } : {}),
      ...(entry.has('expected') ? { expected: textOf(entry, 'expected') } : {}),
    },
  );
}

type Members = ReadonlyMap<CborValue, CborValue>;

/** The value as a map with all of the one keys, any of the others, and no more. */
function members(
  value: CborValue | undefined,
  required: readonly (number | string)[],
  optional: readonly (number | string)[] = [],
): Members {
  if (!(value instanceof Map)) throw invalid('no map where one belongs');
  const map = value as Members;
  for (const key of required) if (!map.has(key)) throw invalid(`no ${String(key)}`);
  for (const key of map.keys()) {
    if (![...required, ...optional].some((known) => known === key)) throw invalid('a key that is not known');
  }
  return map;
}

function textOf(map: Members, key: number | string): string {
  const value: unknown = map.get(key);
  if (typeof value !== 'string') throw invalid(`${String(key)} is not text`);
  return value;
}

function invalid(found: string): EnarxError {
  return protocolProblem('message/invalid', { found: `problem: ${found}` });
}
