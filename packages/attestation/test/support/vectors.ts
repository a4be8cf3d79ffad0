// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors');
const index = join(root, 'amd', 'INDEX.json');

/** Reason for `test(…, { skip })` when the corpus of real evidence is not on this machine. */
export const withoutVectors = existsSync(index) ? false : `no vectors in ${root} (set ENARX_VECTORS)`;

/** One file of the corpus and what it must give. */
export interface Vector {
  readonly file: string;
  readonly kind: string;
  readonly product?: string;
  /** Bytes. */
  readonly size?: number;
  readonly expected: Readonly<Record<string, unknown>>;
}

export const vectors: readonly Vector[] =
  withoutVectors === false ? (JSON.parse(readFileSync(index, 'utf8')) as Vector[]) : [];

export const vectorPath = (file: string): string => join(root, 'amd', file);
export const vector = (file: string): Buffer<ArrayBuffer> => readFileSync(vectorPath(file));

/** A file of another vendor's corpus. */
export const otherVectorPath = (path: string): string => join(root, path);
export const otherVector = (path: string): Buffer<ArrayBuffer> => readFileSync(otherVectorPath(path));

const trustee = 'confidential-containers+trustee/deps/verifier/test_data';
const microsoft = 'microsoft+TEE-Attestation-Verification/tests/test_data';

/** Real reports with their certificate and a time at which both hold, one of each sort. */
export const samples = {
  milanV2: {
    report: 'virtee+sev/tests/certs_data/report_milan.bin',
    vek: 'virtee+sev/tests/certs_data/vcek_milan.der',
    at: '2023-05-03T19:23:43Z',
  },
  milan: {
    report: `${microsoft}/milan_attestation_report.bin`,
    vek: `${microsoft}/milan_vcek.pem`,
    at: '2026-03-07T01:04:33Z',
  },
  genoaV5: {
    report: 'lunal-dev+attestation-rs/crates/attestation/test_data/snp/live-report-v5-genoa.bin',
    vek: 'lunal-dev+attestation-rs/crates/attestation/test_data/snp/live-vcek-genoa.der',
    at: '2026-03-19T23:01:36Z',
  },
  turin: {
    report: `${microsoft}/turin_attestation_report.bin`,
    vek: `${microsoft}/turin_vcek.pem`,
    at: '2026-03-07T01:04:33Z',
  },
  vlek: {
    report: `${trustee}/snp/test-vlek-report.bin`,
    vek: `${trustee}/snp/test-vlek.der`,
    at: '2025-01-09T22:14:21Z',
  },
} as const;

/** Longer runs by hand: everything instead of a sample of it. */
export const long = process.env['ENARX_LONG'] === '1';
