// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';

import { readBundle } from '@enarx/attestation/bundle';
import { indicators, writeCborCmw } from '@enarx/attestation/cmw';
import { createSimulatedNitroHypervisor } from '@enarx/simulator/nitro';

import { Directory, enarx, errorCode, vectorPath, withoutVectors } from './support/command.ts';

// Nitro documents from the command line, results of verdicts, wrappers, bundles and fetching.

const at = '2026-06-01T12:00:00Z';
let box: Directory;
let document: Uint8Array;
let evidence: string;
let anchor: string;
let policy: string;
let signingKey: string;
let verifyingKey: string;

const pem = (pair: ReturnType<typeof keyPair>) => ({
  signing: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  verifying: pair.publicKey.export({ type: 'spki', format: 'pem' }),
});
const keyPair = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve });

before(async () => {
  box = await Directory.make();
  const hypervisor = await createSimulatedNitroHypervisor();
  const pcrs = Object.fromEntries([0, 1, 2].map((index) => [index, new Uint8Array(48).fill(index + 1)]));
  document = await hypervisor.enclave(pcrs).document({ at: Date.parse(at), nonce: Uint8Array.of(7) });
  evidence = await box.file('document.cbor', document);
  anchor = await box.file('anchor.pem', hypervisor.anchorPem);
  const { stdout, stderr } = await enarx(
    'policy',
    'init',
    '--evidence',
    evidence,
    '--anchor',
    anchor,
    '--at',
    at,
  );
  assert.equal(stderr, '');
  policy = await box.file('policy.toml', stdout);
  const { signing, verifying } = pem(keyPair('P-384'));
  signingKey = await box.file('signing.pem', signing);
  verifyingKey = await box.file('verifying.pem', verifying);
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

const verify = (...args: readonly string[]): ReturnType<typeof enarx> =>
  enarx('evidence', 'verify', '--evidence', evidence, '--anchor', anchor, '--at', at, ...args);

suite('a Nitro document', () => {
  test('is accepted by the policy that was made of it, and says SIMULATED', async () => {
    const { status, stdout } = await verify('--policy', policy);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /SIMULATED accepted: nitro evidence/);
    assert.match(stdout, /✓ policy\/nitro-images: .*policy line/);
  });

  test('is refused when the policy wants another image', async () => {
    const other = (await readFile(policy, 'utf8')).replace(/(images = .*pcr1 = ")02/, '$103');
    const { status, stdout } = await verify('--policy', await box.file('other.toml', other));
    assert.equal(status, 10);
    assert.match(stdout, /✗ policy\/nitro-images/);
  });

  test('is taken out of a wrapper', async () => {
    const wrapped = writeCborCmw({
      kind: 'record',
      type: 'application/x',
      value: document,
      indicator: indicators.evidence,
    });
    const file = await box.file('wrapped.cmw', wrapped);
    const { status } = await enarx(
      'evidence',
      'verify',
      '--evidence',
      file,
      '--anchor',
      anchor,
      '--at',
      at,
      '--policy',
      policy,
    );
    assert.equal(status, 0);
  });
});

suite('evidence verify --result', () => {
  const show = (file: string, ...args: readonly string[]): ReturnType<typeof enarx> =>
    enarx('evidence', 'result', '--key', verifyingKey, '--json', file, ...args);

  test('names the policy by the bytes that it was read from, though they come through a pipe', async () => {
    const pipe = join(box.path, 'policy-pipe');
    execFileSync('mkfifo', [pipe]);
    const file = join(box.path, 'result.pipe');
    const text = await readFile(policy);
    const [made] = await Promise.all([
      verify('--policy', pipe, '--result', file, '--result-key', signingKey),
      writeFile(pipe, text),
    ]);
    assert.equal(made.status, 0, made.stderr);
    const digest = createHash('sha256').update(text).digest('base64url');
    assert.match((await show(file)).stdout, new RegExp(`"ni:///sha-256;${digest}"`));
  });

  for (const form of ['cwt', 'jwt'])
    test(`writes a ${form} that evidence result verifies, and of simulated hardware affirms none`, async () => {
      const file = join(box.path, `result.${form}`);
      const nonce = '0011223344556677';
      const made = await verify(
        ...['--policy', policy, '--result', file, '--result-key', signingKey, '--result-form', form],
        ...['--result-nonce', nonce, '--result-for', '3600'],
      );
      assert.equal(made.status, 0, made.stderr);
      const { status, stdout } = await show(file, '--nonce', nonce);
      assert.equal(status, 10);
      const result = JSON.parse(stdout) as {
        readonly status: string;
        readonly submodules: Readonly<
          Record<
            string,
            { readonly vector: Readonly<Record<string, number>>; readonly policyIds: readonly string[] }
          >
        >;
      };
      assert.equal(result.status, 'contraindicated');
      assert.equal(result.submodules['SIMULATED platform']?.vector['hardware'], 97);
      assert.equal(result.submodules['SIMULATED keep']?.vector['executables'], 3);
      assert.match(result.submodules['SIMULATED keep'].policyIds[0] ?? '', /^ni:\/\/\/sha-256;[\w-]{43}$/);
      assert.equal(errorCode(await show(file, '--nonce', '0011223344556688')), 'result/rejected');
      assert.equal(errorCode(await show(file, '--at', '2100-01-01T00:00:00Z')), 'result/rejected');
      const stranger = await box.file(`stranger.${form}.pem`, pem(keyPair('P-384')).verifying);
      const refused = await enarx('evidence', 'result', '--json', '--key', stranger, file);
      assert.equal(refused.status, 10);
      assert.equal(errorCode(refused), 'result/rejected');
    });

  test(
    'of real evidence affirms the hardware and no program, since nobody said which was wanted',
    { skip: withoutVectors },
    async () => {
      const report = vectorPath(
        'microsoft+TEE-Attestation-Verification/tests/test_data/milan_attestation_report.bin',
      );
      const vcek = vectorPath('microsoft+TEE-Attestation-Verification/tests/test_data/milan_vcek.pem');
      const file = join(box.path, 'real.cwt');
      const made = await enarx(
        ...[
          'evidence',
          'verify',
          '--evidence',
          report,
          '--endorsements',
          vcek,
          '--at',
          '2026-03-07T01:04:33Z',
          '--no-policy',
        ],
        ...['--result', file, '--result-key', signingKey],
      );
      assert.equal(made.status, 0, made.stderr);
      const { stdout, status } = await enarx('evidence', 'result', '--key', verifyingKey, file);
      assert.equal(status, 10);
      assert.match(stdout, /platform\s+affirming\s+hardware 2/);
      assert.match(stdout, /keep\s+none\s+runtime-opaque 2/);
    },
  );

  test('says so too when the evidence was rejected, and writes over nothing', async () => {
    const file = join(box.path, 'rejected.cwt');
    const args = [
      '--no-policy',
      '--report-data',
      '00'.repeat(64),
      '--result',
      file,
      '--result-key',
      signingKey,
    ];
    assert.equal((await verify(...args)).status, 10);
    const { stdout } = await show(file);
    assert.match(stdout, /"instance-identity":99/);
    assert.equal(errorCode(await verify(...args, '--json')), 'cli/file-unwritable');
  });

  test('wants its key, a nonce and a time that are ones', async () => {
    const bad = async (...args: readonly string[]): Promise<string | undefined> =>
      errorCode(await verify('--no-policy', '--json', ...args));
    const file = join(box.path, 'never.cwt');
    assert.equal(await bad('--result', file), 'cli/usage');
    assert.equal(await bad('--result-key', signingKey), 'cli/usage');
    const both = ['--result', file, '--result-key', signingKey];
    assert.equal(await bad(...both, '--result-nonce', '00'), 'cli/usage');
    assert.equal(await bad(...both, '--result-for', '1h'), 'cli/usage');
    assert.equal(await bad('--result', file, '--result-key', verifyingKey), 'cli/key-unusable');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    assert.equal(
      await bad('--result', file, '--result-key', await box.file('rsa.pem', rsa)),
      'cli/key-unusable',
    );
  });
});

suite('evidence bundle and fetch', { skip: withoutVectors }, () => {
  const milan = 'microsoft+TEE-Attestation-Verification/tests/test_data';
  const report = vectorPath(`${milan}/milan_attestation_report.bin`);
  const vcek = vectorPath(`${milan}/milan_vcek.pem`);
  const verifyWith = (bundle: string): ReturnType<typeof enarx> =>
    enarx(
      'evidence',
      'verify',
      '--evidence',
      report,
      '--endorsements',
      bundle,
      '--at',
      '2026-03-07T01:04:33Z',
      '--no-policy',
    );

  test('makes of loose files one file with which evidence is verified', async () => {
    const out = join(box.path, 'bundle.cbor');
    const { status, stdout } = await enarx('evidence', 'bundle', '--out', out, vcek, anchor, '--json');
    assert.equal(status, 0);
    assert.match(stdout, /"title":"SEV-VCEK"/);
    assert.equal(readBundle(await readFile(out)).length, 2);
    assert.equal((await verifyWith(out)).status, 0);
    assert.equal(
      errorCode(await enarx('evidence', 'bundle', '--out', out, vcek, '--json')),
      'cli/file-unwritable',
    );
    assert.equal(
      errorCode(await enarx('evidence', 'bundle', '--out', `${out}2`, policy, '--json')),
      'bundle/malformed',
    );
  });

  test('fetches only what is named, keeps it, and lives on it when the service is gone', async () => {
    const content = await readFile(vcek);
    let asked = 0;
    let broken = false;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(broken ? 404 : 200).end(content);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/vcek`;
    const cache = join(box.path, 'cache');
    const fetchInto = (out: string, ...args: readonly string[]): ReturnType<typeof enarx> =>
      enarx('evidence', 'fetch', '--out', join(box.path, out), '--cache', cache, ...args, url);
    const first = await fetchInto('fetched.cbor');
    assert.equal(first.status, 0, first.stderr);
    assert.equal((await verifyWith(join(box.path, 'fetched.cbor'))).status, 0);
    assert.match((await fetchInto('again.cbor')).stdout, /: cache/);
    assert.equal(asked, 1);
    broken = true;
    await rm(cache, { recursive: true });
    const refused = await fetchInto('never.cbor', '--stale-for', '0', '--json');
    assert.equal(refused.status, 69);
    assert.equal(errorCode(refused), 'collateral/refused');
    server.close();
    server.closeAllConnections();
  });
});
