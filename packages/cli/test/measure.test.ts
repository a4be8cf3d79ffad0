// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';

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
