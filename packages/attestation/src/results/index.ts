// SPDX-License-Identifier: Apache-2.0
export { categories, tierOf, tiers, worstOf, type Category, type Tier, type TrustVector } from './ar4si.ts';
export {
  earProfile,
  earProfiles,
  makeResult,
  type AttestationResult,
  type ResultToMake,
  type SubmoduleResult,
} from './ear.ts';
export { datesAndRevocation, policyMappings, type Mapping, type Part } from './mapping.ts';
export { signCwt, signJwt } from './sign.ts';
export { verifyResult, type ResultToVerify } from './verify.ts';
