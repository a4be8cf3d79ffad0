// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of the simulated Nitro hypervisor. */
export const nitroProblems = {
  'nitro-hypervisor/file-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file is not a simulated Nitro hypervisor as it was exported',
    mend: 'Delete the file and make a new one; it has a new anchor.',
  },
  'nitro-hypervisor/request-invalid': {
    kind: 'usage',
    status: 400,
    title: 'The Nitro hypervisor would make no such document',
    mend: 'Give PCRs 0 to 31 of 48 bytes, at most 1024 bytes of nonce, user data and public key each, and a time in milliseconds.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const nitroProblem = problemsOf(nitroProblems);
