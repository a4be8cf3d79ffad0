// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import fc from 'fast-check';
import { parse } from 'smol-toml';

import { tomlLines, type TomlPath } from '../../src/policy/toml-lines.ts';

/** Lines of every path, checked to be of a valid document. */
function linesOf(document: string): Record<string, number> {
  parse(document);
  const lines = tomlLines(document);
  return Object.fromEntries(lines.paths().map((path) => [path.join('/'), lines.lineOf(path)]));
}

suite('the line of a value', () => {
  test('is that of its key, in tables and in tables of tables', () => {
    assert.deepEqual(linesOf('a = 1\n\n[b]\nc = 2\n# d = 3\n[b.e]\nf = 4\n'), {
      a: 1,
      b: 3,
      'b/c': 4,
      'b/e': 6,
      'b/e/f': 7,
    });
  });

  test('is found behind values of many lines', () => {
    const document = [
      'a = """',
      'b = 1',
      '""" # comment with """',
      "c = '''",
      '[d]',
      "'' quotes'''''",
      'e = """\\"""\\\\""""',
      'f = [',
      '  1, # one ]',
      '  "two]",',
      '  [',
      '    3',
      '  ],',
      ']',
      'g = 1979-05-27 07:32:00',
      'h = 1',
    ].join('\n');
    assert.deepEqual(linesOf(document), {
      a: 1,
      c: 4,
      e: 7,
      f: 8,
      'f/0': 9,
      'f/1': 10,
      'f/2': 11,
      'f/2/0': 12,
      g: 15,
      h: 16,
    });
  });

  test('is found for dotted keys, with blanks around the dots', () => {
    assert.deepEqual(linesOf('\na . b."c.d" = 1\na.e = 2\n[ f . g ]\nh.i = 3\n'), {
      a: 2,
      'a/b': 2,
      'a/b/c.d': 2,
      'a/e': 3,
      f: 4,
      'f/g': 4,
      'f/g/h': 5,
      'f/g/h/i': 5,
    });
  });

  test('is found for quoted keys, which may hold anything', () => {
    assert.deepEqual(linesOf('"a\\u0062" = 1\n\'[c]\' = 2\n"d = \\"x\\"" = 3\n"" = 4\n'), {
      ab: 1,
      '[c]': 2,
      'd = "x"': 3,
      '': 4,
    });
  });

  test('is found in inline tables', () => {
    assert.deepEqual(
      linesOf('a = [\n  { b = 1, c.d = 2 },\n  { b = { e = "}" } }, {}\n]\nf = {}\ng = []\n'),
      {
        a: 1,
        'a/0': 2,
        'a/0/b': 2,
        'a/0/c': 2,
        'a/0/c/d': 2,
        'a/1': 3,
        'a/1/b': 3,
        'a/1/b/e': 3,
        'a/2': 3,
        f: 5,
        g: 6,
      },
    );
  });

  test('is found in arrays of tables, and below each of them', () => {
    assert.deepEqual(
      linesOf('[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\nb = 3\n[[a.e]]\nf = 4\n[[a.e]]\nf = 5\n[a.c]\nd = 6\n'),
      {
        a: 1,
        'a/0': 1,
        'a/0/b': 2,
        'a/0/c': 3,
        'a/0/c/d': 4,
        'a/1': 5,
        'a/1/b': 6,
        'a/1/e': 7,
        'a/1/e/0': 7,
        'a/1/e/0/f': 8,
        'a/1/e/1': 9,
        'a/1/e/1/f': 10,
        'a/1/c': 11,
        'a/1/c/d': 12,
      },
    );
  });

  test('counts lines that end as Windows ends them', () => {
    assert.deepEqual(linesOf('a = 1\r\nb = [\r\n1,\r\n]\r\n[c]\r\nd = 2\r\n'), {
      a: 1,
      b: 2,
      'b/0': 3,
      c: 5,
      'c/d': 6,
    });
  });

  test('is that of the nearest table where the path has none', () => {
    const lines = tomlLines('a = 1\n[b]\nc = 1\n');
    assert.equal(lines.lineOf(['b', 'missing', 'deeper']), 2);
    assert.equal(lines.lineOf(['missing']), 1);
    assert.equal(lines.lineOf([]), 1);
  });

  test('takes time in proportion to the text, whatever stands in it', () => {
    const begin = performance.now();
    for (const document of [
      `${'a.'.repeat(2 ** 17 - 2)}b = 1`,
      `a = """${'"x'.repeat(2 ** 17 - 8)}"""`,
      `a = "${'\\\\'.repeat(2 ** 17 - 8)}"`,
      `a = [${'1,'.repeat(2 ** 17 - 8)}]`,
      '[[a]]\n'.repeat(2 ** 15),
      '#'.repeat(2 ** 18),
      '\n'.repeat(2 ** 18),
    ])
      tomlLines(document);
    assert.ok(performance.now() - begin < 5000);
  });
});

/** A value to write, and how. */
type Shape =
  | { readonly kind: 'number' }
  | { readonly kind: 'text' }
  | { readonly kind: 'long' }
  | { readonly kind: 'array'; readonly items: readonly Shape[]; readonly spread: boolean }
  | { readonly kind: 'inline'; readonly entries: readonly (readonly [string, Shape])[] };

/** Writes TOML and notes on which line it wrote each path. */
class Writer {
  text = '';
  readonly lines: Record<string, number> = {};
  note(path: TomlPath): void {
    this.lines[JSON.stringify(path)] ??= this.text.split('\n').length;
  }
  value(shape: Shape, path: TomlPath): void {
    if (shape.kind === 'number') this.text += '-1_0.5e3';
    else if (shape.kind === 'text') this.text += '"a # \\" ] } = \'"';
    else if (shape.kind === 'long') this.text += '"""\n[x]\ny = 1 \\""" ""\n"""';
    else if (shape.kind === 'array') {
      const gap = shape.spread ? ' # ]\n\n  ' : ' ';
      this.text += `[${gap}`;
      for (const [index, item] of shape.items.entries()) {
        this.note([...path, index]);
        this.value(item, [...path, index]);
        this.text += `${gap},${gap}`;
      }
      this.text += ']';
    } else {
      this.text += '{ ';
      for (const [index, [key, item]] of shape.entries.entries()) {
        if (index > 0) this.text += ' , ';
        this.entry(key, item, path);
      }
      this.text += ' }';
    }
  }
  entry(key: string, shape: Shape, path: TomlPath): void {
    this.note([...path, key]);
    this.text += `${/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)} = `;
    this.value(shape, [...path, key]);
  }
}

test('the lines of generated documents are those on which they were written', () => {
  const key = fc.constantFrom('a', 'b-c', 'D_1', 'e.f', '"', '# x', '7');
  const { shape }: { readonly shape: fc.Arbitrary<Shape> } = fc.letrec<{ shape: Shape }>((tie) => ({
    shape: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Shape>({ kind: 'number' }, { kind: 'text' }, { kind: 'long' }),
      fc.record({
        kind: fc.constant('array' as const),
        items: fc.array(tie('shape'), { maxLength: 3 }),
        spread: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('inline' as const),
        entries: fc.uniqueArray(fc.tuple(key, tie('shape')), { maxLength: 3, selector: ([name]) => name }),
      }),
    ),
  }));
  const table = fc.uniqueArray(fc.tuple(key, shape), { maxLength: 4, selector: ([name]) => name });
  const tables = fc.uniqueArray(
    fc.tuple(fc.constantFrom('t', 'u', 'v v'), fc.boolean(), fc.array(table, { minLength: 1, maxLength: 3 })),
    {
      selector: ([name]) => name,
    },
  );
  fc.assert(
    fc.property(table, tables, fc.constantFrom('', '\n', '  # c\n\n'), (root, named, gap) => {
      const out = new Writer();
      for (const [name, item] of root) {
        out.text += gap;
        out.entry(name, item, []);
        out.text += '\n';
      }
      for (const [name, double, all] of named) {
        for (const [index, entries] of (double ? all : all.slice(0, 1)).entries()) {
          out.text += gap;
          out.note([name]);
          const path = double ? [name, index] : [name];
          out.note(path);
          out.text += double ? `[[ ${JSON.stringify(name)} ]]\n` : `[${JSON.stringify(name)}]\n`;
          for (const [inner, item] of entries) {
            out.entry(inner, item, path);
            out.text += '\n';
          }
        }
      }
      parse(out.text);
      const lines = tomlLines(out.text);
      const found = Object.fromEntries(
        lines.paths().map((path) => [JSON.stringify(path), lines.lineOf(path)]),
      );
      assert.deepEqual(found, out.lines);
    }),
    { numRuns: 500 },
  );
});
