// SPDX-License-Identifier: Apache-2.0
import { commonFields, listOrWord, vendorNames, vendors } from './common-fields.ts';
import type { Field } from './field.ts';
import { fieldName } from './parse.ts';
import type { Policy } from './policy.ts';
import { sections } from './sections.ts';
import type { TomlPath } from './toml-lines.ts';

/** One field of a policy, in words. */
export interface ExplainedField {
  /** As TOML spells it, `snp.guest-policy.debug` for example. */
  readonly field: string;
  /** From 1; `undefined` for a policy without a file. */
  readonly line: number | undefined;
  readonly means: string;
}

/** Says in words what each field of a policy accepts, in a fixed order. What weakens the policy begins with "open:". */
export function explainPolicy(policy: Policy): readonly ExplainedField[] {
  const { tees, anchors, reportData } = policy;
  const row = (path: TomlPath, means: string): ExplainedField => ({
    field: fieldName(path),
    line: policy.lines?.lineOf(path),
    means,
  });
  const { simulated } = anchors;
  return [
    row(
      commonFields.tees.path,
      `kind of TEE: ${tees.map((tee) => `${tee} (${sections[tee].title})`).join(' or ')}`,
    ),
    row(
      commonFields.reportData.path,
      reportData === 'required'
        ? 'report data: whoever verifies must say what it expects'
        : 'open: stored evidence is accepted without expected report data, so it may be of any age',
    ),
    ...vendors.flatMap((vendor) => {
      const roots = anchors[vendor];
      if (roots === undefined) return [];
      const means =
        roots === 'any'
          ? `open: any of ${vendorNames[vendor]}'s pinned roots`
          : `${vendorNames[vendor]}'s roots: ${roots === 'none' ? 'none' : roots.join(', ')}`;
      return [row(commonFields[vendor].path, means)];
    }),
    row(
      commonFields.simulated.path,
      simulated === 'none'
        ? 'SIMULATED roots: none'
        : `SIMULATED roots, where whoever verifies passes them: ${simulated === 'passed' ? 'any' : listOrWord(simulated)}`,
    ),
    ...tees.flatMap((tee) =>
      (sections[tee].fields as readonly Field<never>[]).map((field) => {
        const value = policy.sections[tee]?.get(field.path.join('.'));
        return row(
          [tee, ...field.path],
          value === field.open
            ? `open: ${field.subject} is not looked at`
            : `${field.subject}: ${field.says(value)}`,
        );
      }),
    ),
  ];
}
