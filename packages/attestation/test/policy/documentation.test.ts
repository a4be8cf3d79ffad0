// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { commonPolicyChecks } from '../../src/appraise/appraise.ts';
import { policyFieldChecks, policyMarkdown } from '../../src/policy/documentation.ts';
import { openPolicy } from './policy-text.ts';
import { sevTable } from '../appraise/sev-evidence.ts';

test('every field that a policy has is documented, with what may be written and the check that it makes', () => {
  const text = policyMarkdown();
  let table = '';
  for (const [, header, key] of `${openPolicy}${sevTable()}`.matchAll(/^\[(.*)\]$|^([a-z0-9-]+) = /gm)) {
    if (header !== undefined) {
      table = `${header}.`;
      continue;
    }
    const part = text.split('\n### ').find((one) => one.startsWith(`\`${table}${key as string}\`\n`));
    assert.ok(part !== undefined, `${table}${key as string}`);
    assert.match(part, /May be: ./);
    if (/^(snp|sev)/.test(table))
      assert.ok(part.includes(`policy/${`${table}${key as string}`.replaceAll('.', '-')}`));
  }
  assert.match(text, /no minimum of versions helps/i);
});

test('every check of appraisal is described once', () => {
  const described = [...Object.keys(commonPolicyChecks), ...Object.keys(policyFieldChecks)];
  assert.equal(new Set(described).size, described.length);
  for (const line of Object.values(policyFieldChecks))
    assert.match(line, /^`(snp|sev|sgx|tdx|nitro)\.[a-z0-9.-]+`: the ./);
});
