// SPDX-License-Identifier: Apache-2.0

/** Categories of a trustworthiness vector, in the order of their numbers (draft-ietf-rats-ar4si section 2.3.4). */
export const categories = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const;
export type Category = (typeof categories)[number];

/** What a verifier found in each category that it looked at: -128 to 127. */
export type TrustVector = Readonly<Partial<Record<Category, number>>>;

/** Tiers with their numbers. */
export const tiers = { none: 0, affirming: 2, warning: 32, contraindicated: 96 } as const;
export type Tier = keyof typeof tiers;
export const tierNames = Object.keys(tiers) as readonly Tier[];

/** Values that we state, by what they say (draft-ietf-rats-ar4si section 2.3.4). */
export const trustClaims = {
  none: 0,
  identityRecognised: 2,
  identityUnrecognised: 97,
  identityContraindicated: 96,
  configurationApproved: 2,
  configurationVulnerable: 32,
  configurationUnsupportable: 96,
  executablesApprovedAtBoot: 3,
  executablesUnrecognised: 33,
  hardwareGenuine: 2,
  hardwareVulnerable: 32,
  hardwareContraindicated: 96,
  hardwareUnrecognised: 97,
  memoryOpaque: 2,
  memoryIsolatedFromGuests: 32,
  memoryVisible: 96,
  /** In any category: the evidence is not what its signatures, or what was asked, say. */
  cryptographicFailure: 99,
} as const;

/** Tier of one value (section 2.3.2). 0 states nothing; 1 and -1 say that the verifier could not tell. */
export function tierOf(value: number): Tier {
  const size = value < 0 ? -value - 1 : value;
  if (size < 2) return 'none';
  if (size < 32) return 'affirming';
  return size < 96 ? 'warning' : 'contraindicated';
}

const severity: Readonly<Record<Tier, number>> = { affirming: 0, none: 1, warning: 2, contraindicated: 3 };

/** The worse of two. Nothing known is worse than good, and better than a warning. */
export function worse(a: Tier, b: Tier): Tier {
  return severity[a] >= severity[b] ? a : b;
}

/** The worst that a vector states; `undefined` when it states nothing. */
export function worstOf(vector: TrustVector): Tier | undefined {
  return Object.values(vector)
    .map(tierOf)
    .filter((tier) => tier !== 'none')
    .reduce<Tier | undefined>((worst, tier) => (worst === undefined ? tier : worse(worst, tier)), undefined);
}
