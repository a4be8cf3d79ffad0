// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { Field } from '../policy/field.ts';
import { policyLine, type Policy } from '../policy/policy.ts';
import type { Section } from '../policy/section.ts';
import { sections } from '../policy/sections.ts';
import type { TomlPath } from '../policy/toml-lines.ts';
import type { Check, CheckTable, Claims, EvidenceFormat, VerifiedEvidence } from '../verification.ts';
import { sameBytes } from './same-bytes.ts';

/** What the caller itself knows and evidence must say. */
export interface Expected {
  /** 64 bytes; `undefined` only where stored evidence is looked at and nothing is known of its making. */
  readonly reportData: Uint8Array | undefined;
}

/** Checks that every kind of evidence gets. */
export const commonPolicyChecks = {
  'policy/tee': 'The policy accepts this kind of TEE.',
  'policy/anchor': 'The policy accepts the root that the evidence ends in.',
  'policy/report-data':
    'REPORT_DATA is what the caller expects, over all 64 bytes: the evidence was made for this connection and this question.',
} as const satisfies CheckTable;

/**
 * Says whether anybody wants evidence that is genuine: one check for each field of the policy. A field that the policy
 * leaves open is `not-applicable`. Evidence of a kind that the policy does not accept fails `policy/tee`, and nothing else of
 * it is looked at.
 */
export function appraise(verified: VerifiedEvidence, policy: Policy, expected: Expected): readonly Check[] {
  const { format, claims } = verified;
  const tee = policy.tees.find((accepted) => accepted === format);
  const values = tee === undefined ? undefined : policy.sections[tee];
  const section = tee === undefined ? undefined : (sections[tee] as Section<Claims>);
  if (section === undefined || values === undefined) {
    const refused = `this is ${format} evidence; the policy accepts ${policy.tees.join(', ')}. Use a host of an accepted kind`;
    return [
      { id: 'policy/tee', status: 'fail', detail: refused, ...policyLine(policy, ['tees']) },
      ...policyCheckIds(format)
        .slice(1)
        .map((id): Check => ({
          id,
          status: 'not-applicable',
          detail: 'not reached: the policy does not accept this kind of TEE',
        })),
    ];
  }
  return [
    {
      id: 'policy/tee',
      status: 'pass',
      detail: `this is ${format} evidence, which the policy accepts`,
      ...policyLine(policy, ['tees', policy.tees.indexOf(format)]),
    },
    anchorCheck(verified, policy),
    reportDataCheck(section.reportData(claims), policy, expected),
    ...section.fields.map((field) => fieldCheck(field, claims, policy, format, values)),
  ];
}

/** The checks of appraisal for evidence that did not verify. */
export function notAppraised(format: EvidenceFormat): readonly Check[] {
  return policyCheckIds(format).map((id) => ({
    id,
    status: 'not-applicable',
    detail: 'not reached: the evidence did not verify',
  }));
}

/** Ids of the checks that appraisal makes of one kind of evidence, in their order. */
export function policyCheckIds(format: EvidenceFormat): readonly string[] {
  const fields = Object.values(sections).find(({ tee }) => tee === format)?.fields ?? [];
  return [...Object.keys(commonPolicyChecks), ...fields.map(({ id }) => id)];
}

function fieldCheck(
  field: Field<Claims>,
  claims: Claims,
  policy: Policy,
  format: EvidenceFormat,
  values: ReadonlyMap<string, unknown>,
): Check {
  const { id, subject, open, mend, path } = field;
  const value = values.get(path.join('.'));
  const line = (at: TomlPath = []): ReturnType<typeof policyLine> =>
    policyLine(policy, [format, ...path, ...at]);
  if (value === open) {
    const detail = `${subject}: the policy says "${open}"; the evidence has ${field.actual(claims)}`;
    return { id, status: 'not-applicable', detail, ...line() };
  }
  const { status, found = field.actual(claims), at } = field.judge(value, claims, values);
  const told = `${subject}: ${found}; the policy wants ${field.says(value)}`;
  return { id, status, detail: status === 'fail' ? `${told}. ${mend}` : told, ...line(at) };
}

function anchorCheck({ anchor }: VerifiedEvidence, policy: Policy): Check {
  const id = 'policy/anchor';
  const { anchors } = policy;
  const digest = toHex(anchor.spkiDigest);
  if (anchor.simulated) {
    const path = ['anchors', 'simulated'];
    const name = `SIMULATED anchor ${anchor.name} (key ${digest})`;
    if (anchors.simulated === 'passed')
      return { id, status: 'pass', detail: `${name}, which the caller passed`, ...policyLine(policy, path) };
    const index = anchors.simulated === 'none' ? -1 : anchors.simulated.indexOf(digest);
    return index < 0
      ? {
          id,
          status: 'fail',
          detail: `${name}, which the policy does not permit. Use a genuine TEE, or list this digest if you mean to simulate`,
          ...policyLine(policy, path),
        }
      : {
          id,
          status: 'pass',
          detail: `${name}, which the policy lists`,
          ...policyLine(policy, [...path, index]),
        };
  }
  const path = ['anchors', 'amd'];
  const name = `${anchor.name}, a root that this release pins`;
  if (anchors.amd === 'any')
    return {
      id,
      status: 'pass',
      detail: `${name}; the policy says "any" of them`,
      ...policyLine(policy, path),
    };
  const index = anchors.amd === 'none' ? -1 : anchors.amd.indexOf(anchor.name);
  return index < 0
    ? {
        id,
        status: 'fail',
        detail: `${name}; the policy wants ${anchors.amd === 'none' ? 'no vendor root' : anchors.amd.join(', ')}. Use a host whose processor has an accepted root`,
        ...policyLine(policy, path),
      }
    : {
        id,
        status: 'pass',
        detail: `${name}, which the policy lists`,
        ...policyLine(policy, [...path, index]),
      };
}

function reportDataCheck(actual: Uint8Array | undefined, policy: Policy, { reportData }: Expected): Check {
  const id = 'policy/report-data';
  const line = policyLine(policy, ['report-data']);
  if (actual === undefined)
    return reportData === undefined
      ? {
          id,
          status: 'not-applicable',
          detail:
            'this kind of evidence holds no report data; what is fresh is the launch session that begins with it',
          ...line,
        }
      : {
          id,
          status: 'fail',
          detail: `this kind of evidence holds no report data; expected ${toHex(reportData)}. Use a kind of TEE whose evidence does`,
          ...line,
        };
  if (reportData !== undefined)
    return sameBytes(actual, reportData)
      ? { id, status: 'pass', detail: 'REPORT_DATA is what was expected, all 64 bytes', ...line }
      : {
          id,
          status: 'fail',
          detail: `REPORT_DATA: ${toHex(actual)}; expected ${toHex(reportData)}. The evidence was made for another connection, question or key: ask again, and trust nothing of it`,
          ...line,
        };
  if (policy.reportData === 'required')
    return {
      id,
      status: 'fail',
      detail:
        'REPORT_DATA: nobody said what to expect, so this evidence may be of any age; the policy wants it known. Give it with --report-data',
      ...line,
    };
  return {
    id,
    status: 'not-applicable',
    detail: `REPORT_DATA: nobody said what to expect and the policy says "any": this evidence may be of any age; it has ${toHex(actual)}`,
    ...line,
  };
}
