// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants } from 'node:fs';

import type { Tee } from '@enarx/protocol';

import type { Probe } from '../probe.ts';
import { readText, type ProcessorFlags } from './processor.ts';

/** What each kind of Keep needs of a machine. Looking is cheap and changes nothing. */
export const hardwareProbes: Readonly<Record<Tee, (processor: ProcessorFlags) => Probe[]>> = {
  sim: () => [],
  'sim-sev': () => [],
  vm: () => [],
  // Where the hardware is not there these two are emulated, which their backend says.
  sev: () => [],
  'sev-es': () => [],
  snp: (processor) => [
    device('kvm-device', '/dev/kvm', enableVirtualisation),
    device('sev-device', '/dev/sev', 'Load the ccp module; enable SEV in the firmware of the machine.'),
    processorFlag('cpu-snp', processor, 'sev_snp', 'An AMD EPYC 7003 or later is needed, with SNP enabled.'),
    kernelParameter('kvm-snp', 'kvm_amd', 'sev_snp'),
  ],
  sgx: (processor) => [
    device('sgx-device', '/dev/sgx_enclave', 'Use Linux 5.11 or later; enable SGX in the firmware.'),
    device('sgx-provision', '/dev/sgx_provision', 'Use Linux 5.11 or later; enable SGX in the firmware.'),
    processorFlag('cpu-sgx', processor, 'sgx', 'An Intel Xeon with SGX is needed.'),
    processorFlag(
      'cpu-sgx-lc',
      processor,
      'sgx_lc',
      'Flexible launch control is needed: enable it in the firmware.',
    ),
  ],
  tdx: (processor) => [
    device('kvm-device', '/dev/kvm', enableVirtualisation),
    processorFlag(
      'cpu-tdx',
      processor,
      'tdx_host_platform',
      'A 4th generation Intel Xeon or later is needed, with TDX enabled in the firmware.',
    ),
    kernelParameter('kvm-tdx', 'kvm_intel', 'tdx'),
  ],
};

const enableVirtualisation =
  'Enable virtualisation in the firmware and load kvm_amd or kvm_intel; give keepmgr the group kvm.';

function device(id: string, path: string, remedy: string): Probe {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return { id, pass: true, found: path };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { id, pass: false, found: `${path} ${missing ? 'does not exist' : 'may not be opened'}`, remedy };
  }
}

function processorFlag(id: string, { vendor, flags }: ProcessorFlags, flag: string, remedy: string): Probe {
  if (flags.has(flag)) return { id, pass: true, found: `flag ${flag}` };
  return {
    id,
    pass: false,
    found: `no flag ${flag} on a processor of ${vendor === '' ? 'unknown make' : vendor}`,
    remedy,
  };
}

function kernelParameter(id: string, module: string, parameter: string): Probe {
  const value = readText(`/sys/module/${module}/parameters/${parameter}`);
  if (value === 'Y' || value === '1') return { id, pass: true, found: `${module}.${parameter}=${value}` };
  return {
    id,
    pass: false,
    found:
      value === undefined ? `${module} has no parameter ${parameter}` : `${module}.${parameter}=${value}`,
    remedy: `Load ${module} with ${parameter}=1.`,
  };
}
