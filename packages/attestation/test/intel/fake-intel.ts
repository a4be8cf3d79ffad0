// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

import { anchorFromPem, type Anchor } from '../../src/anchors.ts';
import type { SgxClaims, TdxClaims } from '../../src/intel/claims.ts';
import type { Verification, VerifyOptions } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import {
  createIntelKeys,
  intelPlatformOf,
  issueMaterial,
  type IntelMaterial,
  type JsonDocument,
  type SimulatedIntelPlatform,
  type UnwantedMaterial,
  type UnwantedQuote,
} from '../../../simulator/src/intel/index.ts';
import type { SgxReportFields } from '../../../simulator/src/sgx/report.ts';
import type { TdReportFields, TdReportVersion } from '../../../simulator/src/tdx/report.ts';

// The simulated platform with anything altered before it is signed. So each check can be shown to be the only one that notices.
// That its layouts are Intel’s is shown on genuine quotes, in vectors.test.ts.

export const from = Date.parse('2025-01-01T00:00:00Z');
export const at = Date.parse('2026-06-01T12:00:00Z');
export const keys = await createIntelKeys();
export const reportData = Uint8Array.from({ length: 64 }, (_, index) => 255 - index);

export interface Fake extends UnwantedMaterial {
  readonly tee?: 'sgx' | 'tdx';
  readonly version?: 3 | 4 | 5;
  readonly sgx?: Partial<SgxReportFields>;
  readonly td?: Partial<TdReportFields>;
  readonly tdReport?: TdReportVersion;
  readonly reportData?: Uint8Array;
  readonly quote?: UnwantedQuote;
  /** Changes what is given beside the quote. */
  readonly collateral?: (files: readonly Uint8Array[], material: IntelMaterial) => readonly Uint8Array[];
  /** Changes the finished quote. */
  readonly evidence?: (quote: Uint8Array) => Uint8Array;
  readonly options?: Partial<VerifyOptions>;
}

export type IntelVerification = Verification<SgxClaims | TdxClaims>;

export async function fakePlatform(unwanted: UnwantedMaterial = {}): Promise<{
  readonly platform: SimulatedIntelPlatform;
  readonly material: IntelMaterial;
  readonly anchor: Anchor;
}> {
  const material = await issueMaterial(keys, from, unwanted);
  const platform = await intelPlatformOf(material);
  return { platform, material, anchor: await anchorFromPem(platform.anchorPem) };
}

/** Verifies what a simulated platform made, good but for what is given. */
export async function verifyFake(fake: Fake = {}): Promise<IntelVerification> {
  const { platform, material, anchor } = await fakePlatform(fake);
  const { tee = 'tdx', version = tee === 'sgx' ? 3 : 5 } = fake;
  const guest =
    tee === 'sgx'
      ? platform.enclave(fake.sgx, version)
      : platform.trustDomain(fake.td, version === 4 ? 4 : 5, fake.tdReport);
  const quote = await guest.quote(fake.reportData ?? reportData, fake.quote);
  return verifyEvidence({
    evidence: fake.evidence?.(quote) ?? quote,
    endorsements: fake.collateral?.(platform.collateral, material) ?? platform.collateral,
    anchors: [anchor],
    at,
    ...fake.options,
  }) as Promise<IntelVerification>;
}

/** A document with some members replaced; `undefined` takes one away. */
export const withMembers =
  (members: JsonDocument) =>
  (document: JsonDocument): JsonDocument =>
    JSON.parse(JSON.stringify({ ...document, ...members })) as JsonDocument;

/** Changes the levels of a document; each is a fresh copy. */
export const withLevels =
  (change: (level: Record<string, unknown>) => readonly JsonDocument[]) =>
  (document: JsonDocument): JsonDocument => {
    const levels = JSON.parse(JSON.stringify(document['tcbLevels'])) as Record<string, unknown>[];
    return { ...document, tcbLevels: levels.flatMap(change) };
  };

export function sgxClaims({ claims }: IntelVerification): SgxClaims {
  assert.equal(claims?.format, 'sgx');
  return claims;
}

export function tdxClaims({ claims }: IntelVerification): TdxClaims {
  assert.equal(claims?.format, 'tdx');
  return claims;
}
