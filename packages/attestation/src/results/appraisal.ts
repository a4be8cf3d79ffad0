// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '../attest.ts';
import type { Check } from '../checks.ts';
import type { Claims } from '../verification.ts';
import {
  tierOf,
  trustClaims as claim,
  worse,
  worstOf,
  type Category,
  type Tier,
  type TrustVector,
} from './ar4si.ts';
import { datesAndRevocation, policyMappingOf, type Part } from './mapping.ts';

/** What a verifier says of one part. */
export interface Appraisal {
  readonly status: Tier;
  readonly vector: TrustVector;
}

/** Values of one part as they are found; a worse one takes the place of a better one. */
class Vector {
  readonly #values = new Map<Category, number>();

  state(category: Category, value: number): void {
    const known = this.#values.get(category);
    const worst = known === undefined ? tierOf(value) : worse(tierOf(known), tierOf(value));
    if (known === undefined || worst !== tierOf(known)) this.#values.set(category, value);
  }

  get vector(): TrustVector {
    return Object.fromEntries(this.#values);
  }
}

/**
 * What a verdict comes to, for each part of it (docs/results.md has the mapping). A rejected one is contraindicated as a
 * whole. Evidence of a simulated processor never affirms any hardware, whatever the policy accepted.
 */
export function appraisalsOf(verdict: Verdict): Readonly<Record<Part, Appraisal>> {
  const vectors: Readonly<Record<Part, Vector>> = { platform: new Vector(), keep: new Vector() };
  const ofPolicy = (id: string): boolean => id.startsWith('policy/');
  const failed = verdict.checks.filter(({ id, status }) => status === 'fail' && !ofPolicy(id));
  for (const { id } of failed) stateVerificationFailure(id, vectors);
  if (verdict.simulated) vectors.platform.state('hardware', claim.hardwareUnrecognised);
  if (failed.length === 0) {
    if (verdict.claims !== undefined) stateClaims(verdict.claims, vectors);
    for (const check of verdict.checks) if (ofPolicy(check.id)) statePolicy(check, vectors);
  }
  return {
    platform: appraisalOf(vectors.platform, verdict, 'hardware'),
    keep: appraisalOf(vectors.keep, verdict, 'executables'),
  };
}

function stateVerificationFailure(id: string, vectors: Readonly<Record<Part, Vector>>): void {
  const { checks, part, category, onFailure } = datesAndRevocation;
  if (checks.test(id)) {
    vectors[part].state(category, onFailure);
    return;
  }
  vectors.platform.state('instance-identity', claim.cryptographicFailure);
  vectors.platform.state('hardware', claim.cryptographicFailure);
  vectors.keep.state('executables', claim.cryptographicFailure);
}

function statePolicy({ id, status }: Check, vectors: Readonly<Record<Part, Vector>>): void {
  const { part, category, onFailure, onPass } = policyMappingOf(id);
  if (status === 'fail') vectors[part].state(category, onFailure);
  else if (status === 'pass' && onPass !== undefined) vectors[part].state(category, onPass);
}

/** What follows from genuine evidence itself. */
function stateClaims(claims: Claims, { platform, keep }: Readonly<Record<Part, Vector>>): void {
  platform.state('hardware', hardwareOf(claims));
  const memory = memoryOf(claims);
  if (memory !== undefined) keep.state('runtime-opaque', memory);
}

/** Intel says of a TCB what is wrong with it; the others leave that to a policy. */
function hardwareOf(claims: Claims): number {
  if (claims.format !== 'sgx' && claims.format !== 'tdx') return claim.hardwareGenuine;
  return claims.tcb?.status === 'UpToDate' ? claim.hardwareGenuine : claim.hardwareVulnerable;
}

/** Who can read the memory. Of legacy SEV the launch session says it, not the certificates of the platform. */
function memoryOf(claims: Claims): number | undefined {
  switch (claims.format) {
    case 'sev':
      return undefined;
    case 'snp':
      return claims.report.policy.debug ? claim.memoryVisible : claim.memoryOpaque;
    case 'sgx':
      return claims.report.attributes.debug ? claim.memoryVisible : claim.memoryOpaque;
    case 'tdx':
      return claims.report.tdAttributes.debug ? claim.memoryVisible : claim.memoryOpaque;
    case 'nitro':
      // AWS keeps the parent instance out; the hypervisor itself is AWS's, and nothing is said of encryption.
      return claims.debug ? claim.memoryVisible : claim.memoryIsolatedFromGuests;
  }
}

/** @param needed - without a statement on this, nothing is affirmed */
function appraisalOf(values: Vector, { verdict }: Verdict, needed: Category): Appraisal {
  const { vector } = values;
  if (verdict === 'rejected') return { status: 'contraindicated', vector };
  const worst = worstOf(vector) ?? 'none';
  return { status: vector[needed] === undefined ? worse(worst, 'none') : worst, vector };
}
