// SPDX-License-Identifier: Apache-2.0
//
// What people read of the schema: the template of a new file, and docs/config.md.
import { documentationOf, tables } from './schema.ts';

/** A new Enarx.toml: every key, explained and commented out, so that the file says what holds anyway. */
export function configTemplate(): string {
  const lines = ['# What the program gets in its Keep. Nothing of the host or of this machine reaches it.'];
  for (const [name, table] of Object.entries(tables)) {
    lines.push('');
    if (name === '[[files]]') lines.push(`# ${tables[''].entries.files.documentation.doc}`);
    if (name !== '') lines.push(`#${headOf(name)}`);
    for (const [key, { doc, otherwise, example }] of documentationOf(table)) {
      if (name === '' && (key === 'files' || key === 'limits')) continue;
      const without = otherwise === 'required' ? 'Required.' : `Otherwise: ${otherwise}.`;
      lines.push(`# ${doc} ${without}`, `#${key} = ${example}`);
    }
    if (name === '[[files]]')
      for (const kind of ['stdout', 'stderr']) lines.push(`#${headOf(name)}`, `#kind = "${kind}"`);
  }
  return `${lines.join('\n')}\n`;
}

/** As TOML has it. */
function headOf(name: string): string {
  return name.split(' ')[0] as string;
}

/** docs/config.md, between its title and its end. */
export function configReference(): string {
  const parts: string[] = [];
  for (const [name, table] of Object.entries(tables)) {
    parts.push(name === '' ? '## Top level' : `## \`${name}\``, '');
    parts.push('| key | type | otherwise | meaning | example |', '|---|---|---|---|---|');
    for (const [key, { type, otherwise, doc, example }] of documentationOf(table))
      parts.push(`| \`${key}\` | ${type} | ${otherwise} | ${doc} | \`${key} = ${example}\` |`);
    parts.push('');
  }
  return parts.join('\n');
}
