// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems that the command finds by itself. */
export const cliProblems = {
  'cli/internal': {
    kind: 'internal',
    status: 500,
    title: 'The command failed where it must not',
    mend: 'Report it, with the command line and the text after "found".',
  },
  'cli/usage': {
    kind: 'usage',
    status: 400,
    title: 'The command line makes no sense',
    mend: 'See `enarx --help`, or `--help` behind the command.',
  },
  'cli/file-unreadable': {
    kind: 'usage',
    status: 400,
    title: 'A file that the command line names cannot be read',
    mend: 'Name a file that exists and that you may read.',
  },
  'cli/file-unwritable': {
    kind: 'usage',
    status: 400,
    title: 'A file that the command line names cannot be written',
    mend: 'Name a file that does not exist yet, in a directory that you may write to.',
  },
  'cli/output-failed': {
    kind: 'internal',
    status: 500,
    title: 'The output cannot be written',
    mend: 'Check where it goes: the disk may be full.',
  },
  'cli/key-unusable': {
    kind: 'usage',
    status: 400,
    title: 'The file holds no key that results are signed or verified with',
    mend: 'Give PEM: PRIVATE KEY (PKCS #8) to sign, PUBLIC KEY to verify, on P-256 or P-384; `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one.',
  },
  'config/invalid': {
    kind: 'malformed',
    status: 400,
    title: 'The configuration cannot be used',
    mend: 'docs/config.md lists every key; `enarx config init` writes a file that explains them.',
  },
  'cli/enclave-mismatch': {
    kind: 'rejected',
    status: 403,
    title: 'The enclave is not the one that the SIGSTRUCT is of',
    mend: 'Give the load log of the enclave that was signed, or have this one signed.',
  },
  'cli/not-owner': {
    kind: 'usage',
    status: 403,
    title: 'No key of yours owns that Keep',
    mend: "A Keep is its owner's, whose key was made by `enarx keep create`, in the state directory of the user who called it.",
  },
  'cli/no-release-measurement': {
    kind: 'unsupported',
    status: 501,
    title: 'This release ships no loader for that kind of Keep, so it expects no measurement',
    mend: 'Say what you expect with `--policy FILE`, or choose another kind with `--tee`.',
  },
  'cli/policy-missing': {
    kind: 'usage',
    status: 400,
    title: 'Only you can say which firmware and settings of such processors are good enough',
    mend: 'Give `--policy FILE`. `enarx keep create`, `enarx keep evidence ID REPORT` and `enarx policy init --evidence REPORT FILE` make one with a comment on each field; docs/vm.md says how.',
  },
  'cli/launch-not-yours': {
    kind: 'usage',
    status: 403,
    title: 'That Keep owns a key that was sealed at its launch, and no record of that launch is here',
    mend: 'Only whoever created it can verify it: `enarx keep create` keeps the record of a launch in the state directory of the user who called it.',
  },
  'cli/image-digest-missing': {
    kind: 'usage',
    status: 400,
    title: 'The guest image has no launch digest for a machine like that',
    mend: 'Build it with the number of processors that you want: `enarx image build --vcpus 1,2,4,8`.',
  },
  'cli/release-unreadable': {
    kind: 'internal',
    status: 500,
    title: 'The release that this command belongs to is incomplete',
    mend: 'Build (`npm run build`) or install it again.',
  },
  'cli/keepmgr-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'The keepmgr that this command started ended before it was ready',
    mend: 'The text after "found" says why; `enarx platform` says what this machine lacks.',
  },
  'cli/state-unusable': {
    kind: 'unavailable',
    status: 503,
    title: 'The state directory of the command cannot be used',
    mend: 'It must be yours, with room on its disk; XDG_STATE_HOME chooses another place.',
  },
  'cli/temporary-unusable': {
    kind: 'unavailable',
    status: 503,
    title: 'The directory for temporary files cannot be used',
    mend: 'TMPDIR chooses another place: one that is there, that you may write to, with room on its disk.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const cliProblem = problemsOf(cliProblems);
