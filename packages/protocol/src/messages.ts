// SPDX-License-Identifier: Apache-2.0
//
// The TypeScript twin of enarx.cddl, rule by rule and in the same order. A test holds each against the other.
import * as v from 'valibot';

import { maxFramePayload } from './frames.ts';
import { messageType, type MessageType, type Of } from './message.ts';

/** The one version of the protocol. It is the first path segment of the manager's API and part of both upgrade tokens. */
export const protocolVersion = 1;

const bytes = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length === length, `${String(length)} bytes`),
  );
const bytesUpTo = (length: number): v.GenericSchema<Uint8Array> =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length <= length, `at most ${String(length)} bytes`),
  );
/** At most so many bytes of UTF-8, as `.size` in CDDL counts them. */
const text = (length: number): v.GenericSchema<string> =>
  v.pipe(
    v.string(),
    v.check((value) => value.isWellFormed(), 'text without half surrogate pairs'),
    v.maxBytes(length),
  );
const uint: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const texts = (count: number, length: number): v.GenericSchema<string[]> =>
  v.pipe(v.array(text(length)), v.maxLength(count));

// Shared words

/** Ways to confine a guest that runs as a process, strongest first. */
export const sandboxes = ['bubblewrap', 'setpriv', 'plain'] as const;
export type Sandbox = (typeof sandboxes)[number];

export const tees = ['sim', 'sim-sev', 'snp', 'sev', 'sev-es', 'sgx', 'tdx', 'vm'] as const;
export type Tee = (typeof tees)[number];

/** launching → ready → claimed → running → exited, and failed from any of them but exited. */
export const keepStates = ['launching', 'ready', 'claimed', 'running', 'exited', 'failed'] as const;
export type KeepState = (typeof keepStates)[number];

const keepId = bytes(16);
const tee = v.picklist(tees);
const keepState = v.picklist(keepStates);
const sandbox = v.picklist(sandboxes);
const file = text(4096);

/** All of it may be left out, and `strictObject` would take an empty array or byte string for a map without entries. */
const optionalEntries = <T>(entries: v.GenericSchema<T>): v.GenericSchema<T> =>
  v.pipe(v.custom<T>(isMap, 'a map'), entries);

function isMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const resources = optionalEntries(
  v.strictObject({
    /** MiB. */
    memory: v.optional(v.pipe(uint, v.minValue(256), v.maxValue(1_048_576))),
    vcpus: v.optional(v.pipe(uint, v.minValue(1), v.maxValue(512))),
  }),
);
/** What a machine is given. */
export type Resources = v.InferOutput<typeof resources>;
/** Leader of a process group: id, and start time in clock ticks since boot, which tells it from a later process with the same id. */
const processReference = v.strictTuple([positive, uint]);

// client ↔ keepmgr

export const managerInfo = messageType(
  'manager-info',
  4096,
  v.strictObject({
    protocol: v.literal(protocolVersion),
    release: text(64),
    tees: v.pipe(v.array(tee), v.maxLength(16)),
    /** Whether the host takes no new Keeps. */
    cordoned: v.optional(v.boolean()),
  }),
);
export type ManagerInfo = Of<typeof managerInfo>;

/** Milliseconds, from a second to a year. */
const lease = v.pipe(uint, v.minValue(1000), v.maxValue(31_536_000_000));

export const createKeep = messageType(
  'create-keep',
  1024,
  v.strictObject({
    tee,
    resources: v.optional(resources),
    /** The client's own id of this creation: asked again, it gives the same Keep. */
    request: v.optional(bytes(16)),
    /** How long the Keep may be before it is stopped, unless it is renewed. */
    lease: v.optional(lease),
  }),
);
export type CreateKeep = Of<typeof createKeep>;

/** Grants a Keep so many milliseconds from now. */
export const renewKeep = messageType('renew-keep', 64, v.strictObject({ lease }));
export type RenewKeep = Of<typeof renewKeep>;

const keepEntries = {
  id: keepId,
  tee,
  state: keepState,
  /** Milliseconds since 1970. */
  created: uint,
  ended: v.optional(uint),
  /** Code of the problem that ended the Keep. */
  reason: v.optional(text(64)),
  /** The end of its lease, milliseconds since 1970. */
  expires: v.optional(uint),
};

/** What the host says of a Keep. None of it is proof of anything. */
export const keep = messageType('keep', 4096, v.strictObject(keepEntries));
export type Keep = Of<typeof keep>;

export const keepList = messageType(
  'keep-list',
  4_194_304,
  v.pipe(v.array(v.strictObject(keepEntries)), v.maxLength(16_384)),
);
export type KeepList = Of<typeof keepList>;

/** What changed since a cursor, each Keep as it is now. */
export const keepChanges = messageType(
  'keep-changes',
  4_194_304,
  v.strictObject({
    /** Where to go on from. */
    cursor: text(64),
    /** The cursor was of no use: these are all Keeps there are. */
    reset: v.boolean(),
    keeps: v.pipe(v.array(v.strictObject(keepEntries)), v.maxLength(16_384)),
    removed: v.pipe(v.array(keepId), v.maxLength(16_384)),
  }),
);
export type KeepChanges = Of<typeof keepChanges>;

const logEntryEntries = {
  time: uint,
  source: v.picklist(['keepmgr', 'keepldr']),
  event: text(64),
  detail: v.optional(text(512)),
};

/** Host-side events of one Keep, oldest first. What the program prints never appears here. */
export const keepLog = messageType(
  'keep-log',
  1_048_576,
  v.pipe(v.array(v.strictObject(logEntryEntries)), v.maxLength(1024)),
);
export type KeepLog = Of<typeof keepLog>;
export type LogEntry = KeepLog[number];

export const platform = messageType(
  'platform',
  262_144,
  v.strictObject({
    release: text(64),
    backends: v.array(
      v.strictObject({
        tee,
        usable: v.boolean(),
        probes: v.array(
          v.strictObject({
            id: text(64),
            pass: v.boolean(),
            found: text(512),
            remedy: v.optional(text(512)),
          }),
        ),
      }),
    ),
  }),
);
export type Platform = Of<typeof platform>;

// keepmgr ↔ keepldr

/** First frame of every connection that a keepldr opens to its keepmgr. `stream` marks a relay connection, its absence the control connection. */
export const ldrHello = messageType(
  'ldr-hello',
  1024,
  v.strictObject({
    protocol: v.literal(protocolVersion),
    id: keepId,
    token: bytes(32),
    stream: v.optional(uint),
  }),
);
export type LdrHello = Of<typeof ldrHello>;

/** On a keepldr's standard input, as one frame: everything that it must know, and nothing in argv or environment. */
export const ldrLaunch = messageType(
  'ldr-launch',
  16_384,
  v.strictObject({
    id: keepId,
    tee,
    /** Proves to the keepmgr that a connection comes from the keepldr of this Keep. */
    token: bytes(32),
    /** Path of the keepmgr's socket for keepldrs; a relative one starts at `directory`. */
    manager: text(4096),
    /** The Keep's own directory, empty and private. */
    directory: text(4096),
    /** The simulated processor's file, for `sim`. */
    simulator: v.optional(text(4096)),
    /** The strongest sandbox that the keepmgr found to work here. Without it the keepldr tries them itself. */
    sandbox: v.optional(sandbox),
    /** Directory of the guest image, for machines. */
    image: v.optional(file),
    /** File of the simulated SEV platform, for launches with a secret where no real one is. */
    'sev-platform': v.optional(file),
    resources: v.optional(resources),
    /** Sockets that the host opens for the program; none without it. */
    sockets: v.optional(
      v.strictObject({
        /** `ADDRESS:PORTS` */
        listen: texts(64, 128),
        /** `HOST:PORTS` */
        dial: texts(64, 320),
      }),
    ),
  }),
);
export type LdrLaunch = Of<typeof ldrLaunch>;

export const ldrState = messageType(
  'ldr-state',
  1024,
  v.strictObject({
    state: keepState,
    reason: v.optional(text(64)),
    processes: v.optional(v.pipe(v.array(processReference), v.maxLength(16))),
  }),
);
export type LdrState = Of<typeof ldrState>;

export const ldrLog = messageType('ldr-log', 4096, v.strictObject(logEntryEntries));

export const ldrOpen = messageType(
  'ldr-open',
  64,
  /** To the guest, unless it says so. */
  v.strictObject({ stream: uint, to: v.optional(v.literal('loader')) }),
);
export type LdrOpen = Of<typeof ldrOpen>;

// keepldr ↔ wasmldr: the guest's device

/** First frame from the host: which Keep this is. It is a claim of the host's until evidence binds it. */
export const guestLaunch = messageType(
  'guest-launch',
  20_480,
  v.strictObject({
    id: keepId,
    tee,
    /** The table of secrets that a simulated launch was given; a real one's is in the guest's memory. */
    secret: v.optional(bytesUpTo(16_384)),
  }),
);
export type GuestLaunch = Of<typeof guestLaunch>;

/** All that the host is told of what happens inside. */
export const guestState = messageType(
  'guest-state',
  256,
  v.strictObject({ state: v.picklist(['ready', 'claimed', 'running', 'exited', 'failed']) }),
);
export type GuestState = Of<typeof guestState>;

export const reportRequest = messageType('report-request', 256, v.strictObject({ 'report-data': bytes(64) }));
export type ReportRequest = Of<typeof reportRequest>;

const evidenceEntries = {
  format: v.picklist(['snp', 'sev']),
  /** The report as the processor signed it; for `sev` a signature with the key that was the launch secret. */
  report: bytesUpTo(16_384),
  /** Certificates that came with it, in the format's own table (SNP: GUID table). */
  endorsements: bytesUpTo(32_768),
};

export const evidence = messageType('evidence', 65_536, v.strictObject(evidenceEntries));
export type Evidence = Of<typeof evidence>;

// keepldr ↔ wasmldr: sockets of the program, which the host opens and whose bytes it relays

/** A listener or an outgoing connection of the guest's, by the number of the program's descriptor. */
const socketNumber = v.pipe(uint, v.maxValue(1023));

/** Asks the host to listen. */
export const guestListen = messageType(
  'guest-listen',
  256,
  v.strictObject({
    number: socketNumber,
    /** Where; the host chooses where it is left out. */
    address: v.optional(text(64)),
    /** 0: any that is free. */
    port: v.pipe(uint, v.maxValue(65_535)),
  }),
);
export type GuestListen = Of<typeof guestListen>;

/** Where the host says that it listens. */
export const guestListening = messageType(
  'guest-listening',
  256,
  v.strictObject({
    number: socketNumber,
    address: text(64),
    port: v.pipe(positive, v.maxValue(65_535)),
  }),
);
export type GuestListening = Of<typeof guestListening>;

/** Asks the host to connect. When it has, a connection with this number comes. */
export const guestDial = messageType(
  'guest-dial',
  512,
  v.strictObject({
    number: socketNumber,
    host: v.pipe(
      text(253),
      v.check((name) => name !== '', 'a name'),
    ),
    port: v.pipe(positive, v.maxValue(65_535)),
  }),
);
export type GuestDial = Of<typeof guestDial>;

/** Why a host does not listen or connect. `not-allowed` is its policy, the rest is what its network says. */
export const socketRefusals = [
  'not-allowed',
  'name-unknown',
  'refused',
  'unreachable',
  'timeout',
  'address-in-use',
  'address-unknown',
  'not-permitted',
  'too-many',
  'failed',
] as const;
export type SocketRefusal = (typeof socketRefusals)[number];

export const guestRefused = messageType(
  'guest-refused',
  64,
  v.strictObject({ number: socketNumber, reason: v.picklist(socketRefusals) }),
);
export type GuestRefused = Of<typeof guestRefused>;

/** The program has closed a listener. */
export const guestClose = messageType('guest-close', 16, v.strictObject({ number: socketNumber }));

/** First frame from the host on each connection for the program; what follows is what the other end sends. */
export const guestConnection = messageType('guest-connection', 16, v.strictObject({ number: socketNumber }));

// keepldr ↔ guest of a VM: connections over one port

/** Number of a connection, chosen by the side that opens it. */
export const portStream = messageType('port-stream', 16, v.pipe(uint, v.maxValue(0xffff_ffff)));

/** Bytes that may be sent on a connection on top of what was granted before. */
export const portCredit = messageType(
  'port-credit',
  64,
  v.strictObject({
    stream: v.pipe(uint, v.maxValue(0xffff_ffff)),
    bytes: v.pipe(positive, v.maxValue(16_777_216)),
  }),
);

// client ↔ keepldr, carried by keepmgr: a launch with a secret (SEV API specification, chapter 6)

const byte = v.pipe(uint, v.maxValue(255));

/** Certificates as the platform has them, binary, in any order: PDH, PEK, OCA, CEK, ASK, ARK. */
export const sevPlatform = messageType(
  'sev-platform',
  65_536,
  v.strictObject({
    certificates: v.pipe(
      v.array(
        v.pipe(
          bytesUpTo(16_384),
          v.check((value) => value.length > 0, 'not empty'),
        ),
      ),
      v.minLength(1),
      v.maxLength(8),
    ),
  }),
);
export type SevPlatform = Of<typeof sevPlatform>;

export const sevStart = messageType(
  'sev-start',
  4096,
  v.strictObject({
    policy: v.pipe(uint, v.maxValue(0xffff_ffff)),
    /** The owner's, for LAUNCH_START. */
    certificate: bytes(2084),
    session: bytes(128),
  }),
);
export type SevStart = Of<typeof sevStart>;

export const sevMeasurement = messageType(
  'sev-measurement',
  256,
  v.strictObject({
    /** HMAC of 32 bytes, nonce of 16. */
    measurement: bytes(48),
    firmware: v.strictObject({ major: byte, minor: byte, build: byte }),
  }),
);
export type SevMeasurement = Of<typeof sevMeasurement>;

export const sevSecret = messageType(
  'sev-secret',
  20_480,
  v.strictObject({
    header: bytes(52),
    payload: v.pipe(
      bytesUpTo(16_384),
      v.check((value) => value.length >= 16, 'at least 16 bytes'),
    ),
  }),
);
export type SevSecret = Of<typeof sevSecret>;

// client ↔ wasmldr, inside the attested TLS connection

export const attestRequest = messageType(
  'attest-request',
  1024,
  v.strictObject({ nonce: bytes(32), purpose: v.picklist(['deliver', 'attach', 'verify']) }),
);
export type AttestRequest = Of<typeof attestRequest>;

const limitEntries = v.strictObject({
  /** Linear memory in bytes; rounded down to whole 64 KiB pages. */
  memory: v.optional(positive),
  /** Wall time in milliseconds from the start of the program. */
  wall: v.optional(positive),
  /** Processor time in milliseconds. */
  cpu: v.optional(positive),
  /** Bytes on stdout and stderr together. */
  output: v.optional(positive),
  /** Bytes of the stack that calls nest on. */
  stack: v.optional(positive),
  /** Bytes that the program may add to its files, counted in blocks of 4096. */
  storage: v.optional(positive),
  /** Files, directories and links that the program may add. */
  inodes: v.optional(positive),
  /** Descriptors that may be open at once. */
  descriptors: v.optional(positive),
  /** Bytes that the program may send and receive on all its sockets together. */
  traffic: v.optional(positive),
});
export type Limits = v.InferOutput<typeof limitEntries>;

export const limits: v.GenericSchema<Limits> = optionalEntries(limitEntries);

/** Certificates in PEM, one or several in each text. */
const certificates = v.pipe(v.array(text(16_384)), v.minLength(1), v.maxLength(64));
const port = v.pipe(uint, v.maxValue(65_535));
const hostName = v.pipe(
  text(253),
  v.check((name) => name !== '', 'a name'),
);
/** An address of the host's in the notation of its family, or `localhost`. */
const address = text(64);

const files = v.pipe(
  v.array(
    v.variant('kind', [
      v.strictObject({ kind: v.picklist(['null', 'stdin', 'stdout', 'stderr']) }),
      v.variant('prot', [
        v.strictObject({
          kind: v.literal('listen'),
          prot: v.literal('tls'),
          /** Where on the host; the host chooses where it is left out. */
          address: v.optional(address),
          /** 0: any that is free. */
          port,
          /** Authorities of which a client has to show a certificate; with none, none is asked for. */
          clients: v.optional(certificates),
        }),
        v.strictObject({
          kind: v.literal('listen'),
          prot: v.literal('tcp'),
          address: v.optional(address),
          port,
        }),
        v.strictObject({
          kind: v.literal('connect'),
          prot: v.literal('tls'),
          host: hostName,
          port: v.pipe(port, v.minValue(1)),
          /** Who may vouch for the other end: the public authorities that Node carries, or these. */
          trust: v.union([v.literal('public'), certificates]),
        }),
        v.strictObject({
          kind: v.literal('connect'),
          prot: v.literal('tcp'),
          host: hostName,
          port: v.pipe(port, v.minValue(1)),
        }),
      ]),
      v.strictObject({
        kind: v.literal('directory'),
        /** Where it lies among the files of the package. */
        path: text(4096),
        /** Under which name the program finds it; its path when left out. */
        name: v.optional(text(4096)),
        /** Nothing in it can be changed. */
        readonly: v.optional(v.boolean()),
      }),
    ]),
  ),
  v.maxLength(1024),
);
/** What a descriptor of the program stands for. */
export type File = v.InferOutput<typeof files>[number];

/** How much the engine puts into compiling: by the module's size, at the lowest tier, or all of it at the highest before it starts. */
export const optimizations = ['auto', 'baseline', 'full'] as const;
export type Optimization = (typeof optimizations)[number];

/** First frame after the upgrade to a delivery. The package, if there is one, and then the module follow in frames of their own. */
export const deliver = messageType(
  'deliver',
  maxFramePayload,
  v.strictObject({
    /** Module size in bytes, at most 1 GiB. */
    size: v.pipe(positive, v.maxValue(1_073_741_824)),
    /** SHA-256 of the module. */
    digest: bytes(32),
    /** argv of the program, its own name first. */
    args: texts(1024, 32_768),
    env: v.pipe(v.array(v.strictTuple([text(1024), text(32_768)])), v.maxLength(1024)),
    limits,
    /** Whether the program outlives this connection. */
    detach: v.boolean(),
    /** Descriptors 0, 1, 2 and so on; standard input, output and error where it is left out. */
    files: v.optional(files),
    /** How many entries come before the module, and how many bytes their files have together. */
    package: v.optional(
      v.strictObject({
        entries: v.pipe(positive, v.maxValue(65_536)),
        bytes: v.pipe(uint, v.maxValue(1_073_741_824)),
      }),
    ),
    optimize: v.optional(v.picklist(optimizations)),
  }),
);
export type Deliver = Of<typeof deliver>;

/** The next file, directory or symbolic link of the package; the content of a file follows in frames of its own. */
export const entry = messageType(
  'entry',
  16_384,
  v.variant('kind', [
    v.strictObject({ kind: v.literal('directory'), path: text(4096) }),
    v.strictObject({
      kind: v.literal('file'),
      path: text(4096),
      size: v.pipe(uint, v.maxValue(1_073_741_824)),
    }),
    v.strictObject({ kind: v.literal('symlink'), path: text(4096), target: text(4096) }),
  ]),
);
export type Entry = Of<typeof entry>;

export const accepted = messageType(
  'accepted',
  8192,
  v.strictObject({
    digest: bytes(32),
    /** Where the host says that it listens for the program. */
    listening: v.optional(
      v.pipe(
        v.array(
          v.strictObject({
            /** Number of the descriptor. */
            file: v.pipe(uint, v.maxValue(1023)),
            address,
            port: v.pipe(port, v.minValue(1)),
          }),
        ),
        v.minLength(1),
        v.maxLength(64),
      ),
    ),
  }),
);
export type Accepted = Of<typeof accepted>;

/** Bytes of stdin that the other side may send on top of what it was granted before. */
export const credit = messageType('credit', 16, v.pipe(positive, v.maxValue(16_777_216)));
export type Credit = Of<typeof credit>;

/** How the program ended. Only its owner is told. */
export const ended = messageType(
  'ended',
  32_768,
  v.variant('how', [
    v.strictObject({ how: v.literal('exit'), code: v.pipe(uint, v.maxValue(0xffff_ffff)) }),
    v.strictObject({ how: v.literal('trap'), trap: text(1024), frames: texts(64, 256) }),
    v.strictObject({
      how: v.literal('limit'),
      limit: v.picklist(['memory', 'wall', 'cpu', 'output', 'traffic']),
      value: positive,
    }),
    v.strictObject({ how: v.literal('stopped') }),
  ]),
);
export type Ended = Of<typeof ended>;

// Frame kinds, per stream

/** keepldr → keepmgr and back, on the control connection and at the head of a relay connection. */
export const managerFrame = { hello: 0, state: 1, log: 2, open: 3, stop: 4 } as const;
/** keepldr ↔ wasmldr. */
export const guestFrame = {
  launch: 0,
  state: 1,
  reportRequest: 2,
  evidence: 3,
  problem: 4,
  listen: 5,
  listening: 6,
  dial: 7,
  refused: 8,
  close: 9,
} as const;
/** keepldr ↔ guest of a VM, on the port that carries connections. Data belongs to the connection that was selected last. */
export const portFrame = {
  open: 0,
  select: 1,
  data: 2,
  credit: 3,
  end: 4,
  reset: 5,
  openSocket: 6,
} as const;
/** client ↔ keepldr: the owner's part in a launch with a secret, in this order. */
export const launchFrame = {
  platform: 0,
  start: 1,
  measurement: 2,
  secret: 3,
  finished: 4,
  problem: 5,
} as const;
/** client ↔ wasmldr after the upgrade. */
export const workloadFrame = {
  deliver: 0,
  module: 1,
  stdin: 2,
  stdinEnd: 3,
  accepted: 4,
  stdout: 5,
  stderr: 6,
  credit: 7,
  ended: 8,
  problem: 9,
  entry: 10,
  content: 11,
} as const;

/** All messages by the name of their rule; the CDDL test walks this. */
export const messageTypes: readonly MessageType<unknown>[] = [
  managerInfo,
  createKeep,
  renewKeep,
  keep,
  keepList,
  keepChanges,
  keepLog,
  platform,
  ldrHello,
  ldrLaunch,
  ldrState,
  ldrLog,
  ldrOpen,
  guestLaunch,
  guestState,
  reportRequest,
  evidence,
  guestListen,
  guestListening,
  guestDial,
  guestRefused,
  guestClose,
  guestConnection,
  portStream,
  portCredit,
  sevPlatform,
  sevStart,
  sevMeasurement,
  sevSecret,
  attestRequest,
  deliver,
  entry,
  accepted,
  credit,
  ended,
] as readonly MessageType<unknown>[];
