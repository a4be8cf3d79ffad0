// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of evidence, endorsements, policies and what they are made of. */
export const attestationProblems = {
  'der/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not strict DER',
    mend: 'Give the file as its issuer published it; DER (X.690) has one encoding for each value.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const attestationProblem = problemsOf(attestationProblems);
export type AttestationProblemCode = keyof typeof attestationProblems;
