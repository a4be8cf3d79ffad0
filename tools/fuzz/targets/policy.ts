// SPDX-License-Identifier: Apache-2.0
import { explainPolicy, parsePolicy } from '@enarx/attestation';

import { openPolicy } from '../../../packages/attestation/test/policy/policy-text.ts';
import type { FuzzTarget } from '../target.ts';

const decoder = new TextDecoder();

/** What can be parsed can also be explained. */
const policy: FuzzTarget = {
  name: 'policy',
  run: (input) => explainPolicy(parsePolicy(decoder.decode(input))),
  seeds: () => [new TextEncoder().encode(openPolicy)],
  tokens: [
    '"any"',
    '"none"',
    'true',
    'false',
    '[[snp.firmware.minimum-tcb]]\n',
    'family = 0x19\n',
    '[snp]\n',
    '"""',
    "'''",
    '__proto__ = 1\n',
    'constructor',
    '\\u0000',
    '["sev"]',
    '[sev]\n',
    '1979-05-27T07:32:00Z',
    '= {',
    '#',
    '\r\n',
  ],
};

export default [policy];
