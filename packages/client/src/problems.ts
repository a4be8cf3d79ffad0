// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems that the client finds by itself. What the host or the Keep reports keeps its own code (see `ReportedError`). */
export const clientProblems = {
  'client/address-invalid': {
    kind: 'usage',
    status: 400,
    title: 'The address of the host is not one that the client knows',
    mend: 'Use http://NAME:PORT, https://NAME:PORT or unix:/PATH (at most 107 bytes).',
  },
  'client/access-insecure': {
    kind: 'usage',
    status: 400,
    title: 'What proves who you are, or whom you trust, goes over TLS only',
    mend: 'Name the host as https://NAME:PORT, or leave the authorities, the certificate, the key and the token out.',
  },
  'client/access-unusable': {
    kind: 'usage',
    status: 400,
    title: 'The authorities, the certificate, the key or the token for the host cannot be used',
    mend: 'Give PEM: certificates, and the private key of the first of yours without a passphrase. A token is one line.',
  },
  'client/component-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The component cannot be taken apart',
    mend: 'Deliver the component that the compiler wrote, whole and unchanged.',
  },
  'client/component-unsupported': {
    kind: 'unsupported',
    status: 422,
    title: 'The component is none that a Keep can run',
    mend: 'Build for WASI 0.2 (docs/programs.md lists the interfaces): a component that exports wasi:cli/run or wasi:http/incoming-handler.',
  },
  'client/component-experimental': {
    kind: 'unsupported',
    status: 422,
    title: 'The component is of WASI 0.3, which is experimental here',
    mend: 'Build for WASI 0.2, or say --experimental-wasi03 (with the library experimentalWasi03); docs/programs.md says what there is and what is missing.',
  },
  'client/keep-id-invalid': {
    kind: 'usage',
    status: 400,
    title: 'This is not the id of a Keep',
    mend: 'An id is 32 lower-case hexadecimal digits; `enarx keep ls` lists them.',
  },
  'client/host-unreachable': {
    kind: 'unavailable',
    status: 503,
    title: 'The host cannot be reached',
    mend: 'Check the address, and that a keepmgr (`enarx keepmgr`) listens there.',
  },
  'client/host-untrusted': {
    kind: 'unavailable',
    status: 502,
    title: 'No authority that you trust vouches for the certificate of the host',
    mend: 'Give the authority that issued it, as its operator handed it to you: `--host-ca FILE`. Do not take it from the host itself.',
  },
  'client/host-name': {
    kind: 'unavailable',
    status: 502,
    title: 'The certificate of the host is for another name',
    mend: 'Use the name that its operator gave you. If it is that one, somebody else may be answering.',
  },
  'client/host-certificate-time': {
    kind: 'unavailable',
    status: 502,
    title: 'The certificate of the host has expired or is not valid yet',
    mend: 'Tell its operator, and check the clock of this machine.',
  },
  'client/host-tls': {
    kind: 'unavailable',
    status: 502,
    title: 'The host does not speak TLS 1.3 there',
    mend: 'Check the port: a keepmgr speaks TLS only where its configuration says https://.',
  },
  'client/certificate-refused': {
    kind: 'rejected',
    status: 401,
    title: 'The host does not take your client certificate, or misses one',
    mend: 'Come with one of an authority that the operator of the host has named: `--host-cert FILE --host-key FILE`.',
  },
  'client/credentials-missing': {
    kind: 'rejected',
    status: 401,
    title: 'The host asks who you are, and you came with nothing that says so',
    mend: 'Give `--host-cert FILE --host-key FILE` or `--host-token-file FILE`, as its operator arranged with you.',
  },
  'client/token-expired': {
    kind: 'rejected',
    status: 401,
    title: 'The host did not take your token, which has expired',
    mend: 'Get a new one from its issuer.',
  },
  'client/certificate-expired': {
    kind: 'rejected',
    status: 401,
    title: 'The host did not take your client certificate, which has expired',
    mend: 'Get a new one from its authority; the operator of the host lists the key, so a new certificate for the same key needs nothing of him.',
  },
  'client/host-timeout': {
    kind: 'unavailable',
    status: 504,
    title: 'The host did not answer in time',
    mend: 'Try again; look at the load of the host and at the network between.',
  },
  'client/host-gone': {
    kind: 'unavailable',
    status: 502,
    title: 'The host closed the connection before it had answered',
    mend: 'Name a host that speaks TLS as https://. Else try again, and look at the log of the host if it happens twice.',
  },
  'client/host-answer': {
    kind: 'malformed',
    status: 502,
    title: 'The answer of the host is not one of this protocol',
    mend: 'Check that the address is that of a keepmgr of a fitting release, with no proxy in between that changes answers.',
  },
  'client/aborted': {
    kind: 'unavailable',
    status: 499,
    title: 'It was called off by the caller',
    mend: 'Nothing to mend: the caller asked for it.',
  },
  'client/rejected': {
    kind: 'rejected',
    status: 403,
    title: 'The Keep is not one that the policy accepts; nothing was sent to it',
    mend: 'The checks that failed say why. Do not deliver to this host before you know.',
  },
  'client/module-unreadable': {
    kind: 'usage',
    status: 400,
    title: 'The program cannot be read',
    mend: 'Name a WebAssembly file that exists and that you may read.',
  },
  'client/module-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The program is not WebAssembly',
    mend: 'Name the .wasm file that the compiler wrote: a text format (.wat) has to be assembled first.',
  },
  'client/module-size': {
    kind: 'usage',
    status: 413,
    title: 'The program is empty or too large',
    mend: 'A program has 1 byte to 1 GiB.',
  },
  'client/module-changed': {
    kind: 'usage',
    status: 409,
    title: 'The program changed while it was being sent',
    mend: 'Let nothing write to the file, and try again.',
  },
  'client/package-unreadable': {
    kind: 'usage',
    status: 404,
    title: 'A directory for the program cannot be read',
    mend: 'Check the path; it must hold nothing but files, directories and symbolic links that you may read.',
  },
  'client/package-size': {
    kind: 'usage',
    status: 413,
    title: 'The files for the program are too many or too large',
    mend: 'Leave out what the program does not need: at most 65536 entries, and 1 GiB together.',
  },
  'client/workload-bounds': {
    kind: 'usage',
    status: 413,
    title: 'The program is given more than one delivery can say',
    mend: 'Put long lists and texts into a file that the program reads: a file of kind "directory" in Enarx.toml, or --dir.',
  },
  'client/input-failed': {
    kind: 'unavailable',
    status: 500,
    title: 'The input for the program cannot be read',
    mend: 'Check where standard input comes from.',
  },
  'client/output-failed': {
    kind: 'unavailable',
    status: 500,
    title: 'The output of the program cannot be written',
    mend: 'Check where the output goes: the disk may be full, or its reader has gone.',
  },
  'client/keep-timeout': {
    kind: 'unavailable',
    status: 504,
    title: 'The Keep did not go on in time',
    mend: 'Try again; look at the log of the Keep (`enarx keep logs`) and at the load of the host.',
  },
  'client/cut-off': {
    kind: 'unavailable',
    status: 502,
    title: 'The connection to the Keep ended before the program had',
    mend: 'How the program ended is not known; do not take its output for complete. Look at the log of the Keep.',
  },
  'client/keep-answer': {
    kind: 'malformed',
    status: 502,
    title: 'What the Keep sent does not fit what was asked of it',
    mend: 'Report it: a Keep of an accepted release does not do this.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const clientProblem = problemsOf(clientProblems);
export type ClientProblemCode = keyof typeof clientProblems;
