// SPDX-License-Identifier: Apache-2.0
import { printable, type EnarxError } from '@enarx/protocol';

/** What `--json` can print. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Where a command's words go. */
export interface OutputStreams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly env: Readonly<Partial<Record<string, string>>>;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const codes: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/**
 * Results go to standard output, everything else to standard error. With `--json` a result is one JSON document on standard
 * output, on one line where that is no terminal, and events and errors are one line of JSON each on standard error. Text is coloured on a terminal only.
 */
export class Output {
  readonly json: boolean;
  /** Whether standard error is a terminal that a person looks at, where a line may be drawn over. */
  readonly live: boolean;
  readonly #streams: OutputStreams;
  #drawn = false;
  #simulated = false;

  constructor(streams: OutputStreams, json: boolean) {
    this.#streams = streams;
    this.json = json;
    this.live = !json && streams.stderr.isTTY === true && streams.env['TERM'] !== 'dumb';
  }

  /** The result of the command: the value with `--json`, the text otherwise. */
  result(value: Json, text: () => string): void {
    this.clearProgress();
    const { stdout } = this.#streams;
    const indent = stdout.isTTY === true ? 2 : 0;
    stdout.write(this.json ? `${JSON.stringify(value, null, indent)}\n` : withNewline(text()));
  }

  get simulated(): boolean {
    return this.#simulated;
  }

  /** From now on every event says that what vouches for the Keep is software. */
  markSimulated(): void {
    this.#simulated = true;
  }

  /** Something that happened on the way: `{"event": …}` with `--json`, the text otherwise where there is one. */
  event(event: string, fields: Readonly<Record<string, Json | undefined>>, text?: string): void {
    this.clearProgress();
    const { stderr } = this.#streams;
    if (this.json) stderr.write(`${JSON.stringify({ event, ...this.#mark, ...fields })}\n`);
    else if (text !== undefined) stderr.write(withNewline(this.#marked(text)));
  }

  /** What is being done right now, on a terminal only; the next line of any kind replaces it. */
  progress(text: string): void {
    if (!this.live) return;
    this.#streams.stderr.write(`\r\u001B[K${this.styled('dim', text)}`);
    this.#drawn = true;
  }

  clearProgress(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    this.#streams.stderr.write('\r\u001B[K');
  }

  /** An error as its reader needs it: what happened, what was found, how to mend it. Without the end of the line. */
  describe(error: EnarxError & { readonly request?: string | undefined }): string {
    const { code, kind, title, found, expected, mend, request } = error;
    this.clearProgress();
    if (this.json)
      return JSON.stringify({
        event: 'error',
        ...this.#mark,
        ...{ code, kind, title, found, expected, mend, request },
      });
    return [
      `${this.styled('red', 'error:')} ${printable(title)} ${this.styled('dim', `[${printable(code)}]`)}`,
      ...(found === undefined ? [] : [`  found: ${printable(found)}`]),
      ...(expected === undefined ? [] : [`  expected: ${printable(expected)}`]),
      `  mend: ${printable(mend)}`,
      ...(request === undefined ? [] : [`  request: ${request}, as the log of the host has it`]),
    ].join('\n');
  }

  /** Styles text for a stream, standard error if none is named, where that is a terminal. */
  styled(style: Style, text: string, on: 'stdout' | 'stderr' = 'stderr'): string {
    if (!this.#coloured(on)) return text;
    const [start, end] = codes[style];
    return `\u001B[${String(start)}m${text}\u001B[${String(end)}m`;
  }

  get #mark(): { readonly simulated?: true } {
    return this.#simulated ? { simulated: true } : {};
  }

  #marked(text: string): string {
    if (!this.#simulated) return text;
    const mark = this.styled('yellow', 'SIMULATED');
    return text
      .split('\n')
      .map((line) => `${mark} ${line}`)
      .join('\n');
  }

  #coloured(on: 'stdout' | 'stderr'): boolean {
    const { env } = this.#streams;
    if (this.json || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
    return this.#streams[on].isTTY === true;
  }
}

/** Rows as columns two blanks apart; the last column keeps its width. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] as number)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
