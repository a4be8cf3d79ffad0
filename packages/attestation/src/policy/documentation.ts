// SPDX-License-Identifier: Apache-2.0
import { commonFields, type CommonField } from './common-fields.ts';
import { fieldName } from './parse.ts';
import { recommendedMinimumTcb } from './minimum-tcb-table.ts';
import { sections } from './sections.ts';
import type { CheckTable } from '../verification.ts';

const introduction = `# Policies

Verifying says whether evidence is genuine. A policy says whether you want it. It is a TOML file:

\`\`\`sh
enarx policy init --evidence report.bin --endorsements vcek.der --endorsements cert_chain.pem > policy.toml
enarx policy check policy.toml
enarx evidence verify --evidence report.bin --endorsements vcek.der --endorsements cert_chain.pem --policy policy.toml
\`\`\`

\`init\` writes a commented policy from verified evidence; read it, and think about each WARNING. \`check\` says in words what each line accepts. \`verify\` lists every
check with the line of the policy that decided.

## Rules

- **Every field must be there.** A field that you do not care about is left open by a word, mostly \`"any"\`. So the file shows what is not checked, and a field that is
  forgotten or misspelt is an error, never a check that does not run.
- **No empty list.** It would either accept everything or nothing, and nobody should have to know which.
- **Simulation is never switched on by a file alone.** A policy permits a simulated root by the SHA-256 of its key; whoever verifies must pass that same root with \`--anchor\` as well, and every line of
  the output says SIMULATED. Without both, the evidence is rejected.
- **A policy may accept several kinds of TEE.** \`tees\` names them, each has a table of its own, and evidence is held against the table of its kind.
- **Lists of digests** may hold an old and a new value while you roll out an update.

## Freshness

An SEV-SNP report carries no time. What makes it fresh is its report data: 64 bytes that the verifier chose, or that follow from the connection. \`enarx run\` and \`enarx keep attest\` compute them from their own
side of the connection and always compare all 64 bytes, whatever the policy says. A demand on the age of the evidence itself has no meaning for this kind; \`report-data = "required"\` is the demand that has one: it
refuses stored evidence of which the verifier cannot say what it should hold. A Nitro document does carry a time, of the hypervisor: \`most-age\` bounds it, and the user data is what is held against the expected report data. Certificates and revocation lists do carry times; \`enarx evidence verify --at\` says which time they are held against.

## Milan deserves thought

In May 2026 it was published (BadFuse, arXiv 2605.12990) that software alone can take the root seed out of a Milan processor. Whoever holds the seed of one chip can make valid reports for that chip, with any
measurement and any version. **No minimum of versions helps**, since the versions are part of what can be forged. What helps is to refuse Milan (leave it out of \`products\`, and leave \`ARK-Milan\` out of \`anchors.amd\`), or to accept
it only for chips that you know and own (\`chips-accepted\`). A VLEK names no chip, so Milan with a VLEK cannot be accepted in this way. \`init\` writes the chip of the evidence into \`chips-accepted\` for a Milan, and a WARNING beside it.

## Minimum versions

Each component counts for itself: a new microcode does not make up for an old boot loader. The same minimum is held against the reported version (from which the signing key is derived) and the committed one (below which the platform
cannot go back), and where \`launch-tcb\` says so against the version at launch. Microcode is numbered for each processor model, so the rows go by family and model: a Siena (Genoa line, model A0h) has other numbers than a Genoa (model 11h).
`;

/** The text of docs/policy.md. */
export function policyMarkdown(): string {
  const { date, source, rows } = recommendedMinimumTcb;
  const hex = (value: number): string => `${value.toString(16).toUpperCase().padStart(2, '0')}h`;
  const recommended = [
    `Recommended as of ${date} (${source}):`,
    '',
    '| product | family | models | fmc | bootloader | tee | snp | microcode |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map(
      ({ product, family, models: [first, last], fmc, bootloader, tee, snp, microcode }) =>
        `| ${product} | ${hex(family)} | ${hex(first)} to ${hex(last)} | ${fmc === undefined ? '' : String(fmc)} | ${String(bootloader)} | ${String(tee)} | ${String(snp)} | ${String(microcode)} |`,
    ),
  ];
  const parts = [
    introduction,
    recommended.join('\n'),
    '## Fields of every policy',
    ...Object.values(commonFields).map((field) => commonText(field)),
  ];
  for (const { tee, title, fields } of Object.values(sections)) {
    parts.push(`## \`[${tee}]\`: ${title}`);
    for (const { path, purpose, values, id, subject } of fields)
      parts.push(
        `### \`${fieldName([tee, ...path])}\`\n\nLooks at: ${subject}.\n\n${purpose}\n\nMay be: ${values}. Check: \`${id}\`.`,
      );
  }
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

function commonText({ path, purpose, values }: CommonField): string {
  return `### \`${fieldName(path)}\`\n\n${purpose}\n\nMay be: ${values}.`;
}

/** Every check that appraisal makes of a field, for docs/checks.md. */
export const policyFieldChecks = Object.fromEntries(
  Object.values(sections).flatMap(({ tee, fields }) =>
    fields.map(({ id, subject, path }) => [
      id,
      `\`${fieldName([tee, ...path])}\`: the ${subject} is as the policy wants`,
    ]),
  ),
) satisfies CheckTable;
