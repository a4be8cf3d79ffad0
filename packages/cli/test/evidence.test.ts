// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';

import { amdAnchors } from '@enarx/attestation';
import { encodeMessage, evidence as evidenceMessage, toHex } from '@enarx/protocol';
import { createSimulatedProcessor } from '@enarx/simulator';

import { Directory, enarx, enarxWithout, errorCode, vectorPath, withoutVectors } from './support/command.ts';

const measurement = new Uint8Array(48).fill(0x3e);
const reportData = new Uint8Array(64).fill(0xda);

let box: Directory;
let evidence: string;
let anchor: string;
let policy: string;

before(async () => {
  box = await Directory.make();
  const processor = await createSimulatedProcessor();
  const made = await processor.launch(Promise.resolve(measurement)).report(reportData);
  evidence = await box.file('evidence.cbor', encodeMessage(evidenceMessage, made));
  anchor = await box.file('anchor.pem', processor.anchorPem);
  const { stdout } = await enarx('policy', 'init', '--evidence', evidence, '--anchor', anchor);
  policy = await box.file('policy.toml', stdout);
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

interface JsonVerdict {
  readonly verdict: string;
  readonly format: string;
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly detail: string;
    readonly policyLine?: number;
  }[];
  readonly claims: Readonly<Record<string, unknown>> | null;
}

const withoutFullDevice = existsSync('/dev/full') ? false : 'needs /dev/full';

const verify = (...args: readonly string[]): ReturnType<typeof enarx> =>
  enarx('evidence', 'verify', '--evidence', evidence, ...args);

suite('evidence verify', () => {
  test('says with its status that evidence is rejected when nobody reads the checks', async () => {
    const args = ['evidence', 'verify', '--evidence', evidence, '--policy', policy];
    assert.equal((await enarx(...args)).status, 10);
    const unread = await enarxWithout('reader', ...args);
    assert.equal(unread.status, 10, unread.stderr);
    assert.equal(unread.stderr, '');
  });

  test('says so when its checks cannot be written', { skip: withoutFullDevice }, async () => {
    const full = await enarxWithout(
      'room',
      'evidence',
      'verify',
      '--evidence',
      evidence,
      '--policy',
      policy,
      '--json',
    );
    assert.equal(full.status, 70, full.stderr);
    assert.equal(errorCode(full), 'cli/output-failed');
    assert.match(full.stderr, /ENOSPC/);
  });

  test('accepts what policy init made a policy of, and says SIMULATED on every line', async () => {
    const { status, stdout, stderr } = await verify(
      '--policy',
      policy,
      '--anchor',
      anchor,
      '--report-data',
      toHex(reportData),
    );
    assert.equal(status, 0, stderr);
    const lines = stdout.trimEnd().split('\n');
    assert.ok(lines.length > 40);
    for (const line of lines.slice(0, -1)) assert.match(line, /^SIMULATED [✓–] [a-z0-9]+\/[a-z0-9-]+: ./u);
    assert.match(
      lines.at(-1) ?? '',
      /^SIMULATED accepted: snp evidence, \d+ passed, 0 failed, \d+ not applicable$/,
    );
    assert.match(stdout, /✓ policy\/snp-measurements: .*\(policy line \d+\)/);
  });

  test('--json gives verdict, format, checks and claims, and nothing else', async () => {
    const { status, stdout } = await verify('--policy', policy, '--anchor', anchor, '--json');
    assert.equal(status, 0);
    const verdict = JSON.parse(stdout) as JsonVerdict;
    assert.deepEqual(Object.keys(verdict), ['verdict', 'format', 'checks', 'claims']);
    assert.equal(verdict.verdict, 'accepted');
    assert.equal(verdict.format, 'snp');
    const text = await readFile(policy, 'utf8');
    for (const { id, status: outcome, detail, policyLine, ...rest } of verdict.checks) {
      assert.deepEqual(rest, {});
      assert.ok(['pass', 'not-applicable'].includes(outcome), id);
      assert.match(detail, /^SIMULATED: /);
      assert.equal(policyLine !== undefined, id.startsWith('policy/'));
      if (policyLine !== undefined)
        assert.match(text.split('\n')[policyLine - 1] ?? '', / = /, `${id} on line ${policyLine}`);
    }
    assert.equal(verdict.claims?.['simulated'], true);
    assert.equal((verdict.claims['report'] as Record<string, unknown>)['measurement'], toHex(measurement));
  });

  test('refuses simulation unless the anchor is passed by name and the policy lists it, with exit status 10', async () => {
    const listed = await verify('--policy', policy);
    assert.equal(listed.status, 10);
    assert.match(listed.stdout, /✗ x509\/anchor: /);
    assert.match(listed.stdout, /– policy\/anchor: not reached: the evidence did not verify/);
    assert.match(listed.stdout, /rejected: snp evidence/);
    const text = await readFile(policy, 'utf8');
    const unlisted = await box.file(
      'unlisted.toml',
      text.replace(/^simulated = .*$/m, 'simulated = "none"').replace('amd = "none"', 'amd = "any"'),
    );
    const passed = await verify('--policy', unlisted, '--anchor', anchor, '--json');
    assert.equal(passed.status, 10);
    const failed = (JSON.parse(passed.stdout) as JsonVerdict).checks.filter(
      ({ status }) => status === 'fail',
    );
    assert.deepEqual(
      failed.map(({ id }) => id),
      ['policy/anchor'],
    );
  });

  test('rejects another measurement and names the line', async () => {
    const text = (await readFile(policy, 'utf8')).replace(
      `["${toHex(measurement)}"]`,
      `["${'00'.repeat(48)}"]`,
    );
    const other = await box.file('other.toml', text);
    const { status, stdout } = await verify('--policy', other, '--anchor', anchor, '--json');
    assert.equal(status, 10);
    const failed = (JSON.parse(stdout) as JsonVerdict).checks.filter((check) => check.status === 'fail');
    assert.deepEqual(
      failed.map(({ id }) => id),
      ['policy/snp-measurements'],
    );
    assert.match(text.split('\n')[(failed[0]?.policyLine ?? 0) - 1] ?? '', /^measurements = /);
  });

  test('holds the report data against what is expected, with a policy and without one', async () => {
    const other = toHex(reportData).replace(/da$/, 'db');
    for (const chosen of [['--policy', policy], ['--no-policy']]) {
      const good = await verify(...chosen, '--anchor', anchor, '--report-data', toHex(reportData));
      assert.equal(good.status, 0);
      assert.match(good.stdout, /✓ policy\/report-data/);
      const bad = await verify(...chosen, '--anchor', anchor, '--report-data', other);
      assert.equal(bad.status, 10);
      assert.match(bad.stdout, /✗ policy\/report-data/);
    }
  });

  test('without a policy says only whether it is genuine', async () => {
    const { status, stdout } = await verify('--no-policy', '--anchor', anchor);
    assert.equal(status, 0);
    assert.doesNotMatch(stdout, /policy\/snp/);
    assert.match(stdout, /– policy\/report-data: REPORT_DATA: nobody said what to expect/);
    const without = await verify('--no-policy');
    assert.equal(without.status, 10);
    assert.doesNotMatch(without.stdout, /policy\//);
  });

  test('asks for a policy or for none, never guesses, with exit status 64', async () => {
    for (const args of [[], ['--policy', policy, '--no-policy']]) {
      const result = await verify(...args, '--json');
      assert.equal(result.status, 64);
      assert.equal(errorCode(result), 'cli/usage');
      assert.equal(result.stdout, '');
    }
  });

  test('is held against the time that --at gives', async () => {
    const late = await verify('--no-policy', '--anchor', anchor, '--at', '2199-01-01T00:00:00Z');
    assert.equal(late.status, 10);
    assert.match(late.stdout, /✗ x509\/validity/);
    for (const time of [
      'yesterday',
      '2026-02-30T00:00:00Z',
      '2026-01-01',
      '2026-01-01T25:00:00Z',
      '1764028800',
    ])
      assert.equal((await verify('--no-policy', '--at', time)).status, 64, time);
  });

  test('refuses report data that are not 64 bytes of hexadecimal', async () => {
    for (const value of ['', 'da', 'zz'.repeat(64), 'da'.repeat(65)])
      assert.equal((await verify('--no-policy', '--report-data', value)).status, 64, value);
  });

  test('says of bytes that are no evidence that they are malformed, with exit status 30', async () => {
    for (const [name, content] of Object.entries({
      empty: '',
      text: 'hello',
      json: '{"a": 1}',
      short: new Uint8Array(1183),
      huge: new Uint8Array(1024 * 1024 + 1),
      'cut-message': (await readFile(evidence)).subarray(0, 500),
    })) {
      const file = await box.file(name, content);
      const result = await enarx('evidence', 'verify', '--evidence', file, '--no-policy', '--json');
      assert.equal(result.status, 30, `${name}: ${result.stderr}`);
      assert.equal(result.stdout, '');
      assert.ok(errorCode(result));
    }
  });

  test('names a file that cannot be read, with exit status 64, and does not read a device for ever', async () => {
    const missing = await enarx(
      'evidence',
      'verify',
      '--evidence',
      `${box.path}/nothing`,
      '--no-policy',
      '--json',
    );
    assert.equal(missing.status, 64);
    assert.equal(errorCode(missing), 'cli/file-unreadable');
    const endless = await enarx('evidence', 'verify', '--evidence', '/dev/zero', '--no-policy', '--json');
    assert.equal(endless.status, 30);
    assert.equal(errorCode(endless), 'evidence/too-large');
    const policies = await verify('--policy', '/dev/zero', '--json');
    assert.equal(policies.status, 30);
    assert.equal(errorCode(policies), 'policy/malformed');
  });

  test('refuses a policy or an anchor that is none, with exit status 30', async () => {
    const bad = await box.file('bad.toml', 'version = 2\n');
    const result = await verify('--policy', bad, '--json');
    assert.equal(result.status, 30);
    assert.equal(errorCode(result), 'policy/invalid');
    const pem = await box.file('bad.pem', 'hello');
    assert.equal((await verify('--no-policy', '--anchor', pem)).status, 30);
    const binary = await box.file('binary.toml', Uint8Array.of(0x23, 0xff, 0xfe));
    assert.equal(errorCode(await verify('--policy', binary, '--json')), 'policy/malformed');
  });
});

suite('evidence show', () => {
  test('prints claims of each file and says that nothing is verified', async () => {
    const { status, stdout } = await enarx('evidence', 'show', evidence, evidence);
    assert.equal(status, 0);
    assert.equal(stdout.match(/evidence\.cbor {2}snp; nothing of this is verified/g)?.length, 2);
    assert.match(stdout, new RegExp(`report\\.measurement +${toHex(measurement)}`));
    assert.match(stdout, /report\.policy\.debug +false/);
  });

  test('--json gives the same as data', async () => {
    const { status, stdout } = await enarx('evidence', 'show', evidence, '--json');
    assert.equal(status, 0);
    const [shown] = JSON.parse(stdout) as [
      { file: string; format: string; verified: boolean; claims: { report: Record<string, unknown> } },
    ];
    assert.equal(shown.file, evidence);
    assert.equal(shown.verified, false);
    assert.equal(shown.claims.report['reportData'], toHex(reportData));
    assert.equal(shown.claims.report['bytes'], undefined);
  });

  test(
    'decodes certificates of legacy SEV that are not a whole platform',
    { skip: withoutVectors },
    async () => {
      interface Certificates {
        readonly format: string;
        readonly verified: boolean;
        readonly claims: { readonly certificates: readonly Readonly<Record<string, unknown>>[] };
      }
      const naples = 'virtee+sev/src/certs/sev/builtin/naples';
      const files = ['virtee+sev/tests/naples/pek.cert', `${naples}/ask.cert`, `${naples}/ark.cert`].map(
        vectorPath,
      );
      const { status, stdout, stderr } = await enarx('evidence', 'show', ...files, '--json');
      assert.equal(status, 0, stderr);
      const shown = JSON.parse(stdout) as Certificates[];
      assert.deepEqual(
        shown.map(({ format, verified }) => [format, verified]),
        files.map(() => ['sev', false]),
      );
      const [pek, ask, ark] = shown.map(({ claims }) => claims.certificates[0]);
      assert.equal(pek?.['usage'], 'PEK');
      assert.deepEqual((pek['signedBy'] as string[]).toSorted(), ['CEK', 'OCA']);
      assert.equal(ask?.['usage'], 'ASK');
      assert.equal(ask['issuerId'], ark?.['keyId']);
      // The root that the verifier pins for Naples.
      const root = amdAnchors.find(({ name }) => name === 'ARK-Naples');
      assert.equal(ark?.['spkiDigest'], toHex(root?.spkiDigest ?? new Uint8Array()));
      const text = await enarx('evidence', 'show', files[0] ?? '');
      assert.match(
        text.stdout,
        /pek\.cert {2}sev; nothing of this is verified\n {2}certificates\.0\.usage +PEK/,
      );
      const cut = await box.file('cut.cert', (await readFile(files[0] ?? '')).subarray(0, 2083));
      const refused = await enarx('evidence', 'show', cut, '--json');
      assert.equal(refused.status, 30);
      assert.equal(errorCode(refused), 'sev/certificate-malformed');
    },
  );

  test('says what is malformed, and wants a file', async () => {
    const file = await box.file('nonsense', 'hello');
    assert.equal((await enarx('evidence', 'show', file)).status, 30);
    assert.equal((await enarx('evidence', 'show')).status, 64);
  });

  test('neither shows nor accepts a report of a version that it does not know, with exit status 20', async () => {
    const file = await box.file('version-9', Uint8Array.of(9, ...new Uint8Array(1183)));
    const shown = await enarx('evidence', 'show', file);
    assert.equal(shown.status, 20);
    assert.match(shown.stdout, /snp, which cannot be read: .*version 9/);
    const verified = await enarx('evidence', 'verify', '--evidence', file, '--no-policy', '--json');
    assert.equal(verified.status, 20);
    const { verdict, claims } = JSON.parse(verified.stdout) as JsonVerdict;
    assert.equal(verdict, 'rejected');
    assert.equal(claims, null);
  });

  test(
    'calls a document or quote that is cut off malformed, with exit status 30',
    { skip: withoutVectors },
    async () => {
      for (const name of [
        '../nitro/Dstack-TEE+dstack/dstack/dstack-attest/tests/nitro_attestation.bin',
        '../tdx/Dstack-TEE+dstack/dstack/ra-tls/assets/tdx_quote',
      ]) {
        const cut = await box.file('cut-off', (await readFile(vectorPath(name))).subarray(0, 1000));
        const verified = await enarx('evidence', 'verify', '--evidence', cut, '--no-policy', '--json');
        assert.equal(verified.status, 30, name);
        assert.equal((JSON.parse(verified.stdout) as JsonVerdict).claims, null);
        assert.equal((await enarx('evidence', 'show', cut)).status, 30, name);
      }
    },
  );

  test('says which of several files is no evidence', { skip: withoutVectors }, async () => {
    const file = await box.file('anything', 'hello');
    const { status, stderr } = await enarx('evidence', 'show', evidence, file);
    assert.equal(status, 30);
    assert.match(stderr, new RegExp(`found: ${file}: 5 bytes`));
    const vcek = vectorPath('virtee+sev/tests/certs_data/vcek_milan.der');
    const named = await enarx('evidence', 'show', evidence, vcek);
    assert.match(named.stderr, /vcek_milan\.der: a certificate of SEV-VCEK\n {2}expected: evidence/);
    assert.equal((await enarx('evidence', 'show', evidence, evidence)).status, 0);
  });
});

suite('real evidence', { skip: withoutVectors }, () => {
  const directory = 'lunal-dev+attestation-rs/crates/attestation/test_data/snp';
  const files = [
    '--evidence',
    `${directory}/live-report-v5-genoa.bin`,
    '--endorsements',
    `${directory}/live-vcek-genoa.der`,
  ].map((word) => (word.startsWith('--') ? word : vectorPath(word)));

  test('goes from init through check to verify without a word of SIMULATED', async () => {
    const path = `${box.path}/real.toml`;
    const init = await enarx('policy', 'init', ...files, path);
    assert.equal(init.status, 0, init.stderr);
    assert.match(init.stdout, /real\.toml written; read it/);
    const check = await enarx('policy', 'check', path);
    assert.equal(check.status, 0);
    const { status, stdout } = await enarx('evidence', 'verify', ...files, '--policy', path);
    assert.equal(status, 0);
    assert.match(stdout, /^accepted: snp evidence/m);
    assert.doesNotMatch(
      init.stdout + check.stdout.replace('SIMULATED roots: none', '') + stdout,
      /SIMULATED/,
    );
  });

  test('takes endorsements that do not belong to it for what they are', async () => {
    const other = vectorPath('virtee+sev/tests/certs_data/vcek_milan.der');
    const { status, stdout } = await enarx(
      'evidence',
      'verify',
      files[0] as string,
      files[1] as string,
      '--endorsements',
      other,
      '--no-policy',
    );
    assert.equal(status, 10);
    assert.match(stdout, /^✗ snp\//m);
  });

  test('of a legacy SEV platform is recognised, and a policy made of it accepts it', async () => {
    const [first, ...others] = ['pdh', 'pek', 'oca', 'cek'].map(
      (name) => `virtee+sev/tests/rome/${name}.cert`,
    );
    const authorities = ['ask', 'ark'].map((name) => `virtee+sev/src/certs/sev/builtin/rome/${name}.cert`);
    const given = [
      '--evidence',
      vectorPath(first as string),
      ...[...others, ...authorities].flatMap((file) => ['--endorsements', vectorPath(file)]),
    ];
    const path = `${box.path}/rome.toml`;
    assert.equal((await enarx('policy', 'init', ...given, path)).status, 0);
    const { status, stdout } = await enarx('evidence', 'verify', ...given, '--policy', path, '--json');
    assert.equal(status, 0);
    const verdict = JSON.parse(stdout) as JsonVerdict;
    assert.equal(verdict.format, 'sev');
    assert.equal(verdict.claims?.['simulated'], false);
  });
});
