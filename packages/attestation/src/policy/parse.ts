// SPDX-License-Identifier: Apache-2.0
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { anchorsOf, type Vendor } from '../anchors.ts';
import { attestationProblem } from '../problems.ts';
import { vendorNames, vendors } from './common-fields.ts';
import { asPolicy, type Policy, type PolicyAnchors } from './policy.ts';
import { sectionSchema, sectionValues, type Section } from './section.ts';
import { policyTees, sections, type PolicyTee } from './sections.ts';
import { tomlLines, type TomlLines, type TomlPath } from './toml-lines.ts';
import { digests, orWord, strictTable, word, words } from './value-kinds.ts';

const longest = 256 * 1024;
/** Arrays and inline tables in each other; no field needs more than three. */
const deepest = 16;

const rootsOf = (vendor: Vendor): v.GenericSchema =>
  v.lazy((input) =>
    input === 'any' || input === 'none'
      ? v.literal(input)
      : words(anchorsOf[vendor].map(({ name }) => name)).schema,
  );

/** Something that is wrong with a policy, at one place in it. */
interface Complaint {
  readonly path: TomlPath;
  readonly message: string;
  /** A field that nobody knows. */
  readonly unknown: boolean;
}

/**
 * Reads a policy file. Every field must be there; none may be unknown.
 * @param toml - at most 256 KiB of TOML 1.0; docs/policy.md lists the fields
 * @throws EnarxError `policy/malformed`, `policy/invalid`; both name the line
 */
export function parsePolicy(toml: string): Policy {
  if (toml.length > longest)
    throw attestationProblem('policy/malformed', {
      found: `${String(toml.length)} characters`,
      expected: `at most ${String(longest)}`,
    });
  const document = readToml(toml);
  const lines = tomlLines(toml);
  const read = v.safeParse(documentSchema(document['tees']), document, { abortPipeEarly: true });
  if (!read.success) throw invalid(lines, read.issues.map(complaintOf));
  const policy = read.output as PolicyDocument;
  const contradictions = contradictionsIn(policy);
  if (contradictions.length > 0) throw invalid(lines, contradictions);
  return asPolicy({
    tees: policy.tees,
    reportData: policy['report-data'],
    anchors: policy.anchors,
    sections: Object.fromEntries(policy.tees.map((tee) => [tee, valuesOf(policy, tee)])),
    lines,
  });
}

interface PolicyDocument extends Partial<Record<PolicyTee, unknown>> {
  readonly tees: readonly PolicyTee[];
  readonly 'report-data': 'required' | 'any';
  readonly anchors: PolicyAnchors;
}

function readToml(toml: string): Readonly<Record<string, unknown>> {
  try {
    return parse(toml, { maxDepth: deepest });
  } catch (cause) {
    // The message carries a drawing of the place behind its first line.
    const found = String(cause instanceof Error ? cause.message : cause).split('\n')[0] as string;
    const line = (cause as { line?: unknown }).line;
    throw attestationProblem('policy/malformed', {
      found: typeof line === 'number' ? `line ${String(line)}: ${found}` : found,
      cause,
    });
  }
}

/** @param tees - what the document says there, of any type: it decides which tables must be there */
function documentSchema(tees: unknown): v.GenericSchema {
  const named: readonly unknown[] = Array.isArray(tees) ? tees : [];
  return strictTable({
    version: v.literal(1, 'must be 1, the only version that this release knows'),
    tees: words(policyTees).schema,
    'report-data': orWord('any', word('required', 'any', '')),
    anchors: strictTable({
      ...Object.fromEntries(
        vendors.map((vendor) => [
          vendor,
          policyTees.some((tee) => named.includes(tee) && sections[tee].vendor === vendor)
            ? rootsOf(vendor)
            : v.optional(v.never(`tees names no kind of ${vendorNames[vendor]}'s; take this away`)),
        ]),
      ),
      simulated: orWord('none', digests(32)),
    }),
    ...Object.fromEntries(
      policyTees.map((tee) => [
        tee,
        named.includes(tee)
          ? sectionSchema(sections[tee] as Section<unknown>)
          : v.optional(v.never(`tees does not name "${tee}"; name it there or take the table away`)),
      ]),
    ),
  });
}

function complaintOf(issue: v.BaseIssue<unknown>): Complaint {
  return {
    // A document is a table always, so that what is wrong is in it and has a path.
    path: (issue.path as readonly v.IssuePathItem[]).map(({ key }) => key as string | number),
    message: issue.message,
    unknown: issue.type === 'strict_object' && issue.expected === 'never',
  };
}

function contradictionsIn(policy: PolicyDocument): Complaint[] {
  const complaints: Complaint[] = [];
  const { simulated, ...ofVendors } = policy.anchors;
  if (simulated === 'none' && Object.values(ofVendors).every((roots) => roots === 'none'))
    complaints.push({
      path: ['anchors'],
      message: 'no anchor is accepted, so no evidence could ever be',
      unknown: false,
    });
  for (const tee of policy.tees) {
    const found = sections[tee].contradiction(valuesOf(policy, tee));
    if (found !== undefined)
      complaints.push({ path: [tee, ...found.path], message: found.message, unknown: false });
  }
  return complaints;
}

function valuesOf(policy: PolicyDocument, tee: PolicyTee): ReturnType<typeof sectionValues> {
  return sectionValues(sections[tee] as Section<unknown>, policy[tee]);
}

/**
 * Told is what stands first in the file; but a field that nobody knows comes before all, for it is often a misspelt one and
 * then the reason why another is missing.
 */
function invalid(lines: TomlLines, complaints: readonly Complaint[]): Error {
  const sorted = complaints
    .map((complaint) => ({ ...complaint, line: lines.lineOf(complaint.path) }))
    .sort((a, b) => Number(b.unknown) - Number(a.unknown) || a.line - b.line);
  const { line, path, message } = sorted[0] as (typeof sorted)[0];
  const others = sorted.length - 1;
  return attestationProblem('policy/invalid', {
    found: `line ${String(line)}, ${fieldName(path)}: ${message}${others === 0 ? '' : ` (and ${String(others)} more)`}`,
  });
}

/** As TOML spells it; elements of a list by their number from 1. */
export function fieldName(path: TomlPath): string {
  let name = '';
  for (const key of path) {
    if (typeof key === 'number') name += `[${String(key + 1)}]`;
    else
      name += `${name === '' ? '' : '.'}${/^[A-Za-z0-9_-]{1,64}$/.test(key) ? key : JSON.stringify(key.slice(0, 64))}`;
  }
  return name;
}
