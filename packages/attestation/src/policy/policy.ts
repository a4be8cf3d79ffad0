// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { Vendor } from '../anchors.ts';
import { attestationProblem } from '../problems.ts';
import type { SectionValues } from './field.ts';
import { sections, type PolicyTee } from './sections.ts';
import type { TomlLines, TomlPath } from './toml-lines.ts';

declare const checked: unique symbol;

/** A vendor's pinned roots by name. */
export type VendorRoots = 'any' | 'none' | readonly string[];

/**
 * Anchors that a policy permits. They are accepted only when the caller passes them too. A vendor of none of the policy's
 * kinds of TEE has no member.
 */
export interface PolicyAnchors extends Readonly<Partial<Record<Vendor, VendorRoots>>> {
  /**
   * Simulated anchors by SHA-256 of their key, in hexadecimal. `passed` permits whatever the caller passes and has no
   * spelling in a file, so that no file can switch simulation on.
   */
  readonly simulated: 'none' | 'passed' | readonly string[];
}

/** What somebody wants of evidence. Made by `parsePolicy` or `releasePolicy` only, which have checked every field. */
export interface Policy {
  readonly [checked]: true;
  readonly tees: readonly PolicyTee[];
  /** `required`: the caller must say which report data it expects, so that stored evidence is never taken for fresh. */
  readonly reportData: 'required' | 'any';
  readonly anchors: PolicyAnchors;
  /** For each of `tees`. */
  readonly sections: Readonly<Partial<Record<PolicyTee, SectionValues>>>;
  /** `undefined` when there is no file. */
  readonly lines: TomlLines | undefined;
}

/** For the two makers of policies. */
export function asPolicy(policy: Omit<Policy, typeof checked>): Policy {
  return policy as Policy;
}

/** Line of the policy file that a field stands on. */
export function policyLine(policy: Policy, path: TomlPath): { readonly policyLine?: number } {
  return policy.lines === undefined ? {} : { policyLine: policy.lines.lineOf(path) };
}

/**
 * What a client of a release expects of a simulated Keep when it was given no policy: a loader of this release, at
 * VMPL 0, that the host may neither debug nor move, under the simulated anchor that the caller passes, fresh. The rest is
 * open, for it would be a statement on a processor that does not exist.
 * @param measurements - launch digests of the release's loaders, 48 bytes each
 * @throws EnarxError `policy/invalid` for an empty list or a digest of another size
 */
export function releasePolicy({ measurements }: { readonly measurements: readonly Uint8Array[] }): Policy {
  if (measurements.length === 0 || measurements.some(({ length }) => length !== 48))
    throw attestationProblem('policy/invalid', {
      found: `measurements of ${measurements.map(({ length }) => String(length)).join(', ') || 'no'} bytes`,
      expected: 'at least one launch digest of 48 bytes',
    });
  const values = new Map<string, unknown>(
    sections.snp.fields.map(({ path, open }) => [path.join('.'), open]),
  );
  values.set('measurements', measurements.map(toHex));
  values.set('vmpl', [0]);
  values.set('guest-policy.debug', false);
  values.set('guest-policy.migrate-ma', false);
  return asPolicy({
    tees: ['snp'],
    reportData: 'required',
    anchors: { amd: 'none', simulated: 'passed' },
    sections: { snp: values },
    lines: undefined,
  });
}
