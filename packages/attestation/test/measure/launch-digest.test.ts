// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import {
  bootHashes,
  contentlessPages,
  emptySnpDigest,
  extendSnpDigest,
  firmwareDigest,
  loaderMeasurement,
  normalPages,
  readFirmware,
  sevEsLaunchDigest,
  sevLaunchDigest,
  snpLaunchDigest,
  vcpuModels,
  vcpuSignature,
  vcpuSignatureOf,
  vmsaPage,
  type BootHashes,
  type SnpLaunch,
} from '@enarx/attestation/measure';
import { toHex } from '@enarx/protocol';

import { svsmVmsaPage } from '../../src/measure/vmsa.ts';
import { buildFirmware, guids, words } from './built-firmware.ts';

const sections = [
  { gpa: 0x80_0000, size: 0x2000, type: 1 },
  { gpa: 0x80_e000, size: 0x1000, type: 3 },
  { gpa: 0x80_d000, size: 0x1000, type: 2 },
  { gpa: 0x80_f000, size: 0x1000, type: 4 },
  { gpa: 0x81_0000, size: 0x1000, type: 16 },
];
const entries = [
  [guids.hashTable, words(0x81_0c00, 0x400)],
  [guids.resetBlock, words(0x80_b004)],
] as const;
const firmware = buildFirmware({ sections, entries });
const vcpus = { count: 2, signature: 0x0080_0f12 };
const launch: SnpLaunch = { firmware, vmm: 'qemu', vcpus, features: 1n };
const boot = (): Promise<BootHashes> =>
  bootHashes({ kernel: Buffer.from('kernel'), initrd: Buffer.from('initrd') });

const measured = async (changed: Partial<SnpLaunch>): Promise<string> =>
  toHex(await snpLaunchDigest({ ...launch, ...changed }));

test('an SNP launch is firmware, declared memory in file order, and the registers of each processor', async () => {
  const registers = { vmm: 'qemu', signature: vcpus.signature, features: 1n } as const;
  const vmsa = (entry: number) =>
    ({ type: 'vmsa', gpa: 0x0000_ffff_ffff_f000n, contents: vmsaPage({ ...registers, entry }) }) as const;
  const expected = await extendSnpDigest(emptySnpDigest(), [
    ...normalPages(0xffff_e000n, firmware),
    ...contentlessPages('zero', 0x80_0000n, 0x2000),
    ...contentlessPages('cpuid', 0x80_e000n, 0x1000),
    ...contentlessPages('secrets', 0x80_d000n, 0x1000),
    ...contentlessPages('zero', 0x80_f000n, 0x1000),
    ...contentlessPages('zero', 0x81_0000n, 0x1000),
    vmsa(0xffff_fff0),
    vmsa(0x80_b004),
  ]);
  assert.equal(await measured({}), toHex(expected));
});

test('a launch is measured the same from the digest of its firmware as from the firmware', async () => {
  const known = { layout: readFirmware(firmware), digest: await firmwareDigest(firmware) };
  assert.equal(await measured({ firmware: known }), await measured({}));
});

test('every input of an SNP launch changes its digest', async () => {
  const all = await Promise.all([
    measured({}),
    measured({ boot: await boot() }),
    measured({ boot: { ...(await boot()), kernel: new Uint8Array(32) } }),
    measured({ boot: await bootHashes({ kernel: Buffer.from('kernel') }) }),
    measured({ boot: await bootHashes({ kernel: Buffer.from('kernel'), commandLine: ' ' }) }),
    measured({ boot: await bootHashes({ kernel: Buffer.from('kernel'), commandLine: '  ' }) }),
    measured({ features: 0x21n }),
    measured({ vcpus: { ...vcpus, count: 1 } }),
    measured({ vcpus: { ...vcpus, count: 3 } }),
    measured({ vcpus: { ...vcpus, signature: 0x00a0_0f11 } }),
    measured({ rdx: 0 }),
    measured({ vmm: 'ec2' }),
    measured({ vmm: 'ec2', rdx: 0 }),
    measured({ vmm: 'gce' }),
  ]);
  assert.equal(new Set(all).size, all.length);
});

test('GCE leaves the memory of the first stage unmeasured, and only that', async () => {
  const registers = { vmm: 'gce', signature: 0, features: 1n, entry: 0xffff_fff0 } as const;
  const expected = await extendSnpDigest(await firmwareDigest(firmware), [
    ...contentlessPages('unmeasured', 0x80_0000n, 0x2000),
    ...contentlessPages('cpuid', 0x80_e000n, 0x1000),
    ...contentlessPages('secrets', 0x80_d000n, 0x1000),
    ...contentlessPages('zero', 0x80_f000n, 0x1000),
    ...contentlessPages('zero', 0x81_0000n, 0x1000),
    { type: 'vmsa', gpa: 0x0000_ffff_ffff_f000n, contents: vmsaPage(registers) },
  ]);
  assert.equal(await measured({ vmm: 'gce', vcpus: { count: 1, signature: 0 } }), toHex(expected));
});

test('EC2 measures the CPUID page after all other memory', async () => {
  const [memory, cpuid, ...rest] = sections as [object, object, ...object[]];
  const reordered = buildFirmware({ sections: [memory, ...rest, cpuid] as typeof sections, entries });
  const known = { layout: readFirmware(reordered), digest: await firmwareDigest(firmware) };
  assert.equal(await measured({ vmm: 'ec2' }), await measured({ vmm: 'ec2', firmware: known }));
  assert.notEqual(await measured({}), await measured({ firmware: known }));
});

test('with an SVSM its image lies below the variables and all processors begin in it', async () => {
  const image = buildFirmware({
    sections: [{ gpa: 0, size: 0x1000, type: 1 }],
    entries: [[guids.svsmInfo, words(0x40)]],
  });
  const contents = svsmVmsaPage(vcpus.signature, 0xffff_b040);
  const expected = await extendSnpDigest(await firmwareDigest(firmware), [
    ...normalPages(0xffff_b000n, image),
    ...contentlessPages('zero', 0n, 0x1000),
    { type: 'vmsa', gpa: 0x0000_ffff_ffff_f000n, contents },
    { type: 'vmsa', gpa: 0x0000_ffff_ffff_f000n, contents },
  ]);
  const svsm = { image, variablesSize: 0x1000 };
  assert.equal(await measured({ svsm }), toHex(expected));

  await assert.rejects(measured({ svsm, vmm: 'gce' }), {
    code: 'measure/option-invalid',
    found: 'an SVSM under gce',
  });
  await assert.rejects(measured({ svsm, boot: await boot() }), { found: 'an SVSM and direct boot' });
  for (const variablesSize of [-1, 0.5, 2 ** 32])
    await assert.rejects(measured({ svsm: { image, variablesSize } }), { code: 'measure/option-invalid' });
  await assert.rejects(measured({ svsm: { image: firmware, variablesSize: 0 } }), {
    code: 'measure/firmware-lacks',
    found: 'an SVSM image without an SVSM_INFO entry',
  });
});

test('a SEV launch is SHA-256 over the firmware and, for direct boot, the table of hashes', async () => {
  const sha256 = (...parts: Uint8Array[]): string =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
  assert.equal(toHex(await sevLaunchDigest({ firmware })), sha256(firmware));
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  const table = Buffer.concat([
    Buffer.from('06d63894224fc94cb479a793d411fd21a800', 'hex'),
    Buffer.from('d82dd09720bd944caa78e7714d36ab2a3200', 'hex'),
    hash('\0'),
    Buffer.from('31f7ba442f3ad74b9af141e29169781d3200', 'hex'),
    hash('initrd'),
    Buffer.from('3794e74dd2ab7f42b835d5b172d2045b3200', 'hex'),
    hash('kernel'),
    Buffer.alloc(8),
  ]);
  assert.equal(table.length, 176);
  assert.equal(toHex(await sevLaunchDigest({ firmware, boot: await boot() })), sha256(firmware, table));
  const registers = (entry: number): Uint8Array =>
    vmsaPage({ vmm: 'qemu', signature: vcpus.signature, features: 0n, entry });
  assert.equal(
    toHex(await sevEsLaunchDigest({ firmware, vcpus, boot: await boot() })),
    sha256(firmware, table, registers(0xffff_fff0), registers(0x80_b004)),
  );
});

test('features and the older virtual machine type change a SEV-ES digest', async () => {
  const es = { firmware, vcpus };
  const all = await Promise.all([
    sevEsLaunchDigest(es),
    sevEsLaunchDigest({ ...es, features: 0x20n }),
    sevEsLaunchDigest({ ...es, legacyVmType: true }),
  ]);
  assert.equal(new Set(all.map(toHex)).size, 3);
});

test('a number of processors or a signature that cannot be is refused', async () => {
  for (const count of [0, -1, 1.5, 4097, NaN])
    await assert.rejects(measured({ vcpus: { ...vcpus, count } }), { code: 'measure/option-invalid' });
  for (const signature of [-1, 0.5, 2 ** 32])
    await assert.rejects(sevEsLaunchDigest({ firmware, vcpus: { count: 1, signature } }), {
      code: 'measure/option-invalid',
      expected: '32 bits',
    });
});

test('guest features without SNPActive, negative or of more than 64 bits are refused', async () => {
  for (const features of [0n, 0x20n, -1n, (1n << 64n) + 1n])
    await assert.rejects(measured({ features }), { code: 'measure/option-invalid' });
  for (const features of [-1n, 1n << 64n])
    await assert.rejects(sevEsLaunchDigest({ firmware, vcpus, features }), {
      code: 'measure/option-invalid',
    });
});

test('an RDX that is no number of 32 bits is refused', async () => {
  for (const rdx of [-1, 0.5, 2 ** 32, NaN])
    await assert.rejects(measured({ rdx }), { code: 'measure/option-invalid' });
});

test('memory that is not whole pages is refused, since its end would go unmeasured', async () => {
  assert.throws(() => normalPages(0n, new Uint8Array(4097)), { code: 'measure/option-invalid' });
  assert.throws(() => contentlessPages('zero', 0n, 100), { code: 'measure/option-invalid' });
  await assert.rejects(loaderMeasurement({ gpa: 0n, pages: new Uint8Array(5000) }), {
    code: 'measure/option-invalid',
    found: '5000 bytes',
  });
});

test('digests of a wrong length are refused, not measured', async () => {
  await assert.rejects(
    measured({ firmware: { layout: readFirmware(firmware), digest: new Uint8Array(47) } }),
    { code: 'measure/option-invalid', found: 'a firmware digest of 47 bytes' },
  );
  for (const part of ['kernel', 'initrd', 'commandLine'])
    await assert.rejects(measured({ boot: { ...(await boot()), [part]: new Uint8Array(48) } }), {
      code: 'measure/option-invalid',
      found: 'a boot hash of 48 bytes',
    });
});

test('firmware without SNP metadata cannot be measured for SNP, and is for SEV', async () => {
  const old = buildFirmware({ entries });
  await assert.rejects(measured({ firmware: old }), {
    code: 'measure/firmware-lacks',
    found: 'firmware without SNP metadata',
  });
  assert.equal((await sevLaunchDigest({ firmware: old })).length, 32);
});

test('more than one processor needs a reset block', async () => {
  const without = buildFirmware({ sections });
  await assert.rejects(measured({ firmware: without }), {
    code: 'measure/firmware-lacks',
    found: '2 processors and firmware without a SEV-ES reset block',
  });
  assert.equal((await measured({ firmware: without, vcpus: { ...vcpus, count: 1 } })).length, 96);
});

test('direct boot needs room for the table of hashes', async () => {
  const noSection = buildFirmware({ sections: sections.slice(0, 4), entries });
  const noEntry = buildFirmware({ sections, entries: [entries[1]] });
  const elsewhere = (gpa: number): Uint8Array =>
    buildFirmware({ sections, entries: [[guids.hashTable, words(gpa, 0x400)], entries[1]] });
  const tooSmall = buildFirmware({
    sections,
    entries: [[guids.hashTable, words(0x81_0000, 175)], entries[1]],
  });
  for (const image of [tooSmall, noSection, noEntry, elsewhere(0x81_0000 - 16), elsewhere(0x81_1000 - 160)])
    await assert.rejects(measured({ firmware: image, boot: await boot() }), {
      code: 'measure/direct-boot-unsupported',
    });
  assert.equal((await measured({ firmware: elsewhere(0x81_1000 - 176), boot: await boot() })).length, 96);
  const small = buildFirmware({ entries: [[guids.hashTable, words(0x81_0000, 175)]] });
  await assert.rejects(sevLaunchDigest({ firmware: small, boot: await boot() }), {
    code: 'measure/direct-boot-unsupported',
  });
});

test('signatures of CPU models are those of the processors of that name', () => {
  assert.deepEqual(
    ['EPYC', 'EPYC-IBPB', 'EPYC-Rome-v4', 'EPYC-Milan-v3', 'EPYC-Genoa-v2', 'EPYC-Turin'].map(
      vcpuSignatureOf,
    ),
    [0x0080_0f12, 0x0080_0f12, 0x0083_0f10, 0x00a0_0f11, 0x00a1_0f10, 0x00b0_0f00],
  );
  assert.equal(vcpuSignature(6, 0x1a, 3), 0x0001_06a3);
  assert.equal(new Set(vcpuModels).size, vcpuModels.length);
});

test('a mistyped CPU model gets a suggestion, a strange one the list', () => {
  assert.throws(() => vcpuSignatureOf('EPYC-Millan'), {
    code: 'measure/vcpu-unknown',
    found: 'EPYC-Millan',
    expected: 'EPYC-Milan, perhaps',
  });
  assert.throws(() => vcpuSignatureOf('Skylake-Server'), { expected: /^one of EPYC, EPYC-v1, / });
});

test('4 MiB of firmware costs well under a second of a processor', async () => {
  const large = new Uint8Array(4 * 1024 * 1024);
  large.set(firmware, large.length - firmware.length);
  const before = process.cpuUsage();
  await measured({ firmware: large });
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 1_000_000);
});
