// SPDX-License-Identifier: Apache-2.0
import { reasonOf } from '../checks.ts';
import { attestationProblem } from '../problems.ts';
import { indicators, type Cmw, type CmwRecord } from './cmw.ts';
import { indefiniteArray, readCmw } from './read.ts';

/** Evidence, and what came along to verify it with, out of a wrapper. */
export interface Unwrapped {
  readonly evidence: Uint8Array;
  readonly endorsements: readonly Uint8Array[];
}

/**
 * Evidence out of a wrapper, `undefined` for what is none. A record or tag is told by its first bytes. A collection begins as other
 * things do, and is one when all of it can be read as one.
 * @throws EnarxError `cmw/malformed`, `cose/cbor-malformed` for a wrapper that is damaged or holds no evidence
 */
export function unwrapIfWrapped(bytes: Uint8Array): Unwrapped | undefined {
  if (beginsAsRecord(bytes)) return unwrapEvidence(bytes);
  const [first = 0] = bytes;
  const beginsAsMap = first === 0x7b || (first > 0xa0 && first <= 0xbf);
  if (!beginsAsMap || !isCollection(bytes)) return undefined;
  return unwrapEvidence(bytes);
}

function beginsAsRecord(bytes: Uint8Array): boolean {
  const [first, second = 0xff, third] = bytes;
  if (first === 0xda) return second === 0x63 && third === 0x74;
  // Of a record the first is text of a length that a media type has, or a number of at most two bytes.
  if (first === 0x82 || first === 0x83 || first === indefiniteArray)
    return (second >= 0x60 && second < 0x7a) || second <= 0x19;
  return first === 0x5b && /^\[\s*"[\w.+-]+\\?\//.test(latin1.decode(bytes.subarray(0, longestType)));
}

const latin1 = new TextDecoder('latin1');
/** Octets in which a list of JSON must name the media type of a record; other lists are none. */
const longestType = 256;

/**
 * The one piece of evidence in a wrapper. A record that says nothing of its role is taken for evidence; in a collection every
 * piece must say what it is, and endorsements come along.
 * @throws EnarxError `cmw/malformed`, `cose/cbor-malformed`
 */
export function unwrapEvidence(bytes: Uint8Array): Unwrapped {
  const cmw = readCmw(bytes);
  if (cmw.kind === 'record') {
    const { indicator = indicators.evidence, value } = cmw;
    if ((indicator & indicators.evidence) === 0)
      throw attestationProblem('cmw/malformed', {
        found: `a message with the indicator ${String(indicator)}`,
        expected: 'evidence, 4',
      });
    return { evidence: value, endorsements: [] };
  }
  const records = recordsOf(cmw);
  const having = (bit: number): Uint8Array[] =>
    records.filter(({ indicator = 0 }) => (indicator & bit) !== 0).map(({ value }) => value);
  const [evidence, ...more] = having(indicators.evidence);
  if (evidence === undefined || more.length > 0)
    throw attestationProblem('cmw/malformed', {
      found: `${String(more.length + (evidence === undefined ? 0 : 1))} pieces of evidence in a collection`,
      expected: 'one, marked so by its indicator',
    });
  return { evidence, endorsements: having(indicators.endorsements) };
}

function isCollection(bytes: Uint8Array): boolean {
  try {
    return readCmw(bytes).kind === 'collection';
  } catch (error) {
    // Whatever else it is, whoever reads it says what is wrong with it.
    reasonOf(error);
    return false;
  }
}

function recordsOf(cmw: Cmw): readonly CmwRecord[] {
  return cmw.kind === 'record' ? [cmw] : [...cmw.items.values()].flatMap(recordsOf);
}
