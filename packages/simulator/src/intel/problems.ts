// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of simulated Intel platforms. */
export const intelPlatformProblems = {
  'intel-platform/file-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file is not a simulated Intel platform as it was exported',
    mend: 'Delete the file and make a new platform, with a new anchor.',
  },
  'intel-platform/report-data': {
    kind: 'usage',
    status: 400,
    title: 'The report data is not 64 bytes long',
    mend: 'Ask for a quote over exactly 64 bytes, as enclaves and trust domains do.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const intelPlatformProblem = problemsOf(intelPlatformProblems);
