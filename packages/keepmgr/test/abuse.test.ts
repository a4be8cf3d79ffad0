// SPDX-License-Identifier: Apache-2.0
//
// What a quiet tenant notices while another, or nobody that is known, abuses the daemon in each way that we know.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { abuses, memoryOf, p99, startAbused } from './support/abused-host.ts';
import { eventually } from './support/host.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
/** Milliseconds. A machine that others use, too, is slow by itself, so it is measured first, and the bound is far above. */
const leeway = 1500;
const factor = 20;
const duration = 1500;

for (const abuse of abuses)
  test(
    `under ${abuse} another tenant has all of its answers in time, and the daemon stays as large as it was`,
    { skip: !openssl && 'needs openssl' },
    async (t) => {
      await using host = await startAbused(abuse === 'loader-floods');
      const { daemon } = host;
      await host.quiet(300);
      const before = p99(await host.quiet(800));
      const memory = memoryOf(daemon.process.pid as number);
      const during = await host.under(abuse, duration);
      const worst = p99(during);
      t.diagnostic(
        `p99 ${before.toFixed(1)} ms, under ${abuse} ${worst.toFixed(1)} ms, ${String(during.length)} requests`,
      );
      assert.ok(during.length > 20);
      assert.ok(worst < leeway + factor * before, `p99 was ${String(before)} ms and is ${String(worst)} ms`);
      const grown = memoryOf(daemon.process.pid as number) - memory;
      assert.ok(grown < 150 * 1_048_576, `${String(grown)} bytes more`);
      assert.equal(daemon.process.exitCode, null);
      assert.doesNotMatch(daemon.log(), /forged-by-an-abuser/);
      // A flood of refusals is no flood of lines.
      assert.ok(daemon.log().length < 1_048_576, `${String(daemon.log().length)} characters of log`);
      await eventually('it is as before', async () => p99(await host.quiet(300)) < leeway + factor * before);
    },
  );
