// SPDX-License-Identifier: Apache-2.0
//
// What client and wasmldr say to each other inside the attested TLS connection.
import * as v from 'valibot';

import { maxFramePayload } from '../frames.ts';
import { messageType, type Of } from '../message.ts';
import { purposes } from '../report-data.ts';
import {
  bytes,
  definitePort,
  descriptor,
  hostName,
  optionalEntries,
  path,
  port,
  positive,
  text,
  texts,
  uint,
} from './words.ts';

/** Asks for evidence about this connection: the nonce is fresh, the purpose what the owner is about to do. */
export const attestRequest = messageType(
  'attest-request',
  1024,
  v.strictObject({ nonce: bytes(32), purpose: v.picklist(purposes) }),
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
  /** Milliseconds that an HTTP request may go without headway, of a component that answers them. */
  request: v.optional(positive),
  /** HTTP requests that are answered at once; they share the memory. */
  requests: v.optional(v.pipe(positive, v.maxValue(4096))),
});
export type Limits = v.InferOutput<typeof limitEntries>;

export const limits: v.GenericSchema<Limits> = optionalEntries(limitEntries);

/** Certificates in PEM, one or several in each text. */
const certificates = v.pipe(v.array(text(16_384)), v.minLength(1), v.maxLength(64));
/** An address of the host's in the notation of its family, or `localhost`. */
const address = text(64);

/** How much a description of a workload may hold: numbers of things, and bytes of a text. */
export const workloadBounds = {
  arguments: 1024,
  variables: 1024,
  descriptors: 1024,
  name: 1024,
  text: 32_768,
} as const;

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
          port: definitePort,
          /** Who may vouch for the other end: the public authorities that Node carries, or these. */
          trust: v.union([v.literal('public'), certificates]),
        }),
        v.strictObject({
          kind: v.literal('connect'),
          prot: v.literal('tcp'),
          host: hostName,
          port: definitePort,
        }),
      ]),
      v.strictObject({
        kind: v.literal('directory'),
        /** Where it lies among the files of the package. */
        path,
        /** Under which name the program finds it; its path when left out. */
        name: v.optional(path),
        /** Nothing in it can be changed. */
        readonly: v.optional(v.boolean()),
      }),
    ]),
  ),
  v.maxLength(workloadBounds.descriptors),
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
    args: texts(workloadBounds.arguments, workloadBounds.text),
    env: v.pipe(
      v.array(v.strictTuple([text(workloadBounds.name), text(workloadBounds.text)])),
      v.maxLength(workloadBounds.variables),
    ),
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
    v.strictObject({ kind: v.literal('directory'), path }),
    v.strictObject({
      kind: v.literal('file'),
      path,
      size: v.pipe(uint, v.maxValue(1_073_741_824)),
    }),
    v.strictObject({ kind: v.literal('symlink'), path, target: path }),
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
            file: descriptor,
            address,
            port: definitePort,
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
      limit: v.picklist(['memory', 'wall', 'cpu', 'output', 'traffic', 'request']),
      value: positive,
    }),
    v.strictObject({ how: v.literal('stopped') }),
  ]),
);
export type Ended = Of<typeof ended>;

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
