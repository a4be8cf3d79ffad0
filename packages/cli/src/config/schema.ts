// SPDX-License-Identifier: Apache-2.0
//
// Enarx.toml: the one place that says what may stand in it. The validator, the types, the template of `enarx config init` and
// docs/config.md all come from here.
import * as v from 'valibot';

import { parseSize, parseTime } from './quantity.ts';

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
    v.union([v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(1))], expected),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      const parsed = typeof value === 'number' ? value : parse(value);
      if (parsed !== undefined) return parsed;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
const size = quantity('a size like "64MiB", or a number of bytes', parseSize);
const time = quantity('a time like "30s", or a number of milliseconds', parseTime);

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
});

/** Kinds of descriptors that a program can be given. */
export const fileKinds = ['null', 'stdin', 'stdout', 'stderr'] as const;

const file = v.strictObject({
  kind: documented(v.picklist(fileKinds, `one of ${fileKinds.join(', ')}`), {
    type: fileKinds.map((kind) => `"${kind}"`).join(' or '),
    otherwise: 'required',
    doc: 'What the descriptor is. The place in the list is its number.',
    example: '"stdin"',
  }),
  name: documented(
    v.optional(
      v.pipe(
        word(64),
        v.check((name) => !name.includes(':'), 'no colon'),
      ),
    ),
    {
      type: 'string without a colon',
      otherwise: 'the kind',
      doc: 'A name for the descriptor.',
      example: '"input"',
    },
  ),
});

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
      v.record(
        v.pipe(
          word(1024),
          v.check((name) => name !== '' && !name.includes('='), 'a name without ='),
        ),
        word(32_768),
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
    doc: 'Descriptors of the program. The list replaces the usual three.',
    example: '[{ kind = "null" }, { kind = "stdout" }, { kind = "stderr" }]',
  }),
  limits: documented(v.optional(limits, {}), {
    type: 'table',
    otherwise: 'as its keys say',
    doc: 'What the program may use. The Keep ends a program that passes a limit, with exit status 137.',
    example: '{ memory = "256MiB", wall = "30s" }',
  }),
});

export type EnarxConfig = v.InferOutput<typeof enarxToml>;

/** Tables that have keys of their own, by the name that the documentation gives them. */
export const tables = { '': enarxToml, '[[files]]': file, '[limits]': limits } as const;

/** The documentation of a table's keys, in order. */
export function documentationOf(
  table: (typeof tables)[keyof typeof tables],
): readonly (readonly [key: string, documentation: KeyDocumentation])[] {
  const entries: Readonly<Record<string, { readonly documentation: KeyDocumentation }>> = table.entries;
  return Object.entries(entries).map(([key, schema]) => {
    return [key, schema.documentation];
  });
}
