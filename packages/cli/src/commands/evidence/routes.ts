// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { evidenceFlags, type EvidenceVerifyFlags } from './flags.ts';

const show = buildCommand<OutputFlags, string[], EnarxContext>({
  loader: async () => (await import('./show.ts')).showEvidence,
  parameters: {
    flags: outputFlags,
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: { parse: String, brief: 'Files of evidence', placeholder: 'FILE' },
    },
  },
  docs: {
    brief: 'Decode evidence, and say what it claims',
    fullDescription: [
      'Decode evidence, and say what it claims. Nothing of it is verified: a claim is what somebody wrote.',
      'Forms are recognised by content: SEV-SNP reports, alone or with their certificate table; answers of /dev/sev-guest; configfs-tsm',
      "and Azure's vTPM evidence as JSON; Azure's HCL report; Oak's Evidence; dstack's attestation; messages of this program; certificates of",
      'legacy SEV; hex or base64 of these.',
    ].join('\n'),
  },
});

const verify = buildCommand<EvidenceVerifyFlags, [], EnarxContext>({
  loader: async () => (await import('./verify.ts')).verifyEvidenceFiles,
  parameters: {
    flags: {
      ...evidenceFlags,
      policy: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'What is wanted of the evidence; either this or --no-policy',
        placeholder: 'FILE',
      },
      noPolicy: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Say only whether the evidence is genuine, whatever it is evidence of',
      },
      reportData: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'The 64 bytes that the evidence must hold, in hexadecimal',
        placeholder: 'HEX',
      },
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Verify stored evidence and hold it against a policy',
    fullDescription: [
      'Verify stored evidence and hold it against a policy, and list every check with the reason and the line of the policy that',
      'decided. Nothing is fetched: give certificates and revocation lists with --endorsements, in any form and order.',
      'Exit status: 0 accepted, 10 rejected, 20 unsupported, 30 no evidence at all.',
    ].join('\n'),
  },
});

export const evidenceRoutes = buildRouteMap<string, EnarxContext>({
  routes: { show, verify },
  docs: { brief: 'Evidence in files' },
});
