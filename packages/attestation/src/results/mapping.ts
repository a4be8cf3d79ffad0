// SPDX-License-Identifier: Apache-2.0
import { trustClaims as claim, type Category } from './ar4si.ts';

/** What a result speaks of: the machine, and what runs in it. */
export type Part = 'platform' | 'keep';

/** What a check comes to in a trustworthiness vector. */
export interface Mapping {
  readonly checks: RegExp;
  readonly part: Part;
  readonly category: Category;
  readonly onFailure: number;
  /** What a pass states; `undefined` where passing alone says nothing. */
  readonly onPass?: number;
  /** For docs/results.md. */
  readonly reason: string;
}

/** Checks of verification that fail without any doubt about the signatures. All others that fail are cryptographic. */
export const datesAndRevocation: Mapping = {
  checks: /^x509\/(validity|revocation-list|not-revoked)$|-dates$|-revocation$|tcb-level$|^nitro\/timestamp$/,
  part: 'platform',
  category: 'hardware',
  onFailure: claim.hardwareContraindicated,
  reason:
    'outdated or revoked certificates, lists and documents of the vendor, or a TCB that no level applies to',
};

/** Which check of a policy belongs where; the first that fits counts. The last fits every check, so that no failure is lost. */
export const policyMappings: readonly Mapping[] = [
  {
    checks: /^policy\/(report-data|nitro-nonces|nitro-most-age)$/,
    part: 'keep',
    category: 'instance-identity',
    onFailure: claim.cryptographicFailure,
    reason: 'freshness: the evidence was made for somebody else, or at another time',
  },
  {
    checks: /^policy\/(tee|anchor|snp-products|snp-products-refused|tdx-modules)$/,
    part: 'platform',
    category: 'hardware',
    onFailure: claim.hardwareUnrecognised,
    reason: 'kind of TEE, root, product, and the TDX module',
  },
  {
    checks: /^policy\/(snp|sev)-chips-refused$/,
    part: 'platform',
    category: 'instance-identity',
    onFailure: claim.identityContraindicated,
    reason: 'machines that the policy refuses by name',
  },
  {
    checks:
      /^policy\/(snp-(chips-accepted|signing-keys|csp-ids)|sev-(chips-accepted|owners)|(sgx|tdx)-platform-(fmspcs|ppids-accepted|instances-accepted)|nitro-(modules|pcr3|pcr4))$/,
    part: 'platform',
    category: 'instance-identity',
    onFailure: claim.identityUnrecognised,
    onPass: claim.identityRecognised,
    reason: 'which machine it is, or whose',
  },
  {
    checks: /^policy\/(snp-crl|snp-firmware-.*|sev-api-minimum|(sgx|tdx)-(tcb|collateral)-.*)$/,
    part: 'platform',
    category: 'hardware',
    onFailure: claim.hardwareVulnerable,
    reason: 'versions of firmware and microcode, and how current the collateral is',
  },
  {
    checks: /^policy\/(snp-guest-policy-debug|(sgx|tdx)-attributes-(other-)?debug|nitro-debug)$/,
    part: 'keep',
    category: 'runtime-opaque',
    onFailure: claim.memoryVisible,
    reason: 'permission to debug',
  },
  {
    checks:
      /^policy\/(snp-(measurements|family-ids|image-ids|guest-svn|id-keys|author-keys)|sgx-(mrenclave|mrsigner|isv-.*|family-ids)|tdx-(mrtd|rtmr.)|nitro-(images|pcr8|pcrs))$/,
    part: 'keep',
    category: 'executables',
    onFailure: claim.executablesUnrecognised,
    onPass: claim.executablesApprovedAtBoot,
    reason: 'what was loaded, and who made it',
  },
  {
    checks:
      /^policy\/(snp-host-data|sgx-config-ids|tdx-(config-ids|owners|owner-configs)|nitro-(user-data|public-keys))$/,
    part: 'keep',
    category: 'configuration',
    onFailure: claim.configurationUnsupportable,
    onPass: claim.configurationApproved,
    reason: 'what was configured at launch, and what the application put into the evidence',
  },
  {
    checks: /^/,
    part: 'platform',
    category: 'configuration',
    onFailure: claim.configurationUnsupportable,
    onPass: claim.configurationApproved,
    reason: 'every other field of a policy',
  },
];

/** The row for a check of a policy. */
export function policyMappingOf(id: string): Mapping {
  return policyMappings.find(({ checks }) => checks.test(id)) as Mapping;
}
