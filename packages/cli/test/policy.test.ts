// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';

import { encodeMessage, evidence as evidenceMessage, toHex } from '@enarx/protocol';
import { createSimulatedProcessor } from '@enarx/simulator';

import { Directory, enarx, errorCode } from './support/command.ts';

let box: Directory;
let evidence: string;
let anchor: string;

before(async () => {
  box = await Directory.make();
  const processor = await createSimulatedProcessor();
  const made = await processor
    .launch(Promise.resolve(new Uint8Array(48).fill(0x3e)))
    .report(new Uint8Array(64));
  evidence = await box.file('evidence.cbor', encodeMessage(evidenceMessage, made));
  anchor = await box.file('anchor.pem', processor.anchorPem);
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

suite('policy init', () => {
  test('prints a commented policy that says SIMULATED, or writes it where nothing is yet', async () => {
    const printed = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor);
    assert.equal(printed.status, 0, printed.stderr);
    assert.match(printed.stdout, /^# SIMULATED: made from evidence of a simulated processor/);
    const path = `${box.path}/written.toml`;
    const written = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor, path);
    assert.equal(written.status, 0);
    assert.match(written.stdout, /^SIMULATED .*written\.toml written/);
    assert.equal(await readFile(path, 'utf8'), printed.stdout);
    const again = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor, path, '--json');
    assert.equal(again.status, 64);
    assert.equal(errorCode(again), 'cli/file-unwritable');
  });

  test('--json gives the policy as a text', async () => {
    const { stdout } = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor, '--json');
    const { simulated, policy } = JSON.parse(stdout) as { simulated: boolean; policy: string };
    assert.equal(simulated, true);
    assert.match(policy, new RegExp(`^measurements = \\["${toHex(new Uint8Array(48).fill(0x3e))}"\\]$`, 'm'));
  });

  test('makes none from evidence that does not verify, with exit status 10', async () => {
    const result = await enarx('policy', 'init', '--evidence', evidence, '--json');
    assert.equal(result.status, 10);
    assert.equal(errorCode(result), 'policy/evidence-unverified');
    assert.match(result.stderr, /x509\/anchor/);
  });

  test('wants evidence, with exit status 64', async () => {
    assert.equal((await enarx('policy', 'init')).status, 64);
  });
});

suite('policy check', () => {
  test('says of each field on which line it stands and what it accepts', async () => {
    const { stdout: text } = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor);
    const path = await box.file('checked.toml', text);
    const { status, stdout } = await enarx('policy', 'check', path);
    assert.equal(status, 0);
    const line = text.split('\n').findIndex((one) => one.startsWith('debug = ')) + 1;
    assert.match(stdout, new RegExp(`^ *${String(line)} +snp\\.guest-policy\\.debug +.*: not set$`, 'm'));
    assert.match(stdout, /SIMULATED roots, where whoever verifies passes them/);
    assert.match(stdout, /checked\.toml can be used; \d+ of \d+ fields are open\.\n$/);
    const json = await enarx('policy', 'check', path, '--json');
    const { fields } = JSON.parse(json.stdout) as {
      fields: { field: string; line: number; means: string }[];
    };
    assert.equal(fields.find(({ field }) => field === 'snp.guest-policy.debug')?.line, line);
  });

  test('says what is wrong, where, and what was meant, with exit status 30', async () => {
    const { stdout: text } = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor);
    const path = await box.file('misspelt.toml', text.replace(/^debug = /m, 'debgu = '));
    const line = text.split('\n').findIndex((one) => one.startsWith('debug = ')) + 1;
    const result = await enarx('policy', 'check', path);
    assert.equal(result.status, 30);
    assert.equal(result.stdout, '');
    assert.match(
      result.stderr,
      new RegExp(
        `found: line ${String(line)}, snp\\.guest-policy\\.debgu: unknown field; did you mean "debug"\\?`,
      ),
    );
    assert.match(result.stderr, /mend: docs\/policy\.md/);
  });
});
