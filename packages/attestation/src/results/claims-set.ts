// SPDX-License-Identifier: Apache-2.0
import type { CborValue } from '@enarx/protocol';

import { isList, isMap, type CborItem } from '../cose/cbor.ts';
import { attestationProblem } from '../problems.ts';
import { categories, tierNames, tiers, worstOf, worse, type Tier, type TrustVector } from './ar4si.ts';
import { base64url, decodeAnyBase64 } from './base64url.ts';
import { earProfiles, type AttestationResult, type SubmoduleResult } from './ear.ts';

/** A claim's number in CBOR, and its names in JSON: the draft's first, then those that are deployed. */
interface Label {
  readonly cbor: number;
  readonly json: readonly [string, ...string[]];
}

const labels = {
  profile: { cbor: 265, json: ['eat_profile'] },
  issuedAt: { cbor: 6, json: ['iat'] },
  expires: { cbor: 4, json: ['exp'] },
  nonce: { cbor: 10, json: ['eat_nonce'] },
  submodules: { cbor: 266, json: ['submods'] },
  verifier: { cbor: 1004, json: ['ear_verifier_id', 'ear.verifier-id'] },
  rawEvidence: { cbor: 1002, json: ['ear_raw_evidence', 'ear.raw-evidence'] },
  status: { cbor: 1000, json: ['ear_status', 'ear.status'] },
  vector: { cbor: 1001, json: ['ear_trustworthiness_vector', 'ear.trustworthiness-vector'] },
  policyIds: { cbor: 1003, json: ['ear_appraisal_policy_ids'] },
  // One text, in deployed results.
  policyId: { cbor: 1003, json: ['ear.appraisal-policy-id'] },
  developer: { cbor: 0, json: ['developer'] },
  build: { cbor: 1, json: ['build'] },
} as const satisfies Record<string, Label>;

/** More parts than any attester has. */
const mostSubmodules = 64;

/** The claims as CBOR, ready to be encoded. */
export function cborClaims(result: AttestationResult): ReadonlyMap<CborValue, CborValue> {
  const map = (entries: readonly (readonly [Label, CborValue | undefined])[]): Map<CborValue, CborValue> =>
    new Map(entries.flatMap(([{ cbor }, value]) => (value === undefined ? [] : [[cbor, value]])));
  const [nonce] = result.nonces;
  return map([
    [labels.profile, result.profile],
    [labels.issuedAt, result.issuedAt],
    [labels.expires, result.expires],
    [labels.status, result.status && tiers[result.status]],
    [
      labels.verifier,
      map([
        [labels.developer, result.verifier.developer],
        [labels.build, result.verifier.build],
      ]),
    ],
    [labels.nonce, nonce],
    [labels.rawEvidence, result.rawEvidence],
    [
      labels.submodules,
      new Map(
        [...result.submodules].map(([name, { status, vector, policyIds }]) => [
          name,
          map([
            [labels.status, tiers[status]],
            [
              labels.vector,
              nonEmpty(vector) &&
                new Map(
                  Object.entries(vector).map(([category, value]) => [
                    (categories as readonly string[]).indexOf(category),
                    value,
                  ]),
                ),
            ],
            [labels.policyIds, policyIds.length === 0 ? undefined : policyIds],
          ]),
        ]),
      ),
    ],
  ]);
}

/** The claims as JSON text. */
export function jsonClaims(result: AttestationResult): string {
  const object = (entries: readonly (readonly [Label, unknown])[]): Record<string, unknown> =>
    Object.fromEntries(
      entries.flatMap(([{ json }, value]) => (value === undefined ? [] : [[json[0], value]])),
    );
  const [nonce] = result.nonces;
  return JSON.stringify(
    object([
      [labels.profile, result.profile],
      [labels.issuedAt, result.issuedAt],
      [labels.expires, result.expires],
      [labels.status, result.status],
      [labels.verifier, result.verifier],
      [labels.nonce, nonce instanceof Uint8Array ? base64url(nonce) : nonce],
      [labels.rawEvidence, result.rawEvidence && base64url(result.rawEvidence)],
      [
        labels.submodules,
        Object.fromEntries(
          [...result.submodules].map(([name, { status, vector, policyIds }]) => [
            name,
            object([
              [labels.status, status],
              [labels.vector, nonEmpty(vector)],
              [labels.policyIds, policyIds.length === 0 ? undefined : policyIds],
            ]),
          ]),
        ),
      ],
    ]),
  );
}

/** A vector without a value is not one. */
function nonEmpty(vector: TrustVector): TrustVector | undefined {
  return Object.keys(vector).length === 0 ? undefined : vector;
}

/** Reads claims out of CBOR. @throws EnarxError `result/malformed` */
export function readCborClaims(item: CborItem): AttestationResult {
  return readClaims(item, 'cbor');
}

/** Reads claims out of JSON. @throws EnarxError `result/malformed` */
export function readJsonClaims(text: string): AttestationResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw attestationProblem('result/malformed', { found: 'claims that are no JSON', cause });
  }
  return readClaims(fromJson(value), 'json');
}

/** JSON as the same items, so that one reader serves both. Objects become maps: no name can reach a prototype. */
function fromJson(value: unknown): CborItem {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : { float: value };
  if (typeof value !== 'object' || value === null) return value as string | boolean | null;
  return new Map(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]));
}

type Encoding = 'cbor' | 'json';

/** Claims that are not known are passed over, as the draft has it. */
function readClaims(item: CborItem, encoding: Encoding): AttestationResult {
  const claims = membersOf(item, 'claims', encoding);
  const profile = textOf(claims(labels.profile), 'eat_profile');
  if (!earProfiles.includes(profile))
    throw malformed(`the profile ${JSON.stringify(profile.slice(0, 64))}`, earProfiles.join(', '));
  const verifier = membersOf(claims(labels.verifier), 'ear_verifier_id', encoding);
  const expires = claims(labels.expires);
  const status = claims(labels.status);
  const evidence = claims(labels.rawEvidence);
  return {
    profile,
    issuedAt: timeOf(claims(labels.issuedAt), 'iat'),
    expires: expires === undefined ? undefined : timeOf(expires, 'exp'),
    verifier: {
      developer: textOf(verifier(labels.developer), 'developer'),
      build: textOf(verifier(labels.build), 'build'),
    },
    status: status === undefined ? undefined : tierIn(status, encoding),
    nonces: noncesOf(claims(labels.nonce)),
    rawEvidence: evidence === undefined ? undefined : binaryOf(evidence, encoding),
    submodules: submodulesOf(claims(labels.submodules), encoding),
  };
}

type Members = (label: Label) => CborItem | undefined;

function membersOf(item: CborItem | undefined, name: string, encoding: Encoding): Members {
  if (!isMap(item)) throw malformed(`${name} that is no map`);
  return ({ cbor, json }) =>
    encoding === 'cbor'
      ? item.get(cbor)
      : json.map((key) => item.get(key)).find((value) => value !== undefined);
}

function submodulesOf(item: CborItem | undefined, encoding: Encoding): ReadonlyMap<string, SubmoduleResult> {
  if (!isMap(item) || item.size === 0 || item.size > mostSubmodules)
    throw malformed(`submods that are no map of 1 to ${String(mostSubmodules)}`);
  return new Map(
    [...item].map(([name, value]) => [textOf(name, 'the name of a submodule'), submoduleOf(value, encoding)]),
  );
}

function submoduleOf(item: CborItem, encoding: Encoding): SubmoduleResult {
  const members = membersOf(item, 'a submodule', encoding);
  const status = tierIn(members(labels.status), encoding);
  const vector = vectorOf(members(labels.vector), encoding);
  const worst = worstOf(vector);
  // A status that is better than what it sums up is a mistake or a lie (draft-ietf-rats-ear section 3.2).
  if (worst !== undefined && worst !== 'affirming' && worse(status, worst) !== status)
    throw malformed(`the status ${status} over a vector whose worst is ${worst}`);
  return { status, vector, policyIds: policyIdsOf(members(labels.policyIds) ?? members(labels.policyId)) };
}

function policyIdsOf(item: CborItem | undefined): readonly string[] {
  if (item === undefined) return [];
  return (isList(item) ? item : [item]).map((id) => textOf(id, 'ear_appraisal_policy_ids'));
}

function vectorOf(item: CborItem | undefined, encoding: Encoding): TrustVector {
  if (item === undefined) return {};
  if (!isMap(item)) throw malformed('ear_trustworthiness_vector that is no map');
  return Object.fromEntries(
    [...item].map(([key, value]) => {
      const category =
        // Texts are no numbers: '1' beside 1 would be two values for one category.
        encoding === 'cbor'
          ? categories.find((_, index) => index === key)
          : categories.find((name) => name === key);
      if (category === undefined) throw malformed(`the category ${String(key).slice(0, 32)}`);
      if (typeof value !== 'number' || value < -128 || value > 127)
        throw malformed(`${category} that is no integer from -128 to 127`);
      return [category, value];
    }),
  );
}

function tierIn(item: CborItem | undefined, encoding: Encoding): Tier {
  const tier = tierNames.find((name) => item === (encoding === 'cbor' ? tiers[name] : name));
  if (tier === undefined) throw malformed('ear_status that is none of the tiers', tierNames.join(', '));
  return tier;
}

function noncesOf(item: CborItem | undefined): readonly (string | Uint8Array)[] {
  if (item === undefined) return [];
  return (isList(item) ? item : [item]).map((nonce) => {
    if (typeof nonce !== 'string' && !(nonce instanceof Uint8Array))
      throw malformed('eat_nonce that is neither text nor bytes');
    return nonce;
  });
}

function binaryOf(item: CborItem, encoding: Encoding): Uint8Array {
  const bytes = encoding === 'json' && typeof item === 'string' ? decodeAnyBase64(item) : item;
  if (!(bytes instanceof Uint8Array)) throw malformed('ear_raw_evidence that is no bytes');
  return bytes;
}

function textOf(item: CborItem | undefined, name: string): string {
  if (typeof item !== 'string') throw malformed(`${name} that is no text`);
  return item;
}

/** Whoever shows a time has years of four digits; beyond them `Date` ends, too. */
const latestTime = 253_402_300_799;

function timeOf(item: CborItem | undefined, name: string): number {
  if (typeof item !== 'number' || item < 0 || item > latestTime)
    throw malformed(`${name} that is no whole number of seconds from 1970 to 9999`);
  return item;
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('result/malformed', { found, expected });
}
