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
    brief: 'Certificates or revocation lists, DER, PEM or in a table; repeatable',
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
