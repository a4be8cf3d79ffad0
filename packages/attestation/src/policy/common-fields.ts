// SPDX-License-Identifier: Apache-2.0
import { amdAnchors } from '../anchors.ts';
import type { PolicyAnchors } from './policy.ts';
import { policyTees } from './sections.ts';
import type { TomlPath } from './toml-lines.ts';

/** What documentation, template and explanation say of a field that every policy has. */
export interface CommonField {
  readonly path: TomlPath;
  readonly purpose: string;
  readonly values: string;
}

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

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
  amd: {
    path: ['anchors', 'amd'],
    purpose: `AMD's roots that are accepted, by name; their keys are pinned in the release. ARK-Milan deserves thought: see \`products\`.`,
    values: `a list of some of ${quoted(amdAnchors.map(({ name }) => name))}, or "any" of them, or "none"`,
  },
  simulated: {
    path: ['anchors', 'simulated'],
    purpose:
      'Roots of simulated processors that are permitted, by the SHA-256 of their key. This alone switches nothing on: whoever verifies must pass the same root by name (`--anchor`). A simulated processor proves nothing about its host.',
    values: 'a list of 32-byte values in hexadecimal, or "none"',
  },
} as const satisfies Record<string, CommonField>;

export function listOrWord(value: PolicyAnchors[keyof PolicyAnchors] | readonly string[]): string {
  return typeof value === 'string' ? `"${value}"` : `[${quoted(value)}]`;
}
