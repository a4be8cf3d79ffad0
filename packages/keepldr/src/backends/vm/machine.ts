// SPDX-License-Identifier: Apache-2.0
import type { MachineKind } from '../machine-kinds.ts';
import type { QuoteService } from './quote-service.ts';

/** Everything that a machine is made of. All paths as QEMU sees them. */
export interface MachineOptions {
  readonly kind: MachineKind;
  /** Version of QEMU, whose options differ: `sev-snp-guest` and `legacy-vm-type` came with 9.1, `tdx-guest` with 10.1. */
  readonly version: QemuVersion;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** Firmware of the measured boot, of AMD's kinds or of TDX; not used where memory is not encrypted, since AmdSev firmware boots nothing there. */
  readonly firmware: string;
  /** MiB. */
  readonly memory: number;
  readonly vcpus: number;
  /** Unix sockets on which QEMU listens. */
  readonly sockets: MachineSockets;
  /** Where to send the guest's console: QEMU's own standard output, or nowhere. */
  readonly console: 'output' | 'none';
  /** What runs the guest's instructions where memory is not encrypted. */
  readonly accelerator: 'kvm' | 'tcg';
  readonly sev?: SevOptions | undefined;
  readonly snp?: SnpOptions | undefined;
  readonly tdx?: TdxOptions | undefined;
}

/** What depends on the security of the machine's kind, and is known only when it is about to start. */
export type MachineSecurity = Pick<MachineOptions, 'sev' | 'snp' | 'tdx'>;

export interface MachineSockets {
  readonly control: string;
  readonly device: string;
  readonly channel: string;
}

export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
}

/** Position of the encryption bit and lost address bits, which `query-sev-capabilities` and CPUID 0x8000001F tell. */
interface AddressBits {
  readonly cbitpos: number;
  readonly reducedPhysBits: number;
}

/** Legacy SEV with a guest owner. */
export interface SevOptions extends AddressBits {
  /** Guest policy as a 32-bit number. */
  readonly policy: number;
  /** Files with the guest owner's Diffie-Hellman certificate and session parameters, both base64. */
  readonly dhCertFile?: string | undefined;
  readonly sessionFile?: string | undefined;
}

export interface SnpOptions extends AddressBits {
  /** Guest policy as a 64-bit number. */
  readonly policy: bigint;
  /** 32 bytes. */
  readonly hostData?: Uint8Array | undefined;
}

export interface TdxOptions {
  readonly quoteService: QuoteService;
}

/** Names of the two ports, as the guest looks for them. */
export const portNames = { device: 'enarx.device', channel: 'enarx.channel' } as const;

/**
 * The processor that a guest sees, and that its measurement names. In emulation it has no CMPXCHG16B: QEMU 7.2 leaves wrong flags behind where that instruction is interrupted, of
 * which Linux 6.12 died in one boot out of six. `max` panics with 5-level paging, and for AMD's models Linux patches itself at length.
 */
export const cpuModels: Readonly<Record<MachineKind, string>> = {
  vm: 'Skylake-Client-v4,-cx16',
  sev: 'EPYC',
  'sev-es': 'EPYC',
  snp: 'EPYC-v4',
  tdx: 'host',
};

/**
 * Arguments for qemu-system-x86_64. A guest has no network, no disk, no display, no USB and no PS/2: two ports of a
 * virtual serial line are all that leads out of it.
 */
export function machineArguments(options: MachineOptions): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-nographic', '-S'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...machineType(options),
    ...['-cpu', cpuModels[options.kind], '-smp', String(options.vcpus), '-m', `${String(options.memory)}M`],
    ...encryption(options),
    ...['-kernel', options.kernel, '-initrd', options.initrd, '-append', options.commandLine],
    ...['-chardev', socket('control', options.sockets.control), '-mon', 'chardev=control,mode=control'],
    ...['-serial', options.console === 'output' ? 'stdio' : 'none'],
    ...port('device', options.sockets.device),
    ...port('channel', options.sockets.channel),
  ];
}

function machineType({ kind, accelerator }: MachineOptions): string[] {
  if (kind === 'vm') {
    const engine = accelerator === 'kvm' ? 'kvm' : 'tcg,thread=single';
    return ['-accel', engine, '-machine', 'q35,usb=off,vmport=off'];
  }
  const machine = ['q35', 'smm=off', 'vmport=off', 'hpet=off', 'confidential-guest-support=tee'];
  if (kind === 'snp') machine.push('memory-backend=ram');
  if (kind === 'tdx') machine.push('kernel-irqchip=split');
  return ['-accel', 'kvm', '-machine', machine.join(',')];
}

function encryption(options: MachineOptions): string[] {
  switch (options.kind) {
    case 'vm':
      return [];
    case 'sev':
    case 'sev-es':
      return [...sevObject(options), '-bios', options.firmware];
    case 'snp':
      return [
        ...['-object', `memory-backend-memfd,id=ram,size=${String(options.memory)}M,share=true`],
        ...snpObject(options),
        ...['-bios', options.firmware],
      ];
    case 'tdx':
      return [...tdxObject(options), '-bios', options.firmware];
  }
}

function sevObject({ sev, version }: MachineOptions): string[] {
  if (sev === undefined) return [];
  const { policy, cbitpos, reducedPhysBits, dhCertFile, sessionFile } = sev;
  const properties = [
    'sev-guest',
    'id=tee',
    `policy=0x${policy.toString(16)}`,
    `cbitpos=${String(cbitpos)}`,
    `reduced-phys-bits=${String(reducedPhysBits)}`,
    'kernel-hashes=on',
    ...(dhCertFile === undefined ? [] : [`dh-cert-file=${escaped(dhCertFile)}`]),
    ...(sessionFile === undefined ? [] : [`session-file=${escaped(sessionFile)}`]),
    // Newer kernels start SEV guests another way, which changes what an SEV-ES launch measures.
    ...(isAtLeast(version, 9, 1) ? ['legacy-vm-type=on'] : []),
  ];
  return ['-object', properties.join(',')];
}

function snpObject({ snp }: MachineOptions): string[] {
  if (snp === undefined) return [];
  const { policy, cbitpos, reducedPhysBits, hostData } = snp;
  const properties = [
    'sev-snp-guest',
    'id=tee',
    `policy=0x${policy.toString(16)}`,
    `cbitpos=${String(cbitpos)}`,
    `reduced-phys-bits=${String(reducedPhysBits)}`,
    'kernel-hashes=on',
    ...(hostData === undefined ? [] : [`host-data=${Buffer.from(hostData).toString('base64')}`]),
  ];
  return ['-object', properties.join(',')];
}

/** In JSON, since a socket address is a structure. Without the first property Linux refuses to boot in a trust domain. */
function tdxObject({ tdx }: MachineOptions): string[] {
  if (tdx === undefined) return [];
  const object = {
    'qom-type': 'tdx-guest',
    id: 'tee',
    'sept-ve-disable': true,
    'quote-generation-socket': tdx.quoteService,
  };
  return ['-object', JSON.stringify(object)];
}

function port(name: 'device' | 'channel', path: string): string[] {
  return [
    ...(name === 'device' ? ['-device', 'virtio-serial-pci,max_ports=3'] : []),
    ...['-chardev', socket(name, path)],
    ...['-device', `virtserialport,chardev=${name},name=${portNames[name]}`],
  ];
}

function socket(id: string, path: string): string {
  return `socket,id=${id},path=${escaped(path)},server=on,wait=off`;
}

/** QEMU's option parser splits at commas; a doubled one stands for itself. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}

export function isAtLeast({ major, minor }: QemuVersion, wantedMajor: number, wantedMinor: number): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
