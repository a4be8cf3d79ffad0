// SPDX-License-Identifier: Apache-2.0
import { EnarxError, problemsOf, type ProblemDefinition } from '@enarx/protocol';

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
  'keepldr/owner-gone': {
    kind: 'unavailable',
    status: 503,
    title: 'The owner of the Keep did not see its launch through',
    mend: 'Create another Keep. Kinds with a launch secret need a client that takes part in the launch.',
  },
  'keepldr/secret-refused': {
    kind: 'rejected',
    status: 422,
    title: 'The firmware of the platform refused the secret',
    mend: 'A secret is for the launch whose measurement it was sealed for; launch a new Keep.',
  },
  'keepldr/launch-taken': {
    kind: 'usage',
    status: 409,
    title: 'The launch of this Keep has or had an owner, or needs none',
    mend: 'Create a Keep of a kind with a launch secret, and launch it once.',
  },
  'keepldr/sev-platform-missing': {
    kind: 'unsupported',
    status: 501,
    title: 'This host has no SEV firmware, real or simulated',
    mend: 'See `enarx platform`; keepmgr makes a simulated platform and passes its file.',
  },
  'keepldr/socket-rule': {
    kind: 'usage',
    status: 400,
    title: 'A rule for sockets of programs makes no sense',
    mend: 'Give ADDRESS:PORTS or HOST:PORTS, for example 127.0.0.1:8080, [::1]:8000-8999, localhost:* or *:443.',
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
    mend: 'Choose a kind that `enarx platform` shows as usable, or mend what it finds missing.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const keepldrProblem = problemsOf(keepldrProblems);
export type KeepldrProblemCode = keyof typeof keepldrProblems;

/** The reason to give for a launch that came to nothing: the error's own, if it is one of these. */
export function launchProblemOf(error: unknown): KeepldrProblemCode {
  const code = error instanceof EnarxError ? (error as EnarxError).code : '';
  return Object.hasOwn(keepldrProblems, code) ? (code as KeepldrProblemCode) : 'keepldr/launch-failed';
}
