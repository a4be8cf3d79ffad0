// SPDX-License-Identifier: Apache-2.0

/** Bits of an indicator: what a message is in the words of RFC 9334 (draft-ietf-rats-msg-wrap section 3.1). */
export const indicators = {
  referenceValues: 1,
  endorsements: 2,
  evidence: 4,
  attestationResults: 8,
  appraisalPolicy: 16,
} as const;
export const allIndicators = 31;

/** One message and what it is. */
export interface CmwRecord {
  readonly kind: 'record';
  /** Media type, or content format of CoAP by number (CBOR only). */
  readonly type: string | number;
  readonly value: Uint8Array;
  /** Sum of {@link indicators}; never 0. */
  readonly indicator: number | undefined;
}

/** Several, each by a label: text, or in CBOR an integer too. */
export interface CmwCollection {
  readonly kind: 'collection';
  /** A URI or object identifier that says what kind of collection it is. */
  readonly type: string | undefined;
  readonly items: ReadonlyMap<string | number, Cmw>;
}

export type Cmw = CmwRecord | CmwCollection;

/** Key of the type of a collection. */
export const collectionTypeKey = '__cmwc_t';
/** Collections in collections. */
export const maxCmwDepth = 4;
/** Largest wrapper in bytes, and most messages of a collection. */
export const cmwLimits = { bytes: 1_048_576, items: 64 } as const;
