// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of evidence, endorsements, policies and what they are made of. */
export const attestationProblems = {
  'der/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not strict DER',
    mend: 'Give the file as its issuer published it; DER (X.690) has one encoding for each value.',
  },
  'x509/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not an X.509 certificate, key or revocation list as RFC 5280 has it',
    mend: 'Give the file as its issuer published it.',
  },
  'x509/unsupported': {
    kind: 'unsupported',
    status: 422,
    title: 'The certificate uses an algorithm or parameters that no vendor chain uses',
    mend: 'Use RSASSA-PSS with SHA-384 (salt 48), or ECDSA with P-256 and SHA-256 or P-384 and SHA-384.',
  },
  'pem/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The text is not PEM',
    mend: 'Give blocks of -----BEGIN …-----, base64 and -----END …----- with the same label (RFC 7468).',
  },
  'anchor/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file holds no single root certificate or public key',
    mend: 'Give one PEM block, CERTIFICATE or PUBLIC KEY; a simulated processor prints where its anchor is.',
  },
  'snp/report-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not an SEV-SNP attestation report',
    mend: 'Give the report as the firmware returned it, 1184 bytes, without what the driver puts around it.',
  },
  'snp/report-version': {
    kind: 'unsupported',
    status: 422,
    title: 'The report is of a version whose layout this release does not know',
    mend: 'Use a release that knows it; a report must not be read by guesswork.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const attestationProblem = problemsOf(attestationProblems);
export type AttestationProblemCode = keyof typeof attestationProblems;
