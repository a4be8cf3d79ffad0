// SPDX-License-Identifier: Apache-2.0
import type { Anchor } from './anchors.ts';
import type { Check, Unreadable } from './checks.ts';
import type { SgxClaims, TdxClaims } from './intel/claims.ts';
import type { NitroClaims } from './nitro/claims.ts';
import type { SevClaims } from './sev/claims.ts';
import type { SnpClaims } from './snp/claims.ts';
import type { KeyCache } from './x509/key-cache.ts';

/** Kinds of TEE whose evidence is told apart. What wraps it (Azure's HCL report, our wire message) is no format of its own. */
export type EvidenceFormat = 'snp' | 'sev' | 'sgx' | 'tdx' | 'nitro';

/** What the evidence says, by format. */
export type Claims = SnpClaims | SevClaims | SgxClaims | TdxClaims | NitroClaims;

/** What any claims have in common. */
export interface ClaimsOfFormat {
  readonly format: EvidenceFormat;
}

export type { Check, CheckStatus, CheckTable, Unreadable } from './checks.ts';

declare const verified: unique symbol;

/** Evidence all of whose checks passed. Only a verifier makes one; only this can be appraised. */
export interface VerifiedEvidence<C extends ClaimsOfFormat = Claims> {
  readonly [verified]: true;
  readonly format: C['format'];
  /** Where the chain ended. */
  readonly anchor: Anchor;
  /** The anchor is not one of a vendor's. */
  readonly simulated: boolean;
  /** Time that it was verified for, in milliseconds since 1970. */
  readonly at: number;
  readonly claims: C;
}

export interface VerifyOptions {
  /** The evidence in any form that docs/cli.md lists; recognised by content. At most 1 MiB. */
  readonly evidence: Uint8Array;
  /** Certificates and revocation lists in any form and order, on top of those that come with the evidence. At most 1 MiB in all. */
  readonly endorsements: readonly Uint8Array[];
  /** Keys that a chain may end in. An empty list trusts nobody. */
  readonly anchors: readonly Anchor[];
  /** Time to verify for, in milliseconds since 1970. */
  readonly at: number;
  /** Keeps verified keys between calls. */
  readonly keys?: KeyCache;
}

/** Whether evidence is genuine. Whether anybody wants it is for {@link VerifiedEvidence} and a policy to say. */
export interface Verification<C extends ClaimsOfFormat = Claims> {
  readonly format: C['format'];
  readonly simulated: boolean;
  /** Every check of the format, in a fixed order, whatever their status. */
  readonly checks: readonly Check[];
  /** What the evidence says, believed or not; `undefined` when it could not be read. */
  readonly claims: C | undefined;
  /** Why there are no claims: the evidence breaks its own format, or is of a version or sort that this release does not know. */
  readonly unreadable?: Unreadable;
  /** Only when no check failed. */
  readonly verified: VerifiedEvidence<C> | undefined;
}

/**
 * For verifiers only; not exported by the package.
 * @returns `undefined` when a check failed or no anchor was reached
 */
export function asVerified<C extends ClaimsOfFormat>(
  claims: C,
  checks: readonly Check[],
  { anchor, at }: { readonly anchor: Anchor | undefined; readonly at: number },
): VerifiedEvidence<C> | undefined {
  if (anchor === undefined || checks.some(({ status }) => status === 'fail')) return undefined;
  return { format: claims.format, anchor, simulated: anchor.simulated, at, claims } as VerifiedEvidence<C>;
}

/**
 * Whether a verification speaks of a simulated TEE. Without an anchor reached, what the caller asked for decides how the failure
 * is called.
 */
export function isSimulated(anchor: Anchor | undefined, anchors: readonly Anchor[]): boolean {
  return anchor?.simulated ?? (anchors.length > 0 && anchors.every(({ simulated }) => simulated));
}
