// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from './errors.ts';

/** Problems of the wire itself: what can be wrong with bytes before anybody asks what they mean. */
export const protocolProblems = {
  'cbor/too-large': {
    kind: 'malformed',
    status: 413,
    title: 'The message is larger than its kind may be',
    mend: 'Send at most the size that docs/protocol.md gives for this message.',
  },
  'cbor/malformed': {
    kind: 'malformed',
    status: 400,
    title: 'The bytes are not one valid CBOR item of this protocol',
    mend: 'Send exactly one definite-length CBOR item (RFC 8949) without tags and floating-point numbers, and nothing after it.',
  },
  'cbor/not-deterministic': {
    kind: 'malformed',
    status: 400,
    title: 'The CBOR is not in the core deterministic encoding',
    mend: 'Use shortest lengths and sorted keys, as RFC 8949 section 4.2.1 says.',
  },
  'cbor/too-deep': {
    kind: 'malformed',
    status: 400,
    title: 'The CBOR is nested too deeply',
    mend: 'Nest at most 16 levels; no message of this protocol needs more.',
  },
  'cbor/unencodable': {
    kind: 'usage',
    status: 400,
    title: 'The value has no encoding in this protocol',
    mend: 'Use integers of at most 64 bits, well-formed text, byte strings, arrays, maps, booleans and null.',
  },
  'message/invalid': {
    kind: 'malformed',
    status: 422,
    title: 'The CBOR does not have the shape of this message',
    mend: 'Compare with packages/protocol/enarx.cddl; unknown keys are refused.',
  },
  'frame/malformed': {
    kind: 'malformed',
    status: 400,
    title: 'The stream does not continue with a frame',
    mend: 'A frame is the CBOR array [kind, bytes]: kind below 24, at most 65536 bytes, shortest lengths.',
  },
  'frame/truncated': {
    kind: 'unavailable',
    status: 400,
    title: 'The stream ended in the middle of a frame',
    mend: 'The other side went away; try again, and look at its log if it happens twice.',
  },
  'frame/unexpected': {
    kind: 'malformed',
    status: 400,
    title: 'The frame is of a kind that may not come now',
    mend: 'docs/protocol.md gives the order of frames on each stream.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const protocolProblem = problemsOf(protocolProblems);
