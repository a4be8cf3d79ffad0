// SPDX-License-Identifier: Apache-2.0

/** Sources that decide what is believed, and the tests that must notice a change of them. */
export interface Subject {
  readonly name: string;
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

const root = 'packages/attestation';
const test = (...names: string[]): string[] => names.map((name) => `${root}/test/${name}.test.ts`);
const source = (...names: string[]): string[] => names.map((name) => `${root}/src/${name}.ts`);

export const subjects: readonly Subject[] = [
  {
    name: 'snp',
    sources: source(
      'snp/verify',
      'snp/binding',
      'snp/chain',
      'snp/form',
      'snp/tcb',
      'snp/product',
      'amd/vek',
    ),
    tests: test(
      'snp/checks',
      'snp/chain',
      'amd/certificates',
      'amd/verify',
      'snp/defects',
      'snp/vectors',
      'azure/azure',
      'evidence',
      'appraise/attest',
      'appraise/snp-words',
    ),
  },
  {
    name: 'entrance',
    sources: source('verify', 'verification'),
    tests: test(
      'snp/checks',
      'evidence',
      'not-evidence',
      'appraise/attest',
      'nitro/checks',
      'intel/checks',
      'oak/evidence',
    ),
  },
  {
    name: 'reading',
    sources: source(
      'snp/report',
      'amd/certificate-table',
      'amd/verify',
      'endorsements',
      'anchors',
      'received',
      'x509/certificate',
      'x509/algorithms',
      'x509/name',
      'sev/algorithms',
      'sev/ecc',
      'policy/parse',
      'policy/section',
      'policy/value-kinds',
    ),
    tests: test(
      'anchors',
      'received',
      'evidence',
      'amd/certificates',
      'amd/verify',
      'snp/report',
      'snp/checks',
      'snp/vectors',
      'x509/certificate',
      'x509/chain',
      'x509/key-cache',
      'sev/certificates',
      'sev/verify',
      'measure/id-block',
      'appraise/attest',
      'appraise/snp-fields',
      'appraise/several-tees',
      'policy/parse',
      'policy/template',
    ),
  },
  {
    name: 'x509',
    sources: source(
      'x509/chain',
      'x509/revocation',
      'x509/signature',
      'x509/key-cache',
      'x509/extensions',
      'x509/crl',
    ),
    tests: test(
      'x509/chain',
      'x509/key-cache',
      'x509/revocation',
      'x509/certificate',
      'snp/checks',
      'snp/vectors',
      'snp/defects',
      'sev/verify',
    ),
  },
  {
    name: 'appraise',
    sources: source(
      'appraise/appraise',
      'appraise/anchor',
      'appraise/report-data',
      'attest',
      'policy/field',
      'policy/policy',
      'policy/minimum-tcb',
      'policy/snp/chip',
      'policy/snp/field',
      'policy/snp/firmware',
      'policy/snp/guest',
      'policy/snp/guest-policy',
      'policy/snp/platform',
      'policy/sev/index',
    ),
    tests: test(
      'appraise/snp-fields',
      'appraise/snp-words',
      'appraise/appraise',
      'appraise/attest',
      'appraise/sev-fields',
      'policy/parse',
      'policy/template',
      'appraise/several-tees',
    ),
  },
  {
    name: 'azure',
    sources: source('azure/check', 'azure/hcl', 'azure/quote', 'azure/runtime-data', 'evidence-csr'),
    tests: test('azure/azure', 'evidence', 'snp/checks', 'snp/vectors', 'intel/azure-guest'),
  },
  {
    name: 'sev',
    sources: source('sev/verify', 'sev/certificate', 'sev/ca-certificate', 'sev/platform-chain'),
    tests: test('sev/verify', 'sev/certificates', 'sev/owner', 'sev/published-vectors'),
  },
];
