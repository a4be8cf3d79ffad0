// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Lease } from '../src/keeps/lease.ts';

test('a lease longer than a timer can be is over when it is over, and not before', (context) => {
  const day = 86_400_000;
  let elapsed = 0;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  mock.method(performance, 'now', () => elapsed);
  let over = 0;
  const lease = new Lease(
    () => 1000,
    () => {
      over += 1;
    },
  );
  lease.grant(60 * day);
  for (let passed = 0; passed < 59; passed += 1) {
    elapsed += day;
    context.mock.timers.tick(day);
  }
  assert.equal(over, 0);
  elapsed += day;
  context.mock.timers.tick(day);
  assert.equal(over, 1);
  mock.restoreAll();
});

test('a clock that was set between two daemons gives nobody more than was granted', () => {
  for (const [now, expires] of [
    [1_000_000, 1_030_000],
    [0, 1_030_000],
    [5_000_000, 1_030_000],
  ] as const) {
    const lease = new Lease(
      () => now,
      () => undefined,
    );
    lease.resume(60_000, expires);
    lease.end();
    const remaining = (lease.expires ?? 0) - now;
    assert.ok(remaining >= 0 && remaining <= 60_000, String(remaining));
  }
});
