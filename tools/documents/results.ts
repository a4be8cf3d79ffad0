// SPDX-License-Identifier: Apache-2.0
import { policyFieldChecks } from '../../packages/attestation/src/policy/documentation.ts';
import { commonPolicyChecks } from '../../packages/attestation/src/appraise/appraise.ts';
import {
  datesAndRevocation,
  policyMappings,
  type Mapping,
} from '../../packages/attestation/src/results/mapping.ts';
import { verifyChecks } from '../../packages/attestation/src/check-table.ts';
import { generatedNote, markdownTable } from './markdown.ts';

const introduction = `\`enarx evidence verify --result FILE --result-key KEY\` writes what came of evidence as an EAT Attestation Result (EAR): a signed statement that others can
read and that a relying party can trust without seeing the evidence. \`enarx evidence result --key KEY FILE\` verifies one, ours or somebody else's.

- **Claims.** The profile is \`tag:ietf.org,2026:rats/ear#03\` (draft-ietf-rats-ear). As a CWT it is a COSE_Sign1 with its tag, in deterministic CBOR; as a JWT it has the names of the draft. ES256 and ES384 only.
- **Others' results.** Results of Veraison (\`tag:github.com,2023:veraison/ear\`) and Trustee (\`tag:github.com,2024:confidential-containers/Trustee\`) are read too. Claims that are not known are passed over. A status that is better
  than its vector is refused. A key that a result carries itself counts for nothing: the caller names the key.
- **Freshness.** A result without a nonce and without an end can be shown again for ever. Give \`--result-nonce\` what the relying party chose, and \`--result-for\` a life.
- **Parts.** \`platform\` is the machine, \`keep\` what runs in it. Of simulated evidence they are called \`SIMULATED platform\` and \`SIMULATED keep\`, and the hardware is always 97 (unrecognised), whatever a policy accepted.
- **Status.** A rejected verdict makes every part contraindicated. An accepted one has the worst tier of its vector; a part without a statement on hardware (platform) or executables (keep) is \`none\`, never affirming. So a
  verdict without a policy affirms genuine hardware and no program.
- **Policy.** \`ear_appraisal_policy_ids\` has the SHA-256 of the policy file as an \`ni:\` URI (RFC 6920).

## Wrappers

Evidence may come in Conceptual Message Wrappers (CMW, draft-ietf-rats-msg-wrap): records, tags and collections, in CBOR and JSON. A wrapper is told by its first bytes. A record in CBOR is an array of two or
three: one in an array of indefinite length (first byte \`9f\`) is refused as \`cmw/malformed\`, by the verifier and by \`readCmw\`. Inside collections, and of collections, both lengths are read.

## What evidence itself states

| | category | value |
| --- | --- | --- |
| genuine, under a pinned root | platform: hardware | 2, genuine |
| SGX and TDX whose TCB status is another than UpToDate | platform: hardware | 32, known vulnerabilities |
| under a root that is no vendor's (SIMULATED) | platform: hardware | 97, unrecognised |
| SNP, SGX, TDX | keep: runtime-opaque | 2, encrypted and opaque |
| Nitro: isolated from the parent instance; the hypervisor is AWS's, and encryption is not attested | keep: runtime-opaque | 32, isolated from other guests |
| any of these in debug mode | keep: runtime-opaque | 96, visible |
| legacy SEV: certificates of a platform say nothing of a guest | keep: runtime-opaque | not stated |
`;

/** docs/results.md. */
export function resultsDocument(): Promise<string> {
  const ids = [...Object.keys(commonPolicyChecks), ...Object.keys(policyFieldChecks)];
  const rest = new Set(ids);
  const rows = policyMappings.map((mapping) => {
    const mine = [...rest].filter((id) => mapping.checks.test(id));
    for (const id of mine) rest.delete(id);
    return rowOf(mapping, mine);
  });
  const dated = Object.keys(verifyChecks).filter((id) => datesAndRevocation.checks.test(id));
  return Promise.resolve(
    [
      '# Attestation results',
      '',
      generatedNote('packages/attestation/src/results/mapping.ts'),
      '',
      introduction,
      '## What checks come to',
      '',
      'A check of verification that fails makes instance-identity and hardware of the platform and executables of the keep 99, cryptographic failure, but for the first row below. Then no check of a policy counts.',
      '',
      markdownTable(
        ['checks', 'about', 'category', 'failed', 'passed'],
        [rowOf(datesAndRevocation, dated), ...rows],
      ),
    ].join('\n'),
  );
}

function rowOf({ reason, part, category, onFailure, onPass }: Mapping, ids: readonly string[]): string[] {
  return [
    ids.map((id) => `\`${id}\``).join(' '),
    reason,
    `${part}: ${category}`,
    String(onFailure),
    onPass === undefined ? '' : String(onPass),
  ];
}
