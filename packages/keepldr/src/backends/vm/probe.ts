// SPDX-License-Identifier: Apache-2.0
import type { Probe } from '../../probe.ts';
import { findTool } from '../../sandbox/tool.ts';
import { findEmulator } from './emulator.ts';
import { isEmulated } from './hardware.ts';
import type { MachineKind } from '../machine-kinds.ts';
import { isAtLeast } from './machine.ts';
import { findQuoteService, quoteServiceSocket } from './quote-service.ts';

/** The QEMU that a kind asks for at least. */
const leastVersion: Readonly<Partial<Record<MachineKind, readonly [major: number, minor: number]>>> = {
  snp: [9, 1],
  tdx: [10, 1],
};

/** What a machine needs besides the processor; whether there is an image, whoever keeps images knows. */
export async function probeMachine(kind: MachineKind): Promise<readonly Probe[]> {
  const bwrap = findTool('bwrap');
  return [
    await probeEmulator(kind),
    bwrap === undefined
      ? {
          id: 'qemu-sandbox',
          pass: true,
          found: 'its own seccomp filter only',
          remedy: 'apt install bubblewrap',
        }
      : { id: 'qemu-sandbox', pass: true, found: `${bwrap} and its own seccomp filter` },
    ...(kind === 'vm' || kind === 'sev' || kind === 'sev-es' ? [firmwareOf(kind)] : []),
    ...(kind === 'tdx' ? [quoteServiceProbe()] : []),
  ];
}

function firmwareOf(kind: 'vm' | 'sev' | 'sev-es'): Probe {
  if (kind === 'vm') return { id: 'processor', pass: true, found: 'SIMULATED: memory is not encrypted' };
  return isEmulated(kind)
    ? {
        id: 'sev-firmware',
        pass: true,
        found: 'SIMULATED: no /dev/sev that may be used; memory is not encrypted',
        remedy:
          'On an AMD EPYC: enable SEV in the firmware, load kvm_amd and ccp, give keepmgr /dev/sev and /dev/kvm.',
      }
    : { id: 'sev-firmware', pass: true, found: '/dev/sev' };
}

function quoteServiceProbe(): Probe {
  const service = findQuoteService();
  return service.type === 'unix'
    ? { id: 'quote-service', pass: true, found: service.path }
    : {
        id: 'quote-service',
        pass: true,
        found: `no ${quoteServiceSocket}; guests are sent to vsock ${service.cid}:${service.port}, where nobody may listen`,
        remedy: "Install and start Intel's tdx-qgs: without it a trust domain has no evidence.",
      };
}

async function probeEmulator(kind: MachineKind): Promise<Probe> {
  try {
    const { path, version } = await findEmulator();
    const { major, minor } = version;
    const found = `${path} ${String(major)}.${String(minor)}`;
    const least = leastVersion[kind];
    if (least === undefined || isAtLeast(version, ...least)) return { id: 'qemu', pass: true, found };
    return {
      id: 'qemu',
      pass: false,
      found,
      remedy: `QEMU ${least.join('.')} or later is needed for ${kind}.`,
    };
  } catch (error) {
    return {
      id: 'qemu',
      pass: false,
      found: (error as Error).message.slice(0, 512),
      remedy: 'apt install qemu-system-x86',
    };
  }
}
