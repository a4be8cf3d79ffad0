// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import { attestationProblem } from '../problems.ts';
import type { Claims, Verification } from '../verification.ts';
import { commonFields, listOrWord, type CommonField } from './common-fields.ts';
import type { Field } from './field.ts';
import type { Section } from './section.ts';
import { sections } from './sections.ts';

/**
 * A policy file that accepts the given evidence and the like of it, with a comment on every field. Where the evidence shows
 * something that a careful reader would not want, the comment says WARNING.
 * @returns TOML text
 * @throws EnarxError `policy/evidence-unverified`
 */
export function policyTemplate(verification: Verification): string {
  const { verified } = verification;
  if (verified === undefined) {
    const failed = verification.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    throw attestationProblem('policy/evidence-unverified', { found: `failed checks ${failed.join(', ')}` });
  }
  const { anchor, format } = verified;
  const section = sections[format] as Section<Claims>;
  const tables = [
    ...(verified.simulated
      ? [
          comment(
            'SIMULATED: made from evidence of a simulated processor, which proves nothing about its host.',
          ),
        ]
      : []),
    comment(
      'What is wanted of evidence. Every field must be there; one that you do not care about is left open by its word, "any" or "none".',
    ),
    common(commonFields.version, '1'),
    common(commonFields.tees, `["${format}"]`),
    common(commonFields.reportData, '"any"'),
    '[anchors]',
    common(commonFields[section.vendor], listOrWord(anchor.simulated ? 'none' : [anchor.name])),
    common(commonFields.simulated, listOrWord(anchor.simulated ? [toHex(anchor.spkiDigest)] : 'none')),
    `# ${section.title}\n[${format}]`,
  ];
  let table = '';
  for (const field of section.fields) {
    const within = field.path.slice(0, -1).join('.');
    if (within !== table) tables.push(`[${format}.${within}]`);
    table = within;
    tables.push(fieldText(field, verified));
  }
  return `${tables.join('\n\n')}\n`;
}

function common({ path, purpose, values }: CommonField, value: string): string {
  return [comment(purpose), comment(`May be: ${values}`), `${String(path.at(-1))} = ${value}`].join('\n');
}

function fieldText<C>(field: Field<C>, { claims }: { readonly claims: C }): string {
  const { value, warning } = field.suggest(claims);
  return [
    comment(field.purpose),
    comment(`May be: ${field.values}`),
    comment(`In the evidence: ${field.actual(claims)}`),
    ...(warning === undefined ? [] : [comment(`WARNING: ${warning}.`)]),
    `${field.path.at(-1) as string} = ${field.toml(value)}`,
  ].join('\n');
}

const width = 118;

/**
 * Words of evidence stand in comments too. Nothing that ends a line may, or a certificate could write the policy that
 * accepts it.
 */
function comment(text: string): string {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.replace(/[^\x20-\x7e]/g, '?').split(' ')) {
    if (line.length + 1 + word.length > width && line !== '#') {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
