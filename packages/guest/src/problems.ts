// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of a guest before and beside wasmldr. A client sees them only where they concern evidence. */
export const guestProblems = {
  'guest/system-call-failed': {
    kind: 'internal',
    status: 500,
    title: 'The kernel of the guest refused a system call',
    mend: 'Use the kernel that the release pins, or one with the same options.',
  },
  'guest/port-missing': {
    kind: 'internal',
    status: 500,
    title: 'The machine has no port of that name',
    mend: 'Start the image with keepldr, which gives it its two ports.',
  },
  'guest/evidence-unavailable': {
    kind: 'unavailable',
    status: 503,
    title: 'The processor gave no evidence',
    mend: 'Look at `enarx platform` on the host; the guest kernel needs configfs-tsm and the driver of its TEE.',
  },
  'guest/secret-missing': {
    kind: 'unsupported',
    status: 503,
    title: 'No launch secret was injected, or the kernel cannot show it',
    mend: 'Use a guest kernel with EFI_COCO_SECRET, which no kernel of Debian has: `enarx image build --kernel FILE`.',
  },
  'guest/secret-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The launch secret is not one of ours',
    mend: 'Inject the secret with the client of the same release.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const guestProblem = problemsOf(guestProblems);
