// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mayEncryptMemory } from '../src/processor.ts';

const cpuinfo = (vendor: string, flags: string): string =>
  `processor\t: 0\nvendor_id\t: ${vendor}\nmodel name\t: AuthenticAMD tdx_guest\nflags\t\t: fpu ${flags} ht\nbugs\t\t:\n`;

test('drivers of evidence are loaded on processors of AMD and Hygon, whatever flags the kernel shows, and in guests of TDX', () => {
  assert.ok(mayEncryptMemory(cpuinfo('AuthenticAMD', 'sse2')));
  assert.ok(mayEncryptMemory(cpuinfo('HygonGenuine', 'sse2')));
  assert.ok(mayEncryptMemory(cpuinfo('GenuineIntel', 'tdx_guest')));
});

test('drivers of evidence are not loaded on a processor that cannot have a TEE', () => {
  assert.equal(mayEncryptMemory(cpuinfo('GenuineIntel', 'sse2')), false);
  assert.equal(mayEncryptMemory(cpuinfo('GenuineIntel', 'tdx_guest_less')), false);
  assert.equal(mayEncryptMemory(''), false);
});
