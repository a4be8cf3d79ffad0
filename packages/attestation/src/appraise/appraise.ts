// SPDX-License-Identifier: Apache-2.0
import { check, failed, notApplicable, notReached, passed, type Outcome } from '../checks.ts';
import type { Field, SectionValues } from '../policy/field.ts';
import { policyLine, type Policy } from '../policy/policy.ts';
import type { Section } from '../policy/section.ts';
import { sections } from '../policy/sections.ts';
import type { TomlPath } from '../policy/toml-lines.ts';
import type { Check, CheckTable, Claims, VerifiedEvidence } from '../verification.ts';
import { anchorOutcome } from './anchor.ts';
import { reportDataOutcome, type Expected } from './report-data.ts';

/** Checks that every kind of evidence gets. */
export const commonPolicyChecks = {
  'policy/tee': 'The policy accepts this kind of TEE',
  'policy/anchor': 'The policy accepts the root that the evidence ends in',
  'policy/report-data':
    'REPORT_DATA is what the caller expects, over all 64 bytes: the evidence was made for this connection and this question',
} as const satisfies CheckTable;

/**
 * Says whether anybody wants evidence that is genuine: one check for each field of the policy. A field that the policy
 * leaves open is `not-applicable`. Evidence of a kind that the policy does not accept fails `policy/tee`, and nothing else of
 * it is looked at.
 */
export function appraise(verified: VerifiedEvidence, policy: Policy, expected: Expected): readonly Check[] {
  const { format, anchor, claims } = verified;
  const at = (outcome: Outcome, id: string, path: TomlPath): Check => ({
    ...check(id, outcome),
    ...policyLine(policy, path),
  });
  const values = policy.sections[format];
  if (values === undefined) {
    const refused = `this is ${format} evidence; the policy accepts ${policy.tees.join(', ')}. Use a host of an accepted kind`;
    const [first, ...others] = notAppraised(format, 'the policy does not accept this kind of TEE');
    return [at(failed(refused), (first as Check).id, ['tees']), ...others];
  }
  const accepted = passed(`this is ${format} evidence, which the policy accepts`);
  const { outcome, path } = anchorOutcome(anchor, policy.anchors);
  return [
    at(accepted, 'policy/tee', ['tees', policy.tees.indexOf(format)]),
    at(outcome, 'policy/anchor', path),
    at(reportDataOutcome(verified, expected, policy.reportData), 'policy/report-data', ['report-data']),
    ...(sections[format] as Section<Claims>).fields.map((field) => {
      const found = fieldOutcome(field, claims, values);
      return at(found.outcome, field.id, [format, ...field.path, ...found.at]);
    }),
  ];
}

/** The checks of appraisal where it was not come to. */
export function notAppraised(format: Claims['format'], reason: string): readonly Check[] {
  const ids = [...Object.keys(commonPolicyChecks), ...sections[format].fields.map(({ id }) => id)];
  return ids.map((id) => check(id, notReached(reason)));
}

function fieldOutcome(
  field: Field<Claims>,
  claims: Claims,
  values: SectionValues,
): { readonly outcome: Outcome; readonly at: TomlPath } {
  const { subject, open, mend, path } = field;
  const value = values.get(path.join('.'));
  if (value === open)
    return {
      outcome: notApplicable(
        `${subject}: the policy says "${open}"; in the evidence: ${field.actual(claims)}`,
      ),
      at: [],
    };
  const { status, found = field.actual(claims), at = [] } = field.judge(value, claims, values);
  const told = `${subject}: ${found}; the policy wants ${field.says(value)}`;
  return { outcome: { status, detail: status === 'fail' ? `${told}. ${mend}` : told }, at };
}
