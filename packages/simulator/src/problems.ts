// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of simulated processors. */
export const simulatorProblems = {
  'simulator/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file is not a simulated processor as it was exported',
    mend: 'Delete the file; a new processor, with a new anchor, is made on the next start.',
  },
  'simulator/report-data': {
    kind: 'usage',
    status: 400,
    title: 'The report data is not 64 bytes long',
    mend: "Ask for a report over exactly 64 bytes, as AMD's firmware does.",
  },
} as const satisfies Record<string, ProblemDefinition>;

export const simulatorProblem = problemsOf(simulatorProblems);
