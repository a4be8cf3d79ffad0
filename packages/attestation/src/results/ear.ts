// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from '../attest.ts';
import { attestationProblem } from '../problems.ts';
import { appraisalsOf } from './appraisal.ts';
import { worse, type Tier, type TrustVector } from './ar4si.ts';

/** The profile that we write (draft-ietf-rats-ear, version 03). */
export const earProfile = 'tag:ietf.org,2026:rats/ear#03';
/** Profiles that we read: ours, and those of Veraison and Trustee, whose claims have dots in their names. */
export const earProfiles: readonly string[] = [
  earProfile,
  'tag:github.com,2023:veraison/ear',
  'tag:github.com,2024:confidential-containers/Trustee',
];

/** What a verifier says of one part of an attester. */
export interface SubmoduleResult {
  readonly status: Tier;
  /** Empty where none was stated. */
  readonly vector: TrustVector;
  readonly policyIds: readonly string[];
}

/** An EAT Attestation Result. */
export interface AttestationResult {
  readonly profile: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expires: number | undefined;
  readonly verifier: { readonly developer: string; readonly build: string };
  /** Of all parts together. */
  readonly status: Tier | undefined;
  /** What the relying party gave, so that a result cannot be passed off as a newer one. Text in JSON, bytes in CBOR. */
  readonly nonces: readonly (string | Uint8Array)[];
  readonly rawEvidence: Uint8Array | undefined;
  readonly submodules: ReadonlyMap<string, SubmoduleResult>;
}

export interface ResultToMake {
  readonly verdict: Verdict;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expires?: number;
  readonly verifier: AttestationResult['verifier'];
  /** 8 to 64 bytes, chosen by whoever will rely on the result. */
  readonly nonce?: Uint8Array;
  /** Where the policy is to be found, or its digest; none without a policy. */
  readonly policyId?: string;
  /** To be carried along. */
  readonly evidence?: Uint8Array;
}

const nonceLengths = { least: 8, most: 64 } as const;

/**
 * A result that says what a verdict says, whichever it is. What is simulated carries SIMULATED in the names of its parts.
 * @throws EnarxError `result/unencodable`
 */
export function makeResult(options: ResultToMake): AttestationResult {
  const { verdict, issuedAt, expires, verifier, nonce, policyId, evidence } = options;
  for (const time of [issuedAt, expires])
    if (time !== undefined && !(Number.isSafeInteger(time) && time >= 0))
      throw attestationProblem('result/unencodable', { found: `the time ${String(time)}` });
  if (nonce !== undefined && (nonce.length < nonceLengths.least || nonce.length > nonceLengths.most))
    throw attestationProblem('result/unencodable', { found: `a nonce of ${String(nonce.length)} bytes` });
  const parts = Object.entries(appraisalsOf(verdict));
  return {
    profile: earProfile,
    issuedAt,
    expires,
    verifier,
    status: parts.map(([, { status }]) => status).reduce(worse),
    nonces: nonce === undefined ? [] : [nonce],
    rawEvidence: evidence,
    submodules: new Map(
      parts.map(([part, appraisal]) => [
        verdict.simulated ? `SIMULATED ${part}` : part,
        { ...appraisal, policyIds: policyId === undefined ? [] : [policyId] },
      ]),
    ),
  };
}
