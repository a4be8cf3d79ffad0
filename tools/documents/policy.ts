// SPDX-License-Identifier: Apache-2.0
import { policyMarkdown } from '../../packages/attestation/src/policy/documentation.ts';
import { generatedNote } from './markdown.ts';

/** docs/policy.md. */
export function policyDocument(): Promise<string> {
  const [title, ...rest] = policyMarkdown().split('\n');
  const note = generatedNote('packages/attestation/src/policy');
  return Promise.resolve([title, '', note, ...rest].join('\n'));
}
