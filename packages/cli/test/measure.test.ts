// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';

import { signIdBlock } from '@enarx/attestation/measure';

import { Directory, enarx, errorCode, vectorPath, withoutVectors } from './support/command.ts';

let box: Directory;
before(async () => {
  box = await Directory.make();
});
after(async () => {
  await box[Symbol.asyncDispose]();
});

interface PublishedCase {
  readonly mode: string;
  readonly firmware: string;
  readonly vcpus: number;
  readonly vcpu_sig: string;
  readonly vcpu_type?: string;
  readonly vmm: string;
  readonly kernel?: string | null;
  readonly append?: string | null;
  readonly guest_features: string;
  readonly vmsa_rdx?: string;
  readonly launch_digest?: string;
}

suite('measure', { skip: withoutVectors }, () => {
  test('gives the digest of an ID key as reports have it, and wants a public key', async () => {
    const { status, stdout } = await enarx(
      'measure',
      'key',
      vectorPath('enarx+enarx/tests/data/sev-id.pub.pem'),
    );
    assert.equal(status, 0);
    assert.equal(
      stdout,
      '0ea04f87205f95585f8037850f37104470ac2d79ca42033057fa56926a8ee3f06313f6da3742e2115222d1205ca0a1fe\n',
    );
    const certificate = vectorPath('virtee+sev/src/certs/snp/builtin/milan/ark.pem');
    assert.equal(errorCode(await enarx('measure', 'key', certificate, '--json')), 'cli/usage');
  });

  test('computes the digests that others published, for each kind of guest and VMM', async () => {
    const published = [
      'virtee+sev-snp-measure/tests/launch-digests.json',
      'virtee+sev/tests/measurement/ec2-launch-digests.json',
    ].flatMap((file) => JSON.parse(readFileSync(vectorPath(file), 'utf8')) as PublishedCase[]);
    const seen = new Set<string>();
    for (const one of published) {
      const kind = `${one.mode} ${one.vmm} ${String(one.kernel !== undefined && one.kernel !== null)} ${one.vmsa_rdx ?? ''}`;
      if (!['snp', 'sev', 'sev-es'].includes(one.mode) || one.launch_digest === undefined || seen.has(kind))
        continue;
      seen.add(kind);
      const kernel =
        one.kernel === undefined || one.kernel === null
          ? []
          : ['--kernel', '/dev/null', '--append', one.append ?? ''];
      const processors =
        one.mode === 'sev' ? [] : ['--vcpus', String(one.vcpus), '--vcpu-signature', one.vcpu_sig];
      const snp =
        one.mode === 'snp'
          ? [
              '--vmm',
              one.vmm.toLowerCase(),
              '--guest-features',
              one.guest_features,
              ...(one.vmsa_rdx === undefined ? [] : ['--rdx', one.vmsa_rdx]),
            ]
          : [];
      const { status, stdout, stderr } = await enarx(
        'measure',
        one.mode,
        '--firmware',
        vectorPath(one.firmware),
        ...kernel,
        ...processors,
        ...snp,
      );
      assert.equal(status, 0, stderr);
      assert.equal(stdout, `${one.launch_digest}\n`, kind);
    }
    assert.ok(seen.size >= 4, [...seen].join());
  });
});

const published = vectorPath('../tdx/virtee+tdx-measure');
const withoutFirmware = existsSync(published) ? withoutVectors : `no vectors in ${published}`;

test('measure tdx computes the MRTD that others published', { skip: withoutFirmware }, async () => {
  const { mrtd } = JSON.parse(readFileSync(`${published}/expected.json`, 'utf8')) as Record<string, string>;
  const { stdout } = await enarx('measure', 'tdx', '--firmware', `${published}/OVMF.fd`);
  assert.equal(stdout, `${String(mrtd)}\n`);
  // The end of an image, whose metadata lies before it.
  const end = vectorPath('virtee+sev-snp-measure/tests/fixtures/ovmf_AmdSev_suffix.bin');
  const refused = await enarx('measure', 'tdx', '--firmware', end, '--json');
  assert.equal(errorCode(refused), 'measure/firmware-malformed');
});

suite('measure snp with an ID block', { skip: withoutVectors }, () => {
  const newKey = () =>
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
  const measure = (...args: readonly string[]): ReturnType<typeof enarx> => {
    const firmware = vectorPath('virtee+sev-snp-measure/tests/fixtures/ovmf_AmdSev_suffix.bin');
    const processors = ['--vcpus', '1', '--vcpu-type', 'EPYC-v4'];
    return enarx('measure', 'snp', '--firmware', firmware, ...processors, '--json', ...args);
  };
  const ids = ['--family-id', 'fa'.repeat(16), '--image-id', '1a'.repeat(16), '--guest-svn', '7'];
  const block = ['--guest-policy', '0x30000', ...ids];

  test('prints the block to sign, and who signed it when that is given', async () => {
    const made = JSON.parse((await measure(...block)).stdout) as { measurement: string; idBlock: string };
    const bytes = Buffer.from(made.idBlock, 'base64');
    assert.deepEqual(Object.keys(made), ['measurement', 'idBlock']);
    // SEV-SNP firmware ABI, ID_BLOCK: digest, family, image, version 1, SVN, policy.
    assert.equal(
      bytes.toString('hex'),
      `${made.measurement}${'fa'.repeat(16)}${'1a'.repeat(16)}01000000070000000000030000000000`,
    );
    const [idKey, author] = await Promise.all([newKey(), newKey()]);
    const signed = Buffer.from(await signIdBlock(bytes, idKey, author)).toString('base64');
    const idAuth = await box.file('id-auth', `${signed}\n`);
    const verified = JSON.parse((await measure(...block, '--id-auth', idAuth)).stdout) as Record<
      string,
      string
    >;
    const digestOf = async ({ publicKey }: CryptoKeyPair): Promise<string> => {
      const spki = Buffer.from(await crypto.subtle.exportKey('spki', publicKey)).toString('base64');
      const file = await box.file(
        'key.pem',
        `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`,
      );
      return (await enarx('measure', 'key', file)).stdout.trim();
    };
    assert.equal(verified['idKey'], await digestOf(idKey));
    assert.equal(verified['authorKey'], await digestOf(author));
    const other = await measure('--guest-policy', '0xb0000', ...ids, '--id-auth', idAuth);
    assert.equal(errorCode(other), 'measure/id-block-rejected');
    assert.notEqual(other.status, 0);
  });

  test('wants a policy, and ids of 16 bytes', async () => {
    for (const args of [
      ids,
      ['--guest-policy', '0x30000', '--family-id', 'fa'],
      ['--guest-policy', 'none'],
    ]) {
      const result = await measure(...args);
      assert.equal(result.status, 64, result.stderr);
      assert.equal(errorCode(result), 'cli/usage');
    }
  });
});

suite('measure refuses', () => {
  test('firmware that is none, with exit status 30', async () => {
    const file = await box.file('firmware', new Uint8Array(4096));
    const result = await enarx(
      'measure',
      'snp',
      '--firmware',
      file,
      '--vcpus',
      '1',
      '--vcpu-type',
      'EPYC-v4',
      '--json',
    );
    assert.equal(result.status, 30);
    assert.equal(errorCode(result), 'measure/firmware-malformed');
    assert.equal((await enarx('measure', 'sev', '--firmware', '/dev/zero')).status, 30);
  });

  test('options that make no sense, with exit status 64', async () => {
    const file = await box.file('firmware', new Uint8Array(4096));
    const cases: readonly (readonly string[])[] = [
      ['snp', '--vcpus', '1'],
      ['snp', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--vcpu-signature', '1'],
      ['snp', '--vcpus', 'many', '--vcpu-type', 'EPYC-v4'],
      ['snp', '--vcpus', '1', '--vcpu-type', 'EPYK-v4'],
      ['snp', '--vcpus', '1', '--vcpu-signature', '0x100000000'],
      ['snp', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--vmm', 'xen'],
      ['snp', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--svsm', file],
      ['snp', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--svsm-variables', '1'],
      ['sev', '--append', 'console=ttyS0'],
      ['sev-es', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--initrd', file],
    ];
    for (const [kind, ...args] of cases) {
      const result = await enarx('measure', kind as string, '--firmware', file, ...args, '--json');
      assert.equal(result.status, 64, `${args.join(' ')}: ${result.stderr}`);
    }
    assert.equal((await enarx('measure', 'snp', '--vcpus', '1')).status, 64);
  });
});
