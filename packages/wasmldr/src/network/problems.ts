// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Why a program that asks for sockets is not started. What happens to a socket later is the program's own to see. */
export const networkProblems = {
  'network/unsupported': {
    kind: 'unsupported',
    status: 501,
    title: 'Programs in this Keep cannot have sockets',
    mend: 'Deliver without listen and connect, or to another kind of Keep.',
  },
  'network/not-allowed': {
    // Not `rejected`: the program has been delivered by then.
    kind: 'unsupported',
    status: 403,
    title: 'The host does not open this socket for programs in Keeps',
    mend: 'Ask its operator to allow it: `enarx keepmgr --allow-listen ADDRESS:PORTS` or `--allow-dial HOST:PORTS`.',
  },
  'network/listen-failed': {
    kind: 'unavailable',
    status: 502,
    title: 'The host cannot listen there',
    mend: 'Choose another port or address; port 0 is any that is free.',
  },
  'network/dial-failed': {
    kind: 'unavailable',
    status: 502,
    title: 'The host could not connect to what the program is to be connected to',
    mend: 'Make sure that it runs and that the host reaches it.',
  },
  'network/tls-untrusted': {
    kind: 'unavailable',
    status: 502,
    title: 'The other end of a connection has no certificate that is trusted for its name',
    mend: 'Name the authority that vouches for it as trust; somebody may stand between, the host included.',
  },
  'network/tls-failed': {
    kind: 'unavailable',
    status: 502,
    title: 'The other end of a connection did not complete a TLS 1.3 handshake',
    mend: 'It must speak TLS 1.3; for one that speaks no TLS say prot = "tcp".',
  },
  'network/certificates-unreadable': {
    kind: 'malformed',
    status: 422,
    title: 'What was given as certificates of authorities is none',
    mend: 'Give certificates in PEM.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const networkProblem = problemsOf(networkProblems);
