// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of one Keep's loader on the host. Their codes are also the reasons that a failed Keep reports. */
export const keepldrProblems = {
  'keepldr/launch-missing': {
    kind: 'malformed',
    status: 400,
    title: 'No launch frame came on standard input',
    mend: 'keepldr is started by keepmgr, which writes the frame; do not start it by hand.',
  },
  'keepldr/launch-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'The guest could not be started',
    mend: 'Look at the log of the Keep and at `enarx platform` on its host.',
  },
  'keepldr/guest-died': {
    kind: 'unavailable',
    status: 503,
    title: 'The guest ended before its program did',
    mend: 'Create another Keep; look at the memory of the host if it happens twice.',
  },
  'keepldr/guest-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'The guest says that it failed',
    mend: 'Create another Keep; only its owner could be told more.',
  },
  'keepldr/guest-misbehaved': {
    kind: 'rejected',
    status: 502,
    title: 'The guest broke the protocol of its device and was destroyed',
    mend: 'Report it with the log of the Keep: the loader of a release does not do this.',
  },
  'keepldr/report-failed': {
    kind: 'internal',
    status: 502,
    title: 'The processor gave no report',
    mend: 'Look at the log of the Keep and at `enarx platform` on its host.',
  },
  'keepldr/guest-lingered': {
    kind: 'unavailable',
    status: 503,
    title: 'The guest had ended its program and did not go away in time',
    mend: 'Nothing to do: the Keep was destroyed.',
  },
  'keepldr/manager-lost': {
    kind: 'unavailable',
    status: 503,
    title: 'The keepmgr did not come back in time',
    mend: 'Start keepmgr again and create another Keep.',
  },
  'keepldr/sandbox-unusable': {
    kind: 'unsupported',
    status: 501,
    title: 'No sandbox works on this machine',
    mend: 'See `enarx platform`; bubblewrap (`bwrap`) is the strongest that can be installed.',
  },
  'keepldr/simulator-missing': {
    kind: 'usage',
    status: 400,
    title: 'A simulated Keep needs the file of a simulated processor',
    mend: 'keepmgr passes the file; give `--simulator FILE` if you run your own.',
  },
  'keepldr/image-missing': {
    kind: 'unsupported',
    status: 501,
    title: 'A machine needs a guest image',
    mend: 'Build one with `enarx image build`, and start keepmgr with `--image DIR` where it is not in the usual place.',
  },
  'keepldr/qemu-missing': {
    kind: 'unsupported',
    status: 501,
    title: 'There is no QEMU for x86-64 on this machine',
    mend: 'apt install qemu-system-x86',
  },
  'keepldr/qemu-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'QEMU did not do what it was told',
    mend: 'Look at the log of the Keep and at `enarx platform` on its host.',
  },
  'keepldr/guest-hung': {
    kind: 'unavailable',
    status: 503,
    title: 'The guest did not become ready in time and was destroyed',
    mend: 'Look at the log of the Keep; emulated guests need a processor of their own to boot in time.',
  },
  'keepldr/release-unreadable': {
    kind: 'unavailable',
    status: 503,
    title: 'A file of the release cannot be read',
    mend: 'Build or install the release again.',
  },
  'tee/unsupported': {
    kind: 'unsupported',
    status: 501,
    title: 'This host cannot make Keeps of that kind',
    mend: 'Choose a kind that `enarx platform` shows as usable.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const keepldrProblem = problemsOf(keepldrProblems);
export type KeepldrProblemCode = keyof typeof keepldrProblems;
