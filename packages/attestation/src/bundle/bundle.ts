// SPDX-License-Identifier: Apache-2.0
import { compareBytes, decodeCbor, encodeCbor, type CborValue } from '@enarx/protocol';

import { reasonOf } from '../checks.ts';
import { attestationProblem } from '../problems.ts';
import type { EvidenceFormat } from '../verification.ts';

/** Format and version of a bundle, first in it; bundle.cddl has the rule. */
const mark = 'enarx-collateral/1';
/** As `verifyEvidence` takes. */
const mostBytes = 1_048_576;
const mostItems = 256;

/** What may be in a bundle, in the order in which it is. */
export const collateralKinds = [
  /** X.509, DER, of any vendor. */
  'certificate',
  /** X.509, DER. */
  'revocation-list',
  /** Intel’s signed JSON, byte for byte as served: `{"tcbInfo":…,"signature":…}`. */
  'tcb-info',
  /** The same of an enclave. */
  'enclave-identity',
  /** AMD’s binary certificates of legacy SEV. */
  'sev-certificate',
] as const;
export type CollateralKind = (typeof collateralKinds)[number];

/** One piece of collateral. Nothing of it is proven by its being in a bundle. */
export interface CollateralItem {
  readonly kind: CollateralKind;
  readonly content: Uint8Array;
}

/** Kinds that the verifier of a format reads; what else is in a bundle is for evidence of other vendors. */
const kindsFor: Readonly<Record<EvidenceFormat, readonly CollateralKind[]>> = {
  snp: ['certificate', 'revocation-list'],
  sev: ['sev-certificate'],
  sgx: ['certificate', 'revocation-list', 'tcb-info', 'enclave-identity'],
  tdx: ['certificate', 'revocation-list', 'tcb-info', 'enclave-identity'],
  nitro: ['certificate', 'revocation-list'],
};

/**
 * The bundle of these items, each once and in one order: the same items always give the same bytes.
 * @throws EnarxError `bundle/malformed` when there are none or more than a verifier takes
 */
export function encodeBundle(items: readonly CollateralItem[]): Uint8Array<ArrayBuffer> {
  const sorted = [...items].sort(compareItems);
  const distinct = sorted.filter(
    (item, index) => index === 0 || compareItems(sorted[index - 1] as CollateralItem, item) !== 0,
  );
  const bytes = encodeCbor([
    mark,
    distinct.map(({ kind, content }) => [collateralKinds.indexOf(kind), content]),
  ]);
  checkSize(distinct.length, bytes.length);
  return bytes;
}

/** @throws EnarxError `bundle/malformed`, whatever is wrong with the bytes */
export function readBundle(bytes: Uint8Array): readonly CollateralItem[] {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, mostBytes);
  } catch (error) {
    throw malformed(reasonOf(error), error);
  }
  if (!isList(value) || value.length !== 2 || value[0] !== mark || !isList(value[1]))
    throw malformed('another kind of file');
  const items = value[1].map(itemOf);
  checkSize(items.length, bytes.length);
  items.forEach((item, index) => {
    if (index > 0 && compareItems(items[index - 1] as CollateralItem, item) >= 0)
      throw malformed('items out of order or twice');
  });
  return items;
}

function itemOf(value: CborValue): CollateralItem {
  if (!isList(value) || value.length !== 2) throw malformed('an item that is no pair');
  const [number, content] = value;
  const kind = typeof number === 'number' ? collateralKinds[number] : undefined;
  if (kind === undefined) throw malformed('an item of a kind that is not known');
  if (!(content instanceof Uint8Array) || content.length === 0)
    throw malformed(`a ${kind} that is no byte string`);
  return { kind, content };
}

function checkSize(items: number, length: number): void {
  if (items === 0 || items > mostItems || length > mostBytes)
    throw malformed(`${String(items)} items in ${String(length)} bytes`);
}

function compareItems(a: CollateralItem, b: CollateralItem): number {
  return (
    collateralKinds.indexOf(a.kind) - collateralKinds.indexOf(b.kind) || compareBytes(a.content, b.content)
  );
}

/** An array of two, the first of which is the mark: deterministic encoding fixes the first bytes. */
const start = encodeCbor([mark, []]).subarray(0, -1);

export function looksLikeBundle(bytes: Uint8Array): boolean {
  return compareBytes(bytes.subarray(0, start.length), start) === 0;
}

/** Endorsements with what bundles among them hold for evidence of one format. @throws EnarxError `bundle/malformed` */
export function withoutBundles(
  endorsements: readonly Uint8Array[],
  format: EvidenceFormat,
): readonly Uint8Array[] {
  return endorsements.flatMap((bytes) =>
    looksLikeBundle(bytes)
      ? readBundle(bytes)
          .filter(({ kind }) => kindsFor[format].includes(kind))
          .map(({ content }) => content)
      : [bytes],
  );
}

function isList(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value);
}

function malformed(found: string, cause?: unknown): Error {
  return attestationProblem('bundle/malformed', { found, cause });
}
