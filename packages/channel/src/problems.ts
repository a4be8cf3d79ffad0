// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of the attested connection, at either end. What the other end reports keeps its own code. */
export const channelProblems = {
  'channel/identity-invalid': {
    kind: 'malformed',
    status: 400,
    title: 'This is not a client identity',
    mend: 'An identity is a PEM file with one P-256 or P-384 private key and the certificate of that key, as `createIdentity` makes it.',
  },
  'channel/identity-unreadable': {
    kind: 'usage',
    status: 400,
    title: 'The file of the client identity cannot be read or written',
    mend: 'Name a file that exists and that you may read; a new one is never written over another file, and needs room on its disk.',
  },
  'channel/identity-exposed': {
    kind: 'usage',
    status: 400,
    title: 'Others may read the file of the client identity',
    mend: 'chmod 600 the file; make a new identity if somebody may have read it.',
  },
  'channel/key-invalid': {
    kind: 'malformed',
    status: 422,
    title: 'What was given as the private key of the Keep is none',
    mend: 'Give a P-256 key in PKCS #8, DER; the client of the same release makes one.',
  },
  'channel/handshake-failed': {
    kind: 'unavailable',
    status: 502,
    title: 'There was no TLS 1.3 connection with the Keep',
    mend: 'Try again; look at the log of the Keep. A host that changes bytes on their way makes this happen too.',
  },
  'channel/handshake-unfit': {
    kind: 'rejected',
    status: 502,
    title: 'The TLS connection is not one that evidence can be bound to',
    mend: 'Do not use this host before you know why: a Keep of any release offers a fresh TLS 1.3 connection with a certificate.',
  },
  'channel/timeout': {
    kind: 'unavailable',
    status: 504,
    title: 'The Keep did not answer in time',
    mend: 'Try again; look at the load of the host and at the log of the Keep.',
  },
  'channel/closed': {
    kind: 'unavailable',
    status: 502,
    title: 'The connection to the Keep ended before the Keep had answered',
    mend: 'Try again; look at the log of the Keep if it happens twice.',
  },
  'channel/answer': {
    kind: 'malformed',
    status: 502,
    title: 'The answer of the Keep is not one of this protocol',
    mend: 'Check that client and Keep are of fitting releases.',
  },
  'channel/aborted': {
    kind: 'unavailable',
    status: 499,
    title: 'The connection to the Keep was called off by the caller',
    mend: 'Nothing to mend: the caller asked for it.',
  },
  'channel/client-key': {
    kind: 'rejected',
    status: 403,
    title: 'The client shows no key of its own that could own a Keep',
    mend: 'Authenticate in the TLS handshake with a certificate of a P-256 or P-384 key; it may be self-signed.',
  },
  'channel/resumed': {
    kind: 'rejected',
    status: 403,
    title: 'The TLS session is a resumed one',
    mend: 'Make a full handshake: a resumed session shows no keys.',
  },
  'channel/http-malformed': {
    kind: 'malformed',
    status: 400,
    title: 'The bytes in the channel are not an HTTP/1.1 request that a Keep takes',
    mend: 'Send HTTP/1.1 with at most 8 KiB of header.',
  },
  'channel/path-unknown': {
    kind: 'usage',
    status: 404,
    title: 'A Keep has no such path',
    mend: 'docs/protocol.md lists the paths: /v1/attest, /v1/workload, /v1/attach, /v1/stop.',
  },
  'channel/method-unknown': {
    kind: 'usage',
    status: 405,
    title: 'The path is not served by this method',
    mend: 'Use POST.',
  },
  'channel/content-type': {
    kind: 'usage',
    status: 415,
    title: 'The body is not announced as what the path takes',
    mend: 'Send `content-type: application/cbor`, without an encoding, and no body where there is none to send.',
  },
  'channel/body-too-large': {
    kind: 'malformed',
    status: 413,
    title: 'The body is larger than the path takes',
    mend: 'An attest-request has at most 1024 bytes; the other paths take no body.',
  },
  'channel/upgrade-required': {
    kind: 'usage',
    status: 426,
    title: 'The path is served by an upgrade only',
    mend: 'Send `connection: upgrade` and `upgrade: enarx-workload/1`.',
  },
  'channel/not-attested': {
    kind: 'rejected',
    status: 403,
    title: 'No evidence was given on this connection for this purpose',
    mend: 'Ask for evidence first, on the same connection: purpose `deliver` for /v1/workload, `attach` for /v1/attach and /v1/stop.',
  },
  'channel/purpose-other': {
    kind: 'usage',
    status: 409,
    title: 'This connection serves another purpose already',
    mend: 'Open a new connection for the new purpose.',
  },
  'channel/too-many-requests': {
    kind: 'usage',
    status: 429,
    title: 'There are more requests on this connection than a Keep takes',
    mend: 'Wait for each answer before the next request, and open a new connection after 16 of them.',
  },
  'channel/evidence-unavailable': {
    kind: 'unavailable',
    status: 503,
    title: 'The Keep got no evidence from its processor',
    mend: 'Look at the log of the Keep on its host; try again.',
  },
  'channel/failed': {
    kind: 'internal',
    status: 500,
    title: 'The Keep failed to answer',
    mend: 'Report it with what you sent; then create a new Keep.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const channelProblem = problemsOf(channelProblems);
export type ChannelProblemCode = keyof typeof channelProblems;
