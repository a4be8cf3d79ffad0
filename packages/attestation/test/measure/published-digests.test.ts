// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  bootHashes,
  commandLineDigest,
  firmwareDigest,
  sevEsLaunchDigest,
  sevLaunchDigest,
  snpLaunchDigest,
  vcpuSignatureOf,
  contentlessPages,
  extendSnpDigest,
  vmsaPage,
  type BootHashes,
  type FirmwareLayout,
  type FirmwareSection,
  type Vmm,
} from '@enarx/attestation/measure';
import { fromHex, toHex } from '@enarx/protocol';

import { svsmVmsaPage } from '../../src/measure/vmsa.ts';
import { needsVectors, vector, vectorJson } from './vectors.ts';

interface PublishedCase {
  readonly mode: 'snp' | 'sev' | 'sev-es' | 'snp-svsm' | 'snp-ovmf-hash';
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
  readonly error?: string;
}

const boot = async ({ kernel, append }: PublishedCase): Promise<{ boot?: BootHashes }> =>
  kernel === null || kernel === undefined
    ? {}
    : { boot: await bootHashes({ kernel: new Uint8Array(), commandLine: append ?? '' }) };

async function digestOf(published: PublishedCase): Promise<Uint8Array> {
  const firmware = vector(published.firmware);
  const vcpus = { count: published.vcpus, signature: Number(published.vcpu_sig) };
  switch (published.mode) {
    case 'snp-ovmf-hash':
      return firmwareDigest(firmware);
    case 'sev':
      return sevLaunchDigest({ firmware, ...(await boot(published)) });
    case 'sev-es':
      return sevEsLaunchDigest({ firmware, vcpus, ...(await boot(published)) });
    case 'snp':
      return snpLaunchDigest({
        firmware,
        vmm: published.vmm.toLowerCase() as Vmm,
        vcpus,
        features: BigInt(published.guest_features),
        ...(await boot(published)),
        ...(published.vmsa_rdx === undefined ? {} : { rdx: Number(published.vmsa_rdx) }),
      });
    case 'snp-svsm':
      throw new Error('has a test of its own, for want of the images');
  }
}

const files = [
  'virtee+sev-snp-measure/tests/launch-digests.json',
  'virtee+sev/tests/measurement/ec2-launch-digests.json',
];

const publishedBySevSnpMeasure = (): PublishedCase[] => vectorJson(files[0]!) as PublishedCase[];

test('every launch digest that sev-snp-measure and virtee/sev publish comes out', needsVectors, async () => {
  const cases = files.flatMap((file) => vectorJson(file) as PublishedCase[]);
  const computed = cases.filter(({ mode, error }) => mode !== 'snp-svsm' && error === undefined);
  assert.equal(computed.length, 15);
  for (const published of computed) {
    assert.equal(toHex(await digestOf(published)), published.launch_digest, JSON.stringify(published));
    if (published.vcpu_type !== undefined)
      assert.equal(vcpuSignatureOf(published.vcpu_type), Number(published.vcpu_sig));
  }
});

test('EC2 without a choice of RDX is measured as sev-snp-measure does', needsVectors, async () => {
  const published = publishedBySevSnpMeasure().find(({ vmm }) => vmm === 'ec2')!;
  const { vmsa_rdx: rdx, ...rest } = published;
  assert.equal(rdx, '0x600');
  assert.equal(toHex(await digestOf(rest)), published.launch_digest);
});

test('firmware that does not measure a kernel is refused where one is booted', needsVectors, async () => {
  const cases = publishedBySevSnpMeasure().filter(({ error }) => error !== undefined);
  assert.equal(cases.length, 2);
  for (const published of cases)
    await assert.rejects(
      digestOf({ ...published, vcpus: 1, vcpu_sig: '0x00800f12', vmm: 'qemu' }),
      { code: 'measure/direct-boot-unsupported' },
      published.error,
    );
});

interface DstackInputs {
  readonly inputs: {
    readonly ovmf_sections: readonly { gpa: number; size: number; section_type: number }[];
    readonly base_cmdline: string;
    readonly ovmf_hash: string;
    readonly kernel_hash: string;
    readonly initrd_hash: string;
    readonly sev_hashes_table_gpa: number;
    readonly sev_es_reset_eip: number;
    readonly vcpus: number;
    readonly vcpu_type: string;
    readonly guest_features: number;
  };
}

test(
  'the MEASUREMENT that an AMD processor signed comes out of the published inputs of its launch',
  needsVectors,
  async () => {
    const name = 'Dstack-TEE+dstack/dstack/dstack-attest/tests/sev_snp_attestation.bin';
    const { inputs } = vectorJson(`${name}.launch-inputs.json`) as DstackInputs;
    const types: Record<number, FirmwareSection['type']> = {
      1: 'sec-mem',
      2: 'secrets',
      3: 'cpuid',
      4: 'svsm-caa',
      16: 'kernel-hashes',
    };
    const layout: FirmwareLayout = {
      size: 0x40_0000,
      sections: inputs.ovmf_sections.map(({ gpa, size, section_type }) => ({
        gpa,
        size,
        type: types[section_type]!,
      })),
      hashTable: { gpa: inputs.sev_hashes_table_gpa, size: 0x400 },
      secretArea: undefined,
      resetVector: inputs.sev_es_reset_eip,
      svsmEntry: undefined,
      tdxMetadata: undefined,
    };
    const digest = await snpLaunchDigest({
      firmware: { layout, digest: fromHex(inputs.ovmf_hash)! },
      vmm: 'qemu',
      vcpus: { count: inputs.vcpus, signature: vcpuSignatureOf(inputs.vcpu_type) },
      features: BigInt(inputs.guest_features),
      boot: {
        kernel: fromHex(inputs.kernel_hash)!,
        initrd: fromHex(inputs.initrd_hash)!,
        commandLine: await commandLineDigest(inputs.base_cmdline),
      },
    });
    assert.deepEqual(digest, vector(`${name}.report.bin`).subarray(0x90, 0xc0));
  },
);

test('the first registers are those that sevctl took from a running SEV-ES guest', needsVectors, () => {
  const state = {
    vmm: 'qemu',
    signature: vcpuSignatureOf('EPYC-Milan'),
    features: 0n,
    legacyVmType: true,
  } as const;
  assert.deepEqual(vmsaPage({ ...state, entry: 0xffff_fff0 }), vector('virtee+sevctl/tests/data/vmsa0.bin'));
  assert.deepEqual(vmsaPage({ ...state, entry: 0x80_b004 }), vector('virtee+sevctl/tests/data/vmsa1.bin'));
});

test('the digest that was read from running guests with an SVSM comes out of its declared memory and registers', async () => {
  // Over the 892 pages of firmware and the 278 of the SVSM that sev-snp-measure keeps as fixtures; they are too large to be kept here.
  const seed =
    'ebf48785b708f9397dd8098fd64ba2d961aa6fcb15ee55616d19208f236a2828c50ebee83800be4d54bb3ac0ae1fcc7e';
  const entry = 0x1_0000_0000 - 3_653_632 - 540_672 - 1_138_688;
  const contents = svsmVmsaPage(vcpuSignatureOf('EPYC-v4'), entry);
  const declared = [
    ...contentlessPages('zero', 0n, 0x9e000),
    ...contentlessPages('secrets', 0x9e000n, 0x1000),
    ...contentlessPages('cpuid', 0x9f000n, 0x1000),
  ];
  const processor = { type: 'vmsa', gpa: 0x0000_ffff_ffff_f000n, contents } as const;
  const measured = async (count: number): Promise<string> =>
    toHex(
      await extendSnpDigest(fromHex(seed)!, [...declared, ...Array<typeof processor>(count).fill(processor)]),
    );
  assert.equal(
    await measured(2),
    '9b94745036aafddf4f7f8b00c7513abb5b7703178cb95aaa57928bd963d68d3bfcb715d6019b9167ee2517b11b0d9be7',
  );
  assert.equal(
    await measured(4),
    '27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818bdb79277a44b2',
  );
});
