// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { sha256 } from '../digest.ts';
import { attestationProblem } from '../problems.ts';
import { hashTable, hashTableLength, hashTablePage, type BootHashes } from './boot-hashes.ts';
import { readFirmware, type FirmwareLayout, type FirmwareSection } from './firmware.ts';
import { contentlessPages, emptySnpDigest, extendSnpDigest, normalPages, type SnpPage } from './snp-pages.ts';
import { resetVector, svsmVmsaPage, vmsaPage, type Vmm } from './vmsa.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Virtual processors of a guest. */
export interface Vcpus {
  /** 1 to 4096. */
  readonly count: number;
  /** CPUID signature: see {@link vcpuSignatureOf}. */
  readonly signature: number;
}

/** Firmware whose pages need not be hashed again: its layout, and the digest over its pages from {@link firmwareDigest}. */
export interface KnownFirmware {
  readonly layout: FirmwareLayout;
  /** 48 bytes. */
  readonly digest: Uint8Array;
}

/** An SVSM below the firmware: all processors begin in it, at VMPL 0, and the firmware comes later. QEMU only. */
export interface Svsm {
  readonly image: Uint8Array;
  /** Bytes between the end of the SVSM and the firmware, where the firmware keeps its variables. */
  readonly variablesSize: number;
}

export interface SnpLaunch {
  readonly firmware: Uint8Array | KnownFirmware;
  readonly vmm: Vmm;
  readonly vcpus: Vcpus;
  /** SEV_FEATURES of the guest. Bit 0, SNPActive, must be set. */
  readonly features: bigint;
  /** What is booted directly; left out, the firmware boots from a disk. */
  readonly boot?: BootHashes;
  /** RDX of the first registers, where it is not what the VMM usually sets. The published tools disagree for EC2: 0x600 and 0. */
  readonly rdx?: number;
  readonly svsm?: Svsm;
}

export interface SevLaunch {
  readonly firmware: Uint8Array;
  readonly boot?: BootHashes;
}

export interface SevEsLaunch extends SevLaunch {
  readonly vcpus: Vcpus;
  /** SEV_FEATURES of the guest, 0 unless given. */
  readonly features?: bigint;
  /** The guest is created with KVM_SEV_ES_INIT (QEMU before 9.1, or `legacy-vm-type=on`), which leaves x87 and SSE state zero. */
  readonly legacyVmType?: boolean;
}

const fourGibibytes = 2 ** 32;
const snpDigestLength = 48;

/**
 * Launch digest over the pages of the firmware alone, 48 bytes: published in place of the firmware (`ovmf_hash` of other
 * tools), or kept to measure many guests with one firmware.
 * @throws EnarxError `measure/firmware-malformed`, `measure/section-unknown`
 */
export async function firmwareDigest(firmware: Uint8Array): Promise<Uint8Array> {
  return (await knownFirmware(firmware)).digest;
}

/**
 * Launch digest of an SEV-SNP guest, 48 bytes: MEASUREMENT of its reports. In this order: the pages of the firmware, which ends
 * at 4 GiB, the memory that the firmware declares, in file order, and the first registers of each processor.
 * @throws EnarxError `measure/…`
 */
export async function snpLaunchDigest(launch: SnpLaunch): Promise<Bytes> {
  const { vcpus, features, svsm } = launch;
  checkVcpus(vcpus);
  if ((features & 1n) === 0n || !isU64(features))
    throw badOption(`guest features 0x${features.toString(16)}`, '64 bits, bit 0 (SNPActive) set');
  if (launch.rdx !== undefined && !isU32(launch.rdx)) throw badOption(`RDX ${String(launch.rdx)}`, '32 bits');
  if (svsm !== undefined) return svsmLaunchDigest(launch, svsm);
  const { layout, digest } = await knownFirmware(launch.firmware);
  return extendSnpDigest(digest, [
    ...sectionPages(layout, launch),
    ...vmsaPages(
      registersOf(layout, vcpus, (entry) => vmsaPage({ ...launch, signature: vcpus.signature, entry })),
    ),
  ]);
}

/**
 * The VMM loads the firmware, and the SVSM below it; the SVSM's memory is prepared and not the firmware's; all processors
 * begin in the SVSM (Coconut's QEMU, target/i386/sev.c).
 */
async function svsmLaunchDigest(launch: SnpLaunch, svsm: Svsm): Promise<Bytes> {
  const { vmm, boot, vcpus } = launch;
  if (vmm !== 'qemu' || boot !== undefined)
    throw badOption(
      boot === undefined ? `an SVSM under ${vmm}` : 'an SVSM and direct boot',
      'QEMU, booting from a disk',
    );
  const firmware = await knownFirmware(launch.firmware);
  const layout = readFirmware(svsm.image);
  const start = fourGibibytes - firmware.layout.size - svsm.variablesSize - layout.size;
  if (!Number.isInteger(svsm.variablesSize) || svsm.variablesSize < 0 || start < 0)
    throw badOption(
      `${String(svsm.variablesSize)} bytes of variables`,
      'a length that leaves room below the firmware',
    );
  if (layout.svsmEntry === undefined)
    throw attestationProblem('measure/firmware-lacks', { found: 'an SVSM image without an SVSM_INFO entry' });
  return extendSnpDigest(firmware.digest, [
    ...normalPages(BigInt(start), svsm.image),
    ...sectionPages(layout, { vmm }),
    ...vmsaPages(Array<Bytes>(vcpus.count).fill(svsmVmsaPage(vcpus.signature, start + layout.svsmEntry))),
  ]);
}

/** What a SEV or SEV-ES guest is launched with, in the order in which the firmware measures it. */
export interface SevLaunchParts {
  /** For LAUNCH_UPDATE_DATA. */
  readonly data: readonly Uint8Array[];
  /** First registers of each processor, for LAUNCH_UPDATE_VMSA; none for SEV. */
  readonly registers: readonly Uint8Array[];
}

/** @throws EnarxError `measure/…` */
export function sevLaunchParts({ firmware, boot }: SevLaunch): SevLaunchParts {
  const { hashTable: area } = readFirmware(firmware);
  if (boot === undefined) return { data: [firmware], registers: [] };
  if (area === undefined || area.size < hashTableLength) throw noDirectBoot('no room for the hash table');
  return { data: [firmware, hashTable(boot)], registers: [] };
}

/** @throws EnarxError `measure/…` */
export function sevEsLaunchParts(launch: SevEsLaunch): SevLaunchParts {
  const { vcpus, features = 0n, legacyVmType = false } = launch;
  checkVcpus(vcpus);
  if (!isU64(features)) throw badOption(`guest features ${String(features)}`, '64 bits');
  const registers = registersOf(readFirmware(launch.firmware), vcpus, (entry) =>
    vmsaPage({ vmm: 'qemu', signature: vcpus.signature, features, entry, legacyVmType }),
  );
  return { ...sevLaunchParts(launch), registers };
}

/**
 * Launch digest of a SEV guest, 32 bytes: what LAUNCH_MEASURE authenticates.
 * @throws EnarxError `measure/…`
 */
export async function sevLaunchDigest(launch: SevLaunch): Promise<Bytes> {
  return sevDigest(sevLaunchParts(launch));
}

/**
 * Launch digest of a SEV-ES guest, 32 bytes. As for SEV, and then the first registers of each processor. Only QEMU
 * launches such guests.
 * @throws EnarxError `measure/…`
 */
export async function sevEsLaunchDigest(launch: SevEsLaunch): Promise<Bytes> {
  return sevDigest(sevEsLaunchParts(launch));
}

/** SHA-256 over all that is loaded into the guest: the digest of SEV and SEV-ES. */
export async function sevDigest({ data, registers }: SevLaunchParts): Promise<Bytes> {
  return sha256(concatBytes(...data, ...registers));
}

async function knownFirmware(firmware: Uint8Array | KnownFirmware): Promise<KnownFirmware> {
  if (firmware instanceof Uint8Array) {
    const layout = readFirmware(firmware);
    const pages = normalPages(BigInt(fourGibibytes - layout.size), firmware);
    return { layout, digest: await extendSnpDigest(emptySnpDigest(), pages) };
  }
  if (firmware.digest.length !== snpDigestLength)
    throw badOption(`a firmware digest of ${String(firmware.digest.length)} bytes`, '48 bytes');
  return firmware;
}

function sectionPages(layout: FirmwareLayout, { vmm, boot }: Pick<SnpLaunch, 'vmm' | 'boot'>): SnpPage[] {
  const { sections } = layout;
  if (sections.length === 0)
    throw attestationProblem('measure/firmware-lacks', { found: 'firmware without SNP metadata' });
  if (boot !== undefined && !sections.some(({ type }) => type === 'kernel-hashes'))
    throw noDirectBoot('no section for the kernel hashes');
  // Amazon's VMM adds the CPUID page after everything else.
  const ordered =
    vmm === 'ec2'
      ? [
          ...sections.filter(({ type }) => type !== 'cpuid'),
          ...sections.filter(({ type }) => type === 'cpuid'),
        ]
      : sections;
  return ordered.flatMap((section) => {
    const gpa = BigInt(section.gpa);
    if (section.type === 'kernel-hashes' && boot !== undefined)
      return normalPages(gpa, hashTablePage(boot, hashTableAddress(layout, section)));
    return contentlessPages(pageTypeOf(section, vmm), gpa, section.size);
  });
}

function pageTypeOf({ type }: FirmwareSection, vmm: Vmm): 'zero' | 'unmeasured' | 'secrets' | 'cpuid' {
  if (type === 'secrets' || type === 'cpuid') return type;
  return type === 'sec-mem' && vmm === 'gce' ? 'unmeasured' : 'zero';
}

function hashTableAddress({ hashTable: area }: FirmwareLayout, section: FirmwareSection): number {
  if (
    area === undefined ||
    area.size < hashTableLength ||
    area.gpa < section.gpa ||
    area.gpa + hashTableLength > section.gpa + section.size
  )
    throw noDirectBoot('no room for the hash table in the section for it');
  return area.gpa;
}

/** The first registers of each processor: all but the first begin in the firmware's reset block. */
function registersOf(
  layout: FirmwareLayout,
  { count }: Vcpus,
  page: (entry: number) => Bytes,
): readonly Bytes[] {
  const first = page(resetVector);
  if (count === 1) return [first];
  if (layout.resetVector === undefined)
    throw attestationProblem('measure/firmware-lacks', {
      found: `${String(count)} processors and firmware without a SEV-ES reset block`,
    });
  return [first, ...Array<Bytes>(count - 1).fill(page(layout.resetVector))];
}

/** VMSA pages have no address of their own and are measured at the highest one there is. */
const vmsaAddress = 0x0000_ffff_ffff_f000n;

function vmsaPages(registers: readonly Bytes[]): SnpPage[] {
  return registers.map((contents) => ({ type: 'vmsa', gpa: vmsaAddress, contents }));
}

function checkVcpus({ count, signature }: Vcpus): void {
  if (!Number.isInteger(count) || count < 1 || count > 4096)
    throw badOption(`${String(count)} processors`, '1 to 4096');
  if (!isU32(signature)) throw badOption(`the processor signature ${String(signature)}`, '32 bits');
}

function isU64(value: bigint): boolean {
  return value >= 0n && value < 1n << 64n;
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

function badOption(found: string, expected: string): Error {
  return attestationProblem('measure/option-invalid', { found, expected });
}

function noDirectBoot(found: string): Error {
  return attestationProblem('measure/direct-boot-unsupported', { found });
}
