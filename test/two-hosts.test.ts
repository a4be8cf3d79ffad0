// SPDX-License-Identifier: Apache-2.0
//
// A client here and a host there: what the client must be told, and what it refuses.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { enarx, errorCode, events, startHost, type Result, type TestHost } from './support/enarx.ts';
import { hostileHost } from './support/hostile-host.ts';
import { nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { release, sandbox, type DisposableSandbox } from './support/sandbox.ts';
import { otherProcessor } from './support/simulated-processor.ts';
import { unwantedRelease } from './support/unwanted-release.ts';

const hello = join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm');
let box: DisposableSandbox;
let host: TestHost;

before(async () => {
  box = await sandbox();
  host = await startHost(box);
});
after(async () => {
  await host[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

/** The checks that a rejected run names as failed. */
function failedChecks({ stderr }: Result): unknown[] {
  return events(stderr)
    .filter(({ event, status }) => event === 'check' && status === 'fail')
    .map(({ id }) => id);
}

/** Rejected for this one reason and no other. */
function assertRejected(result: Result, check: string): void {
  assert.equal(result.status, 240, result.stderr);
  assert.equal(errorCode(result), 'client/rejected');
  assert.deepEqual(failedChecks(result), [check], result.stderr);
  assert.equal(result.stdout, '');
}

test('a program runs on a host that the client was given the anchor of', async () => {
  const { status, stdout, stderr } = await enarx(
    box,
    ['run', '--host', host.url, '--anchor', host.anchor, hello, '--', '--exit=3'],
    { input: 'one line' },
  );
  assert.equal(status, 3, stderr);
  assert.match(stdout, /^line 1: one line$/m);
  assert.match(stderr, /SIMULATED/);
});

test('the same host without its anchor is rejected, and nothing of the program leaves the client', async () => {
  const marker = 'a-marker-that-the-host-must-not-see-9f2c';
  const file = box.path('marked.wasm');
  writeFileSync(file, programs.print(marker));
  await using between = await hostileHost(host.url);
  const result = await enarx(box, ['run', '--json', '--host', between.url, file, '--', marker]);
  assertRejected(result, 'x509/anchor');
  assert.ok(!between.received().includes(marker));
  // Handshake, one question, nothing of 60 kB or of any module: what was sent is smaller than that.
  assert.ok(between.received().length < 8192, `${String(between.received().length)} bytes were sent`);
});

test('the anchor of another processor is no anchor', async () => {
  const { anchorFile } = await otherProcessor();
  assertRejected(
    await enarx(box, ['run', '--json', '--host', host.url, '--anchor', anchorFile, hello]),
    'x509/anchor',
  );
});

test('a loader that was changed by one byte is not the loader of this release', async () => {
  const changed = box.path('changed-release');
  cpSync(release, changed, { recursive: true });
  writeFileSync(join(changed, 'wasmldr.cjs'), `${readFileSync(join(release, 'wasmldr.cjs'), 'utf8')}\n`);
  await using other = await startHost(box, { program: [join(changed, 'keepmgr.js')] });
  assertRejected(
    await enarx(box, ['run', '--json', '--host', other.url, '--anchor', other.anchor, hello]),
    'policy/snp-measurements',
  );
});

test('a release manifest on the host that says otherwise changes nothing', async () => {
  const lying = box.path('lying-release');
  cpSync(release, lying, { recursive: true });
  writeFileSync(join(lying, 'runner.cjs'), `${readFileSync(join(release, 'runner.cjs'), 'utf8')}\n`);
  writeFileSync(
    join(lying, 'release.json'),
    JSON.stringify({ release: '0.1.0', measurements: { sim: '00'.repeat(48) } }),
  );
  await using other = await startHost(box, { program: [join(lying, 'keepmgr.js')] });
  assertRejected(
    await enarx(box, ['run', '--json', '--host', other.url, '--anchor', other.anchor, hello]),
    'policy/snp-measurements',
  );
});

test('genuine evidence of a Keep that its host may debug is rejected by the policy of the release', async () => {
  const debug = await unwantedRelease(box, 'debug', 'policy: 0xb0000n');
  await using other = await startHost(box, { program: [join(debug, 'keepmgr.js')] });
  assertRejected(
    await enarx(box, ['run', '--json', '--host', other.url, '--anchor', other.anchor, hello]),
    'policy/snp-guest-policy-debug',
  );
});

test('sixteen runs at once on one host all come to their own end', async () => {
  const results = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      enarx(
        box,
        ['run', '--host', host.url, '--anchor', host.anchor, hello, '--', `--exit=${String(index)}`],
        { input: `line of ${String(index)}\n`, timeout: 120_000 },
      ),
    ),
  );
  results.forEach(({ status, stdout, stderr }, index) => {
    assert.equal(status, index, stderr);
    assert.match(stdout, new RegExp(`^line 1: line of ${String(index)}$`, 'm'));
  });
});
