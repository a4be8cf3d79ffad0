// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatTime } from '../src/calendar.ts';
import { reasonOf } from '../src/checks.ts';
import { attestationProblem } from '../src/problems.ts';

test('the sentence of a typed error becomes the detail of a check, our own faults go on as they are', () => {
  assert.match(reasonOf(attestationProblem('der/malformed', { found: 'noise' })), /found noise/);
  const fault = new TypeError('a bug');
  assert.throws(() => reasonOf(fault), fault);
});

test('points in time are written as people read them, before 1970 and after 2100 too', () => {
  for (const text of [
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00Z',
    '2000-02-29T12:34:56Z',
    '9999-12-31T23:59:59Z',
  ])
    assert.equal(formatTime(Date.parse(text)), text);
});
