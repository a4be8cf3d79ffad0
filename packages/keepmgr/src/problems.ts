// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of the host daemon. Those that begin with `keepmgr/` are also reasons that a failed Keep reports. */
export const keepmgrProblems = {
  'keep/unknown': {
    kind: 'usage',
    status: 404,
    title: 'There is no such Keep on this host',
    mend: 'List the Keeps with `enarx keep ls`; records of ended Keeps are kept for a while only.',
  },
  'keep/ended': {
    kind: 'unavailable',
    status: 410,
    title: 'The Keep has ended',
    mend: 'Create another Keep; `enarx keep logs` tells what the host knows of the end of this one.',
  },
  'keep/request-reused': {
    kind: 'usage',
    status: 409,
    title: 'The request id was used for another kind of Keep',
    mend: 'Choose a fresh random request id for each creation, and the same one only to ask for the same again.',
  },
  'keep/lease-expired': {
    kind: 'unavailable',
    status: 410,
    title: 'The lease of the Keep was over and nobody had renewed it',
    mend: 'Renew in time, or ask for a longer lease.',
  },
  'keep/lease-too-long': {
    kind: 'usage',
    status: 403,
    title: 'The host does not grant so long a lease',
    mend: 'Ask for at most what the answer says, and renew.',
  },
  'keep/not-ready': {
    kind: 'unavailable',
    status: 504,
    title: 'The Keep did not become ready in time',
    mend: 'Try again; look at the load of the host and at the log of the Keep.',
  },
  'keep/launched': {
    kind: 'usage',
    status: 409,
    title: 'The Keep has been launched already',
    mend: 'Create a new Keep: the owner of a launch secret takes part in its launch, once.',
  },
  'keep/channel-failed': {
    kind: 'unavailable',
    status: 502,
    title: 'The Keep did not take the connection',
    mend: 'Try again; look at the log of the Keep if it happens twice.',
  },
  'keep/channels-full': {
    kind: 'unavailable',
    status: 503,
    title: 'The Keep has as many connections as one Keep may have',
    mend: 'Close one of them, or wait: connections that stay silent give way after a minute.',
  },
  'tee/unsupported': {
    kind: 'unsupported',
    status: 501,
    title: 'This host cannot make Keeps of that kind',
    mend: 'Choose a kind that `enarx platform` shows as usable.',
  },
  'keepmgr/full': {
    kind: 'unavailable',
    status: 503,
    title: 'The host has as many Keeps as it takes',
    mend: 'Stop a Keep, or wait until one ends.',
  },
  'keepmgr/cordoned': {
    kind: 'unavailable',
    status: 503,
    title: 'The host takes no new Keeps for now',
    mend: 'Use another host, or ask its operator, who can uncordon it.',
  },
  'keepmgr/resources': {
    kind: 'usage',
    status: 422,
    title: 'The host gives no machine so much memory or so many processors',
    mend: 'Ask for less; the expected values are the most that this host gives.',
  },
  'keepmgr/too-fast': {
    kind: 'unavailable',
    status: 429,
    title: 'Keeps are being created faster than the host takes them',
    mend: 'Wait a second and try again.',
  },
  'keepmgr/closing': {
    kind: 'unavailable',
    status: 503,
    title: 'The daemon is ending',
    mend: 'Start it again, then try again.',
  },
  'keepmgr/launch-timeout': {
    kind: 'unavailable',
    status: 504,
    title: 'The Keep was not ready within the time that a launch may take',
    mend: 'Look at the load of the host, then create another Keep.',
  },
  'keepmgr/lost-keep': {
    kind: 'unavailable',
    status: 410,
    title: 'The Keep went away while no daemon watched it, or lost its daemon for too long',
    mend: 'Create another Keep.',
  },
  'keepmgr/loader-died': {
    kind: 'unavailable',
    status: 502,
    title: 'The loader of the Keep ended on the host',
    mend: 'Create another Keep; look at the memory of the host if it happens twice.',
  },
  'keepmgr/loader-misbehaved': {
    kind: 'rejected',
    status: 502,
    title: 'The loader of the Keep broke its protocol and was destroyed',
    mend: 'Report it with the log of the Keep: the loader of a release does not do this.',
  },
  'keepmgr/launch-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'The loader of the Keep could not be started',
    mend: 'Look at the log of the daemon: memory, descriptors and the release directory.',
  },
  'keepmgr/state-damaged': {
    kind: 'internal',
    status: 500,
    title: 'The database in the state directory is damaged',
    mend: 'Check the disk. Move `state.db` and its `-wal` and `-shm` files away to begin anew: the Keeps that they tell of are then destroyed.',
  },
  'keepmgr/state-newer': {
    kind: 'unavailable',
    status: 503,
    title: 'The state directory was written by a newer release',
    mend: 'Start that release, or a newer one.',
  },
  'keepmgr/state-locked': {
    kind: 'unavailable',
    status: 503,
    title: 'Another daemon uses this state directory',
    mend: 'End that process, or give this one another `--state` directory.',
  },
  'keepmgr/state-unusable': {
    kind: 'unavailable',
    status: 503,
    title: 'The state directory cannot be used',
    mend: 'It must be a directory of the same user, with mode 0700, on a disk with room.',
  },
  'keepmgr/listen-refused': {
    kind: 'usage',
    status: 400,
    title: 'The daemon does not listen there',
    mend: 'Use http://127.0.0.1:PORT, http://[::1]:PORT, http://localhost:PORT or unix:/PATH; nobody is authenticated on other addresses.',
  },
  'keepmgr/listen-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'The address cannot be listened on',
    mend: 'Choose another with `--listen`; `ss -ltnp` shows who has it.',
  },
  'keepmgr/release-unreadable': {
    kind: 'unavailable',
    status: 503,
    title: 'The release directory is incomplete',
    mend: 'Build (`npm run build`) or install the release again.',
  },
  'keepmgr/simulator-unreadable': {
    kind: 'unavailable',
    status: 503,
    title: 'The simulated processor cannot be read or made',
    mend: 'Remove its file to have a new one made; clients must then be given the new anchor.',
  },
  'keepmgr/internal': {
    kind: 'internal',
    status: 500,
    title: 'The daemon failed',
    mend: 'Report it with the log of the daemon.',
  },
  'api/path-unknown': {
    kind: 'usage',
    status: 404,
    title: 'There is nothing at this path',
    mend: 'docs/protocol.md lists the paths; ids are 32 lower-case hexadecimal digits.',
  },
  'api/method-unknown': {
    kind: 'usage',
    status: 405,
    title: 'The path does not take this method',
    mend: 'docs/protocol.md lists the methods of each path.',
  },
  'api/query-malformed': {
    kind: 'malformed',
    status: 400,
    title: 'The parameters of the path are not understood',
    mend: 'docs/protocol.md lists them; each at most once, in its order.',
  },
  'api/operators-only': {
    kind: 'rejected',
    status: 403,
    title: 'Only operators of the host may do this',
    mend: 'Ask on the host itself, on its loopback address or Unix socket.',
  },
  'api/upgrade-required': {
    kind: 'usage',
    status: 426,
    title: 'The path is only for an upgrade to enarx-channel/1',
    mend: 'Send `Connection: Upgrade` and `Upgrade: enarx-channel/1`.',
  },
  'api/body-type': {
    kind: 'malformed',
    status: 415,
    title: 'The body is not application/cbor',
    mend: 'Send deterministic CBOR with `Content-Type: application/cbor` and no content encoding.',
  },
  'api/body-too-large': {
    kind: 'malformed',
    status: 413,
    title: 'The body is larger than the request may be',
    mend: 'Send at most the size that docs/protocol.md gives for this message, and none where none is expected.',
  },
  'api/body-too-slow': {
    kind: 'unavailable',
    status: 408,
    title: 'The body did not come in time',
    mend: 'Send it within ten seconds.',
  },
  'api/request-malformed': {
    kind: 'malformed',
    status: 400,
    title: 'The request is not HTTP/1.1 as it is accepted here',
    mend: 'Send one Host header, headers of at most 8 KiB, and no query.',
  },
  'api/cross-site': {
    kind: 'rejected',
    status: 403,
    title: 'The request comes from a web page',
    mend: 'Use the command or the library; browsers may not reach this daemon.',
  },
  'api/host-refused': {
    kind: 'rejected',
    status: 403,
    title: 'The request names another host than this one',
    mend: 'Name the address that the daemon listens on, or localhost, in the Host header.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const keepmgrProblem = problemsOf(keepmgrProblems);
export type KeepmgrProblemCode = keyof typeof keepmgrProblems;
