// SPDX-License-Identifier: Apache-2.0
import type { VerifiedEvidence } from '@enarx/attestation';

import type { SevClaims } from '../../src/sev/claims.ts';
import { genoa } from './snp-evidence.ts';

/** A platform of legacy SEV as a verifier would hand it to the appraiser. */
export function sevEvidence(claims: Partial<SevClaims> = {}): VerifiedEvidence {
  const whole: SevClaims = {
    format: 'sev',
    api: { major: 0, minor: 22 },
    pdh: new Uint8Array(97),
    chip: new Uint8Array(32).fill(0xc1),
    owner: new Uint8Array(32).fill(0x0a),
    ...claims,
  };
  return {
    format: 'sev',
    anchor: genoa,
    simulated: false,
    at: 0,
    claims: whole,
  } as unknown as VerifiedEvidence;
}

export function sevTable(changes: Readonly<Record<string, string>> = {}): string {
  const fields = {
    'api-minimum': '"any"',
    'chips-accepted': '"any"',
    'chips-refused': '"none"',
    owners: '"any"',
    ...changes,
  };
  return `\n[sev]\n${Object.entries(fields)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')}`;
}

export function sevPolicy(changes?: Readonly<Record<string, string>>): string {
  return `version = 1\ntees = ["sev"]\nreport-data = "any"\n[anchors]\namd = "any"\nsimulated = "none"\n${sevTable(changes)}`;
}
