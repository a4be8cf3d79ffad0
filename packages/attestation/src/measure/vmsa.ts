// SPDX-License-Identifier: Apache-2.0
import { pageSize } from './snp-pages.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Who starts the guest. They differ in the register state that a virtual processor begins with. */
export type Vmm = 'qemu' | 'ec2' | 'gce';

/** What a virtual processor begins with. */
export interface InitialState {
  readonly vmm: Vmm;
  /** CPUID signature of the virtual processor. */
  readonly signature: number;
  /** SEV_FEATURES. */
  readonly features: bigint;
  /** First instruction. */
  readonly entry: number;
  /** RDX, where it is not what the VMM usually sets. */
  readonly rdx?: number;
  /** Whether x87 and SSE state is left zero: KVM_SEV_ES_INIT, QEMU's `legacy-vm-type=on`. QEMU only. */
  readonly legacyVmType?: boolean;
}

/** The first processor starts where every x86 processor starts. */
export const resetVector = 0xffff_fff0;

interface Segment {
  readonly selector?: number;
  readonly attributes: number;
  readonly limit?: number;
  readonly base?: number;
}

/** Offsets in the encrypted save area (AMD APM volume 2, table B-4). */
const segments = {
  es: 0x000,
  cs: 0x010,
  ss: 0x020,
  ds: 0x030,
  fs: 0x040,
  gs: 0x050,
  gdtr: 0x060,
  ldtr: 0x070,
  idtr: 0x080,
  tr: 0x090,
} as const;
const registers = {
  efer: 0x0d0,
  cr4: 0x148,
  cr0: 0x158,
  dr7: 0x160,
  dr6: 0x168,
  rflags: 0x170,
  rip: 0x178,
  pat: 0x268,
  rdx: 0x310,
  features: 0x3b0,
  xcr0: 0x3e8,
} as const;
const mxcsrOffset = 0x408;
const x87ControlOffset = 0x410;

type Segments = Readonly<Record<keyof typeof segments, Segment>>;
type Registers = Readonly<Record<keyof typeof registers, bigint>>;

interface SaveArea {
  readonly segments: Segments;
  readonly registers: Registers;
  readonly mxcsr: number;
  readonly x87Control: number;
}

/** Power-up value of the PAT register (APM volume 2, section 7.8). Google's hypervisor sets another. */
const patAtReset = 0x0007_0406_0007_0406n;
const patOfGce = 0x0007_0106n;

/** The page that holds a processor's first registers, as it is measured. */
export function vmsaPage(state: InitialState): Bytes {
  const { vmm, entry } = state;
  const data: Segment = { attributes: 0x93 };
  const ec2 = vmm === 'ec2';
  const fpu = vmm === 'qemu' && state.legacyVmType !== true;
  return encode({
    segments: {
      es: data,
      cs: {
        selector: 0xf000,
        // Amazon's first processor begins with its code segment not yet accessed.
        attributes: ec2 && entry === resetVector ? 0x9a : 0x9b,
        base: (entry & 0xffff_0000) >>> 0,
      },
      ss: ec2 ? { attributes: 0x92 } : data,
      ds: data,
      fs: data,
      gs: data,
      gdtr: { attributes: 0 },
      ldtr: { attributes: 0x82 },
      idtr: { attributes: 0 },
      tr: { attributes: ec2 ? 0x83 : 0x8b },
    },
    registers: {
      ...commonRegisters,
      cr0: 0x10n,
      rip: BigInt(entry & 0xffff),
      pat: vmm === 'gce' ? patOfGce : patAtReset,
      rdx: BigInt(state.rdx ?? (vmm === 'qemu' ? state.signature : defaultRdx)),
      features: state.features,
    },
    mxcsr: fpu ? 0x1f80 : 0,
    x87Control: fpu ? 0x037f : 0,
  });
}

/**
 * What sev-snp-measure takes for RDX on EC2 and GCE. For EC2 virtee/sev takes 0, and no signed report is public that
 * says which is right: the caller may choose.
 */
const defaultRdx = 0x600;

const commonRegisters = {
  efer: 0x1000n,
  cr4: 0x40n,
  dr7: 0x400n,
  dr6: 0xffff_0ff0n,
  rflags: 0x2n,
  xcr0: 1n,
} as const;

/**
 * The same for a guest whose processors all begin in an SVSM, in flat 32-bit mode (Coconut's QEMU).
 * @param entry - guest-physical address of its first instruction
 */
export function svsmVmsaPage(signature: number, entry: number): Bytes {
  const flat: Segment = { selector: 0x10, attributes: 0xc93, limit: 0xffff_ffff };
  return encode({
    segments: {
      es: flat,
      cs: { selector: 8, attributes: 0xc9b, limit: 0xffff_ffff },
      ss: flat,
      ds: flat,
      fs: flat,
      gs: { attributes: 0x93 },
      gdtr: { attributes: 0 },
      ldtr: { attributes: 0x82 },
      idtr: { attributes: 0 },
      tr: { attributes: 0x8b },
    },
    registers: {
      ...commonRegisters,
      cr0: 0x11n,
      rip: BigInt(entry),
      pat: patAtReset,
      rdx: BigInt(signature),
      features: 1n,
    },
    mxcsr: 0x1f80,
    // Zero in the published digests, which were taken from a running guest.
    x87Control: 0,
  });
}

function encode({ segments: area, registers: values, mxcsr, x87Control }: SaveArea): Bytes {
  const page = new Uint8Array(pageSize);
  const view = new DataView(page.buffer);
  for (const [name, at] of Object.entries(segments) as [keyof Segments, number][]) {
    const { selector = 0, attributes, limit = 0xffff, base = 0 } = area[name];
    view.setUint16(at, selector, true);
    view.setUint16(at + 2, attributes, true);
    view.setUint32(at + 4, limit, true);
    view.setBigUint64(at + 8, BigInt(base), true);
  }
  for (const [name, at] of Object.entries(registers) as [keyof Registers, number][])
    view.setBigUint64(at, values[name], true);
  view.setUint32(mxcsrOffset, mxcsr, true);
  view.setUint16(x87ControlOffset, x87Control, true);
  return page;
}
