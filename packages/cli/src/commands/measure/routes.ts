// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import type { SgxFlags } from './sgx.ts';
import type { FirmwareFlags, GuestFlags, SevEsFlags, SnpFlags } from './flags.ts';

const text = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder }) as const;

const firmware = {
  kind: 'parsed',
  parse: String,
  brief: 'The whole image of the firmware (OVMF.fd)',
  placeholder: 'FILE',
} as const;

const guestFlags = {
  firmware,
  kernel: text('Kernel that the firmware boots directly, measured by its hash', 'FILE'),
  initrd: text('Its initial file system', 'FILE'),
  append: text('Its command line', 'TEXT'),
  ...outputFlags,
} as const;

const processorFlags = {
  vcpus: { kind: 'parsed', parse: String, brief: 'Number of virtual processors', placeholder: 'N' },
  vcpuType: text('Their model, as `-cpu` of QEMU has it: EPYC-Milan-v2', 'MODEL'),
  vcpuSignature: text('Their CPUID signature, instead of a model: 0xa00f11', 'NUMBER'),
} as const;

const features = (value: string) =>
  ({
    kind: 'parsed',
    parse: String,
    default: value,
    brief: 'SEV_FEATURES of the guest',
    placeholder: 'NUMBER',
  }) as const;

const snp = buildCommand<SnpFlags, [], EnarxContext>({
  loader: async () => (await import('./measure.ts')).measureSnp,
  parameters: {
    flags: {
      ...guestFlags,
      ...processorFlags,
      guestFeatures: features('0x1'),
      vmm: {
        kind: 'enum',
        values: ['qemu', 'ec2', 'gce'],
        default: 'qemu',
        brief: 'What launches the guest; each sets other first registers',
      },
      rdx: text('RDX of the first registers, where it is not what the VMM usually sets', 'NUMBER'),
      svsm: text('An SVSM below the firmware, at VMPL 0', 'FILE'),
      svsmVariables: text('Bytes between the SVSM and the firmware, where that keeps its variables', 'N'),
      guestPolicy: text('Policy of the guest; with it, the ID block to sign is printed, too', 'NUMBER'),
      familyId: text('FAMILY_ID of the ID block, zero without it', 'HEX'),
      imageId: text('IMAGE_ID of the ID block, zero without it', 'HEX'),
      guestSvn: text('GUEST_SVN of the ID block, zero without it', 'NUMBER'),
      idAuth: text(
        'ID authentication (4096 bytes, or their base64) that must have signed the ID block',
        'FILE',
      ),
    },
  },
  docs: {
    brief: 'Launch digest of an SEV-SNP guest (MEASUREMENT of its reports)',
    fullDescription: [
      'Launch digest of an SEV-SNP guest, 48 bytes in hexadecimal: MEASUREMENT of its reports, and `measurements` of a policy.',
      'The firmware itself is needed: a digest of it does not tell the memory that it declares and where its processors begin.',
      'With --guest-policy the ID block for this guest is printed in base64; with --id-auth both of its signatures are verified, and the',
      'digests of the keys are printed as reports will have them.',
    ].join('\n'),
  },
});

const sev = buildCommand<GuestFlags, [], EnarxContext>({
  loader: async () => (await import('./measure.ts')).measureSev,
  parameters: { flags: guestFlags },
  docs: { brief: 'Launch digest of a guest with legacy SEV, 32 bytes' },
});

const sevEs = buildCommand<SevEsFlags, [], EnarxContext>({
  loader: async () => (await import('./measure.ts')).measureSevEs,
  parameters: {
    flags: {
      ...guestFlags,
      ...processorFlags,
      guestFeatures: features('0x0'),
      legacyVmType: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'For QEMU before 9.1, or its legacy-vm-type=on',
      },
    },
  },
  docs: { brief: 'Launch digest of a guest with SEV-ES, 32 bytes' },
});

const tdx = buildCommand<FirmwareFlags, [], EnarxContext>({
  loader: async () => (await import('./measure.ts')).measureTdx,
  parameters: { flags: { firmware, ...outputFlags } },
  docs: {
    brief: 'Launch digest of a TDX guest (MRTD of its quotes)',
    fullDescription: [
      'Launch digest of a TDX guest, 48 bytes in hexadecimal: MRTD of its quotes, and `mrtd` of a policy. It covers the firmware alone.',
      'Kernel, command line and initial file system are in RTMR1 and RTMR2, which firmware and kernel extend while they start; docs/vm.md',
      'says how to find those of an image.',
    ].join('\n'),
  },
});

const sgx = buildCommand<SgxFlags, [], EnarxContext>({
  loader: async () => (await import('./sgx.ts')).measureSgx,
  parameters: {
    flags: {
      loadLog: text('How the enclave is loaded: the stream of ECREATE, EADD and EEXTEND (.sgxs)', 'FILE'),
      sigstruct: text('What its signer says of it: the SIGSTRUCT, 1808 bytes', 'FILE'),
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Measurement of an SGX enclave (MRENCLAVE), and what its signer says of it',
    fullDescription: [
      'Measurement of an SGX enclave, 32 bytes in hexadecimal: MRENCLAVE of its reports, and `mrenclave` of a policy.',
      'From a load log it is computed. A SIGSTRUCT names it besides the signer (`mrsigner`), product, version and attributes; its',
      'signature is verified. With both, they must be of one enclave. Exit status: 10 when they are not, or the signature is wrong.',
    ].join('\n'),
  },
});

const key = buildCommand<OutputFlags, [string], EnarxContext>({
  loader: async () => (await import('./key.ts')).measureKey,
  parameters: {
    flags: outputFlags,
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Public key, P-384, PEM', placeholder: 'FILE', parse: String }],
    },
  },
  docs: {
    brief: 'Digest of an ID or author key',
    fullDescription:
      'Digest of the key that signs ID blocks, or of its author, 48 bytes: ID_KEY_DIGEST and AUTHOR_KEY_DIGEST of reports, and `id-keys` and `author-keys` of a policy.',
  },
});

export const measureRoutes = buildRouteMap<string, EnarxContext>({
  routes: { snp, sev, sevEs, sgx, tdx, key },
  docs: { brief: 'Compute what a guest should measure' },
});
