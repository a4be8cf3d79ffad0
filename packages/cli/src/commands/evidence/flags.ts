// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';

/** Evidence, and what it is verified with. */
export interface EvidenceFlags {
  readonly evidence: string;
  readonly endorsements: readonly string[] | undefined;
  readonly anchor: readonly string[] | undefined;
  readonly at: string | undefined;
}

export interface EvidenceVerifyFlags extends EvidenceFlags, OutputFlags {
  readonly policy: string | undefined;
  readonly noPolicy: boolean;
  readonly reportData: string | undefined;
  readonly result: string | undefined;
  readonly resultKey: string | undefined;
  readonly resultForm: 'cwt' | 'jwt';
  readonly resultNonce: string | undefined;
  readonly resultFor: number | undefined;
}

export interface EvidenceWrapFlags extends OutputFlags {
  readonly out: string;
  /** Media type of the evidence. */
  readonly type: string;
  readonly endorsements: readonly string[] | undefined;
  readonly form: 'cbor' | 'json';
}

export interface EvidenceBundleFlags extends OutputFlags {
  readonly out: string;
}

export interface EvidenceFetchFlags extends EvidenceBundleFlags {
  readonly cache: string | undefined;
  readonly staleFor: number | undefined;
}

export interface EvidenceResultFlags extends OutputFlags {
  readonly key: string;
  readonly nonce: string | undefined;
  readonly at: string | undefined;
}

export const evidenceFlags = {
  evidence: {
    kind: 'parsed',
    parse: String,
    brief: 'The evidence, in any form that `enarx evidence show` reads',
    placeholder: 'FILE',
  },
  endorsements: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief:
      'Certificates, revocation lists, documents of Intel’s, or a bundle of these, in any form; repeatable',
    placeholder: 'FILE',
  },
  anchor: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief:
      "Root (PEM) that is accepted besides the vendors'; what ends in it is said to be SIMULATED; repeatable",
    placeholder: 'FILE',
  },
  at: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Time to verify for, as 2026-11-25T12:00:00Z; now without it',
    placeholder: 'TIME',
  },
} as const;
