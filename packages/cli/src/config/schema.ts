// SPDX-License-Identifier: Apache-2.0
//
// Enarx.toml: the one place that says what may stand in it. The validator, the types, the template of `enarx config init` and
// docs/config.md all come from here.
import { isIP } from 'node:net';

import { optimizations } from '@enarx/protocol';
import * as v from 'valibot';

import { parseDuration, parseSize } from './quantity.ts';

/** What the documentation says of a key. */
export interface KeyDocumentation {
  /** For a reader: `array of strings`, `size`. */
  readonly type: string;
  /** What holds where the key is left out. */
  readonly otherwise: string;
  readonly doc: string;
  /** The right-hand side of an example. */
  readonly example: string;
}

/** A schema that carries what the documentation says of its key. */
const documented = <Schema extends object>(
  schema: Schema,
  documentation: KeyDocumentation,
): Schema & { readonly documentation: KeyDocumentation } => Object.assign(schema, { documentation });

const noZero = (text: string): boolean => !text.includes('\0');
const word = (most: number) =>
  v.pipe(v.string(), v.maxBytes(most, `at most ${String(most)} bytes`), v.check(noZero, 'no NUL character'));

const quantity = (expected: string, parse: (text: string) => number | undefined) =>
  v.pipe(
    v.union([v.string(), v.pipe(v.number(), v.safeInteger(expected), v.minValue(1, expected))], expected),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      const parsed = typeof value === 'number' ? value : parse(value);
      if (parsed !== undefined) return parsed;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
const size = quantity('a size like "64MiB", or a number of bytes', parseSize);
const time = quantity('a time like "30s", or a number of milliseconds', parseDuration);

const count = v.pipe(
  v.number('a whole number of at least 1'),
  v.safeInteger('a whole number of at least 1'),
  v.minValue(1, 'a whole number of at least 1'),
);

const limits = v.strictObject({
  memory: documented(v.optional(size), {
    type: 'size',
    otherwise: '1 GiB',
    doc: 'Most linear memory. Asking for more fails inside the program; passing it in other ways ends the program.',
    example: '"256MiB"',
  }),
  wall: documented(v.optional(time), {
    type: 'time',
    otherwise: 'no limit',
    doc: 'Wall time from the start of the program.',
    example: '"30s"',
  }),
  cpu: documented(v.optional(time), {
    type: 'time',
    otherwise: 'no limit',
    doc: 'Processor time, compiling included.',
    example: '"10s"',
  }),
  output: documented(v.optional(size), {
    type: 'size',
    otherwise: 'no limit',
    doc: 'Bytes on standard output and error together.',
    example: '"16MiB"',
  }),
  stack: documented(v.optional(size), {
    type: 'size',
    otherwise: 'about 1 MiB',
    doc: 'Stack that calls nest on.',
    example: '"4MiB"',
  }),
  storage: documented(v.optional(size), {
    type: 'size',
    otherwise: '256 MiB',
    doc: 'What the program may add to its files, in blocks of 4096 bytes.',
    example: '"64MiB"',
  }),
  inodes: documented(v.optional(count), {
    type: 'number',
    otherwise: '65536',
    doc: 'Files, directories and links that the program may add.',
    example: '1000',
  }),
  descriptors: documented(v.optional(count), {
    type: 'number',
    otherwise: '1024',
    doc: 'Descriptors that may be open at once, connections among them.',
    example: '256',
  }),
  traffic: documented(v.optional(size), {
    type: 'size',
    otherwise: 'no limit',
    doc: 'Bytes that the program may send and receive on all its sockets together.',
    example: '"1GiB"',
  }),
  request: documented(v.optional(time), {
    type: 'time',
    otherwise: '60 s',
    doc: 'How long an HTTP request may go without headway, of a component that answers them. Its client is then told so; a handler that computes without end ends the program.',
    example: '"10s"',
  }),
  requests: documented(v.optional(v.pipe(count, v.maxValue(4096, 'at most 4096'))), {
    type: 'number',
    otherwise: '16',
    doc: 'HTTP requests that are answered at once. Each may have an equal share of the memory.',
    example: '64',
  }),
});

/** Kinds of descriptors that a program can be given. */
export const streamKinds = ['null', 'stdin', 'stdout', 'stderr'] as const;
export const fileKinds = [...streamKinds, 'directory', 'listen', 'connect'] as const;

/** FD_NAMES joins the names by colons. */
const fileName = v.pipe(
  word(64),
  v.check((name) => name !== '' && !name.includes(':'), 'a name without a colon'),
);
const port = (least: number) =>
  v.pipe(
    v.number(`a port, ${String(least)} to 65535`),
    v.safeInteger(`a port, ${String(least)} to 65535`),
    v.minValue(least, `a port, ${String(least)} to 65535`),
    v.maxValue(65_535, `a port, ${String(least)} to 65535`),
  );
const kind = <const Kind extends string>(name: Kind, doc: string) =>
  documented(v.literal(name), { type: `"${name}"`, otherwise: 'required', doc, example: `"${name}"` });
const prot = documented(v.optional(v.picklist(['tls', 'tcp'], '"tls" or "tcp"'), 'tls'), {
  type: '"tls" or "tcp"',
  otherwise: '"tls"',
  doc: 'With "tls" the Keep speaks TLS 1.3 for the program, which reads and writes plain bytes and never holds a key. With "tcp" the host can read and change what passes.',
  example: '"tls"',
});
/** Whether it exists, the host finds out; an address of the web, or two words, it could only misunderstand. */
const isHost = (text: string): boolean => isIP(text) !== 0 || /^[\p{L}\p{M}\p{N}._-]+$/u.test(text);
const pemFiles = v.pipe(
  v.array(word(4096)),
  v.minLength(1, 'at least one file'),
  v.maxLength(64, 'at most 64 files'),
);

const stream = v.strictObject({
  kind: documented(v.picklist(streamKinds, `one of ${fileKinds.join(', ')}`), {
    type: streamKinds.map((name) => `"${name}"`).join(' or '),
    otherwise: 'required',
    doc: 'What the descriptor is. The place in the list is its number.',
    example: '"stdin"',
  }),
  name: documented(v.optional(fileName), {
    type: 'string without a colon',
    otherwise: 'the kind',
    doc: 'A name for the descriptor, which the program finds in the variable FD_NAMES.',
    example: '"input"',
  }),
});

const directory = v.strictObject({
  kind: kind(
    'directory',
    'A directory, with all that lies in it. It travels with the program: what the program changes, it changes in its own copy.',
  ),
  from: documented(v.optional(word(4096)), {
    type: 'path on this machine, from the place of this file',
    otherwise: 'an empty directory',
    doc: 'What is carried into the Keep.',
    example: '"data"',
  }),
  path: documented(
    v.pipe(
      word(4096),
      v.check(
        (path) => path === '/' || /^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/.test(path),
        'an absolute path without ".", ".." and doubled or final slashes',
      ),
    ),
    {
      type: 'absolute path',
      otherwise: 'required',
      doc: 'Where the program finds it.',
      example: '"/data"',
    },
  ),
  name: documented(v.optional(fileName), {
    type: 'string without a colon',
    otherwise: 'directory',
    doc: 'A name for the descriptor, which the program finds in the variable FD_NAMES.',
    example: '"data"',
  }),
  readonly: documented(v.optional(v.boolean('true or false'), false), {
    type: 'true or false',
    otherwise: 'false',
    doc: 'Whether the program cannot change anything in it.',
    example: 'true',
  }),
});

const listen = v.pipe(
  v.strictObject({
    kind: kind(
      'listen',
      'A listener: connections that come to the host are handed to the program. The operator of the host must allow it.',
    ),
    name: documented(fileName, {
      type: 'string without a colon',
      otherwise: 'required',
      doc: 'A name for the descriptor, which the program finds in the variable FD_NAMES.',
      example: '"web"',
    }),
    prot,
    addr: documented(v.optional(v.pipe(word(64), v.check(isHost, 'an address like "::" or "127.0.0.1"'))), {
      type: 'address of the host',
      otherwise: 'what the host allows first; 127.0.0.1 for `enarx run` without --host',
      doc: 'Where the host listens.',
      example: '"::"',
    }),
    port: documented(v.optional(port(0)), {
      type: 'port',
      otherwise: '443 with "tls", 80 with "tcp"',
      doc: 'Where the host listens. 0 is any port that is free; `enarx run` says which it is.',
      example: '8443',
    }),
    clients: documented(v.optional(pemFiles), {
      type: 'array of PEM files, from the place of this file',
      otherwise: 'no certificate is asked for',
      doc: 'Authorities of which every client has to show a certificate. With "tls" only.',
      example: '["ca.pem"]',
    }),
  }),
  v.check(
    ({ prot: chosen, clients }) => chosen === 'tls' || clients === undefined,
    'clients with prot = "tls" only',
  ),
);

const connect = v.pipe(
  v.strictObject({
    kind: kind(
      'connect',
      'A connection that is made before the program starts. The operator of the host must allow it; the program can connect to nothing else.',
    ),
    host: documented(v.pipe(word(253), v.check(isHost, 'a name or an address, and nothing else')), {
      type: 'name or address',
      otherwise: 'required',
      doc: 'Where to. With "tls" the other end must have a certificate for this name. The host looks it up.',
      example: '"db.example"',
    }),
    name: documented(v.optional(fileName), {
      type: 'string without a colon',
      otherwise: 'the host',
      doc: 'A name for the descriptor, which the program finds in the variable FD_NAMES.',
      example: '"db"',
    }),
    prot,
    port: documented(v.optional(port(1)), {
      type: 'port',
      otherwise: '443 with "tls", 80 with "tcp"',
      doc: 'Where to.',
      example: '5432',
    }),
    trust: documented(
      v.optional(v.union([v.literal('public'), pemFiles], '"public" or an array of PEM files'), 'public'),
      {
        type: '"public" or array of PEM files, from the place of this file',
        otherwise: '"public"',
        doc: 'Who may vouch for the other end: the public authorities that the release carries (never those of the host), or these and nobody else. With "tls" only.',
        example: '["ca.pem"]',
      },
    ),
  }),
  // Whoever names authorities would take the other end for one that they vouch for.
  v.check(
    ({ prot: chosen, trust }) => chosen === 'tls' || trust === 'public',
    'authorities with prot = "tls" only',
  ),
  v.check(
    ({ host, name }) => name !== undefined || !host.includes(':'),
    'a name, since this host has a colon in it',
  ),
);

const file = v.variant('kind', [stream, directory, listen, connect], `one of ${fileKinds.join(', ')}`);
export type ConfiguredFile = v.InferOutput<typeof file>;

const isOwn = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name);

export const enarxToml = v.strictObject({
  args: documented(
    v.optional(v.pipe(v.array(word(32_768)), v.maxLength(1023, 'at most 1023 arguments')), []),
    {
      type: 'array of strings',
      otherwise: 'none',
      doc: 'Arguments of the program after its own name. Those on the command line come after them.',
      example: '["--port", "8080"]',
    },
  ),
  env: documented(
    v.optional(
      v.pipe(
        v.unknown(),
        // The validator takes an array for a record with numbers for keys.
        v.check((value) => !Array.isArray(value), 'a table'),
        // The validator leaves these out without a word.
        v.check(
          (value) => !['__proto__', 'constructor', 'prototype'].some((name) => isOwn(value, name)),
          'a table without __proto__, constructor and prototype',
        ),
        v.record(
          v.pipe(
            word(1024),
            v.check((name) => name !== '' && !name.includes('='), 'a name without ='),
          ),
          word(32_768),
        ),
      ),
      {},
    ),
    {
      type: 'table of strings',
      otherwise: 'empty',
      doc: 'Environment of the program. Nothing of the environment of the host or of the client reaches it.',
      example: '{ GREETING = "hello" }',
    },
  ),
  files: documented(v.optional(v.pipe(v.array(file), v.maxLength(64, 'at most 64 files'))), {
    type: 'array of tables',
    otherwise: 'standard input, output and error, as descriptors 0, 1 and 2',
    doc: 'Descriptors of the program. The list replaces the usual three, so begin it with standard input, output and error, or "null" for each that nobody needs.',
    example: '[{ kind = "null" }, { kind = "stdout" }, { kind = "stderr" }]',
  }),
  optimize: documented(
    v.optional(v.picklist(optimizations, optimizations.map((name) => `"${name}"`).join(', '))),
    {
      type: optimizations.map((name) => `"${name}"`).join(' or '),
      otherwise: '"auto"',
      doc: 'How the program is compiled: "full" takes longer to start and is the choice for long computations that "auto" does not find, "baseline" starts soonest and computes slowly.',
      example: '"full"',
    },
  ),
  limits: documented(v.optional(limits, {}), {
    type: 'table',
    otherwise: 'as its keys say',
    doc: 'What the program may use. The Keep ends a program that passes a limit, with exit status 137.',
    example: '{ memory = "256MiB", wall = "30s" }',
  }),
});

export type EnarxConfig = v.InferOutput<typeof enarxToml>;

/** Tables that have keys of their own, by the name that the documentation gives them. */
export const tables = {
  '': enarxToml,
  '[[files]]': stream,
  '[[files]] directory': directory,
  '[[files]] listen': listen,
  '[[files]] connect': connect,
  '[limits]': limits,
} as const;

/** The table of a kind of file. */
export function tableOfFile(kindOfFile: unknown): (typeof tables)[keyof typeof tables] {
  const named = `[[files]] ${String(kindOfFile)}`;
  return named in tables ? tables[named as keyof typeof tables] : stream;
}

/** The documentation of a table's keys, in order. */
export function documentationOf(
  table: (typeof tables)[keyof typeof tables],
): readonly (readonly [key: string, documentation: KeyDocumentation])[] {
  const entries: Readonly<Record<string, { readonly documentation: KeyDocumentation }>> = table.entries;
  return Object.entries(entries).map(([key, schema]) => {
    return [key, schema.documentation];
  });
}
