// SPDX-License-Identifier: Apache-2.0

/** A table of Markdown. Bars in cells are escaped; nothing else is. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What stands on top of a document that nobody should edit. */
export const generatedNote = (from: string): string =>
  `<!-- Generated from ${from} by tools/generate-docs.ts (npm run docs). -->`;
