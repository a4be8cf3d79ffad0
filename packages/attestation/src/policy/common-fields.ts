// SPDX-License-Identifier: Apache-2.0
import { anchorsOf, type Vendor } from '../anchors.ts';
import type { VendorRoots } from './policy.ts';
import { policyTees } from './sections.ts';
import type { TomlPath } from './toml-lines.ts';

/** What documentation, template and explanation say of a field that every policy has. */
export interface CommonField {
  readonly path: TomlPath;
  readonly purpose: string;
  readonly values: string;
}

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

export const vendors = Object.keys(anchorsOf) as readonly Vendor[];

/** As people write them. */
export const vendorNames: Readonly<Record<Vendor, string>> = { amd: 'AMD', intel: 'Intel', aws: 'AWS' };

export const commonFields = {
  version: {
    path: ['version'],
    purpose: 'Version of this format.',
    values: '1',
  },
  tees: {
    path: ['tees'],
    purpose:
      'Kinds of TEE that are accepted. Each has a table of its name below, and no other table may be there.',
    values: `a list of some of ${quoted(policyTees)}`,
  },
  reportData: {
    path: ['report-data'],
    purpose:
      'Whether whoever verifies must say which report data it expects. That is what makes evidence fresh, since a report carries no time: `enarx run` and `enarx keep attest` always compare all 64 bytes with those of their own connection, whatever stands here. "required" refuses stored evidence of which nothing is known but its bytes.',
    values: '"required", or "any"',
  },
  amd: vendorRoots('amd', ' ARK-Milan deserves thought: see `products`.'),
  intel: vendorRoots('intel', ''),
  aws: vendorRoots(
    'aws',
    ' There is one for each partition; that of China is not pinned, since AWS prints it nowhere, so that its documents are refused.',
  ),
  simulated: {
    path: ['anchors', 'simulated'],
    purpose:
      'Roots of simulated processors that are permitted, by the SHA-256 of their key. This alone switches nothing on: whoever verifies must pass the same root by name (`--anchor`). A simulated processor proves nothing about its host.',
    values: 'a list of 32-byte values in hexadecimal, or "none"',
  },
} as const satisfies Record<string, CommonField>;

function vendorRoots(vendor: Vendor, thought: string): CommonField {
  const name = vendorNames[vendor];
  return {
    path: ['anchors', vendor],
    purpose: `${name}'s roots that are accepted, by name; their keys are pinned in the release. To be there exactly when \`tees\` names a kind of ${name}'s.${thought}`,
    values: `a list of some of ${quoted(anchorsOf[vendor].map((anchor) => anchor.name))}, or "any" of them, or "none"`,
  };
}

export function listOrWord(value: VendorRoots | 'passed' | readonly string[]): string {
  return typeof value === 'string' ? `"${value}"` : `[${quoted(value)}]`;
}
