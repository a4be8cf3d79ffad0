// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '@enarx/protocol/nearest-word';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';

import { readNamedBytes } from '../named-file.ts';
import { cliProblem } from '../problems.ts';
import { enarxToml, tableOfFile, tables, type EnarxConfig } from './schema.ts';

/** More than any real configuration; the parser's time grows with it. */
const largest = 1_048_576;

/**
 * Reads the text of an Enarx.toml.
 *
 * @param name - of the file, for errors
 * @throws EnarxError `config/invalid` with the line, what was found and what was expected
 */
export function parseConfig(text: string, name: string): EnarxConfig {
  const invalid = (found: string, expected?: string, cause?: unknown): Error =>
    cliProblem('config/invalid', {
      found: `${name}${found}`,
      expected,
      cause,
    });
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [message = ''] = error.message.split('\n');
    throw invalid(
      `:${String(error.line)}: ${message.replace(/^Invalid TOML document: /, '')}`,
      'TOML 1.0',
      error,
    );
  }
  const result = v.safeParse(enarxToml, document, { abortEarly: true });
  if (result.success) return result.output;
  const { path = [], expected, message, received, type } = result.issues[0];
  const keys = path.map(({ key }) => String(key));
  if (type === 'strict_object' && received === 'undefined')
    throw invalid(
      `${lineOf(text, keys.slice(0, -1))}: ${keys.slice(0, -1).join('.')} has no ${keys.at(-1) as string}`,
    );
  const where = `${lineOf(text, keys)}: ${keys.join('.')}`;
  if (type === 'strict_object' && expected === 'never') {
    const known = keysBeside(keys, document);
    const meant = nearestWord(keys.at(-1) as string, known);
    throw invalid(
      `${where} is no key here`,
      `${known.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }
  const wanted = message.startsWith('Invalid ') ? (shapes[expected ?? ''] ?? expected ?? message) : message;
  throw invalid(
    `${where} is ${shapes[received.replace(/^_/, '')] ?? received}`,
    `${wanted}${suggestion(received, expected)}`,
  );
}

/** The word that was meant, where some stand for choice. Both are in the validator's notation: words in quotation marks, types without. */
function suggestion(received: string, expected: string | null): string {
  const [, word] = /^"(.*)"$/s.exec(received) ?? [];
  const known = Array.from((expected ?? '').matchAll(/"([^"]*)"/g), ([, choice]) => choice as string);
  const meant = word === undefined ? undefined : nearestWord(word, known);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}

/** What TOML calls the things that the validator has other names for. */
const shapes: Readonly<Record<string, string>> = {
  Array: 'an array',
  Object: 'a table',
  string: 'a string',
  number: 'a number',
  TomlDate: 'a date or time',
};

/** Keys that may stand where the path ends. */
function keysBeside(path: readonly string[], document: unknown): string[] {
  const [first, index] = path;
  if (path.length === 1) return Object.keys(tables[''].entries);
  if (first !== 'files') return Object.keys(tables['[limits]'].entries);
  const { files } = document as { readonly files: readonly { readonly kind?: unknown }[] };
  return Object.keys(tableOfFile(files[Number(index)]?.kind).entries);
}

/** `:LINE` of the last key of the path, in its own table, as near as a search finds it: parsers of TOML do not keep places. */
function lineOf(text: string, path: readonly string[]): string {
  const [table = '', index = ''] = path;
  const header = [
    ...text.matchAll(new RegExp(`^[ \\t]*\\[{1,2}[ \\t]*${escaped(table)}[ \\t]*\\]`, 'gm')),
  ].at(/^\d+$/.test(index) ? Number(index) : 0);
  const key = path.findLast((part) => !/^\d+$/.test(part));
  if (key === undefined) return '';
  const from = header?.index ?? 0;
  if (header !== undefined && key === table) return lineAt(text, from);
  const start = new RegExp(`(^|[\\s.{,[])["']?${escaped(key)}["']?\\s*[=.\\]]`, 'm').exec(text.slice(from));
  return start === null ? '' : lineAt(text, from + start.index + (start[1] as string).length);
}

function lineAt(text: string, offset: number): string {
  return `:${String(text.slice(0, offset).split('\n').length)}`;
}

function escaped(key: string): string {
  return key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/**
 * Reads an Enarx.toml.
 * @throws EnarxError `cli/file-unreadable`, `config/invalid`
 */
export async function readConfig(file: string): Promise<EnarxConfig> {
  // One byte more than is taken, so that a device or a pipe without end is refused as well.
  const bytes = await readNamedBytes(file, largest + 1);
  if (bytes.length > largest)
    throw cliProblem('config/invalid', {
      found: `${file}: more than that`,
      expected: `at most ${String(largest)} bytes`,
    });
  return parseConfig(textOf(bytes, file), file);
}

/** TOML is UTF-8; anything else would reach the program as something else. */
function textOf(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw cliProblem('config/invalid', {
      found: `${file}: bytes that are no UTF-8`,
      expected: 'TOML 1.0',
      cause,
    });
  }
}
