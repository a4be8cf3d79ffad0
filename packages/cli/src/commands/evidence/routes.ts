// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { cliProblem } from '../../problems.ts';
import {
  evidenceFlags,
  type EvidenceBundleFlags,
  type EvidenceFetchFlags,
  type EvidenceResultFlags,
  type EvidenceVerifyFlags,
  type EvidenceWrapFlags,
} from './flags.ts';

const seconds = wholeNumber('seconds', 315_360_000);
const hours = wholeNumber('hours', 87_600);

function wholeNumber(unit: string, most: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) > most)
      throw cliProblem('cli/usage', {
        found: text,
        expected: `${unit}, a whole number up to ${String(most)}`,
      });
    return Number(text);
  };
}

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
      "and Azure's vTPM evidence as JSON, of SNP and of TDX; Azure's HCL report; Oak's Evidence; dstack's and go-sev-guest's attestations;",
      'messages of this program; certificates of legacy SEV; quotes of SGX and TDX, bare, in Open Enclave’s headers, in RA-TLS certificates or in JSON; documents of AWS',
      'Nitro Enclaves; any of these in a wrapper of RATS (CMW); hex or base64 of these. docs/evidence.md lists them.',
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
      result: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'New file for an EAT Attestation Result that says what came of it, whatever came of it',
        placeholder: 'FILE',
      },
      resultKey: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Private key (PEM, PKCS #8, P-256 or P-384) that signs the result',
        placeholder: 'FILE',
      },
      resultForm: {
        kind: 'enum',
        values: ['cwt', 'jwt'],
        default: 'cwt',
        brief: 'Form of the result: CBOR and COSE, or JSON and JOSE',
      },
      resultNonce: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Nonce of whoever will rely on the result, 8 to 64 bytes in hexadecimal',
        placeholder: 'HEX',
      },
      resultFor: {
        kind: 'parsed',
        parse: seconds,
        optional: true,
        brief: 'Seconds for which the result holds; without it, it does not expire',
        placeholder: 'SECONDS',
      },
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Verify stored evidence and hold it against a policy',
    fullDescription: [
      'Verify stored evidence and hold it against a policy, and list every check with the reason and the line of the policy that',
      'decided. Nothing is fetched: give certificates and revocation lists with --endorsements, in any form and order. An event log of a TDX',
      'guest (CCEL) that is given there is replayed and must make the registers of the quote. docs/evidence.md lists all forms.',
      'Exit status: 0 accepted, 10 rejected, 20 of a version or sort that is not known here, 30 cut off, damaged, or no evidence at all.',
    ].join('\n'),
  },
});

const out = {
  kind: 'parsed',
  parse: String,
  brief: 'New file for the bundle',
  placeholder: 'FILE',
} as const;

const bundle = buildCommand<EvidenceBundleFlags, string[], EnarxContext>({
  loader: async () => (await import('./bundle.ts')).bundleFiles,
  parameters: {
    flags: { out, ...outputFlags },
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: { parse: String, brief: 'Files of collateral, in any form', placeholder: 'FILE' },
    },
  },
  docs: {
    brief: 'Put loose files of collateral into one, for --endorsements',
    fullDescription: [
      'Put certificates, revocation lists and documents of AMD, Intel and AWS into one file, for --endorsements. Nothing is verified; that is',
      'done with the evidence. The same files always give the same bundle. docs/bundle.md has its format.',
    ].join('\n'),
  },
});

const wrap = buildCommand<EvidenceWrapFlags, [string], EnarxContext>({
  loader: async () => (await import('./wrap.ts')).wrapEvidence,
  parameters: {
    flags: {
      out: { ...out, brief: 'New file for the wrapper' },
      type: {
        kind: 'parsed',
        parse: String,
        default: 'application/octet-stream',
        brief: 'Media type of the evidence',
        placeholder: 'MEDIA',
      },
      endorsements: {
        kind: 'parsed',
        parse: String,
        optional: true,
        variadic: true,
        brief: 'What endorses the evidence, to go into the wrapper with it; repeatable',
        placeholder: 'FILE',
      },
      form: { kind: 'enum', values: ['cbor', 'json'], default: 'cbor', brief: 'Encoding of the wrapper' },
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, brief: 'File of evidence', placeholder: 'FILE' }],
    },
  },
  docs: {
    brief: 'Wrap evidence for those who take it so (RATS CMW)',
    fullDescription: [
      'Wrap evidence in a Conceptual Message Wrapper (draft-ietf-rats-msg-wrap): a record, or with --endorsements a collection that says of',
      'each message what it is. Nothing of it is read or verified. `enarx evidence verify` and `show` take wrapped evidence as it is.',
    ].join('\n'),
  },
});

const fetch = buildCommand<EvidenceFetchFlags, string[], EnarxContext>({
  loader: async () => (await import('./bundle.ts')).fetchBundle,
  parameters: {
    flags: {
      out,
      cache: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Directory for what was fetched; $XDG_CACHE_HOME/enarx/collateral without it',
        placeholder: 'DIRECTORY',
      },
      staleFor: {
        kind: 'parsed',
        parse: hours,
        optional: true,
        brief:
          'Hours for which fetched collateral serves when the service does not; 168 without it, 0 for never',
        placeholder: 'HOURS',
      },
      ...outputFlags,
    },
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: { parse: String, brief: 'Addresses of collateral', placeholder: 'URL' },
    },
  },
  docs: {
    brief: 'Fetch collateral from the addresses that you name, into a bundle',
    fullDescription: [
      'Fetch collateral from the addresses that you name, into a bundle. The only command on evidence that uses the network: verifying never does,',
      'and names the addresses that are missing. A list or document that is past its date or older than what came from the same address',
      'before is refused; redirects are not followed.',
    ].join('\n'),
  },
});

const result = buildCommand<EvidenceResultFlags, [string], EnarxContext>({
  loader: async () => (await import('./result.ts')).showResult,
  parameters: {
    flags: {
      key: {
        kind: 'parsed',
        parse: String,
        brief: 'Public key (PEM) of the verifier that you rely on',
        placeholder: 'FILE',
      },
      nonce: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Nonce that the result must have, in hexadecimal',
        placeholder: 'HEX',
      },
      at: evidenceFlags.at,
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, brief: 'The result, CWT or JWT', placeholder: 'FILE' }],
    },
  },
  docs: {
    brief: 'Verify an attestation result, and say what it says',
    fullDescription: [
      'Verify the signature of an EAT Attestation Result, ours, Veraison’s or Trustee’s, and print what it says of each part.',
      'Exit status: 0 when every part is affirming, 10 when one is not or the result cannot be relied on, 30 for what is no result.',
    ].join('\n'),
  },
});

export const evidenceRoutes = buildRouteMap<string, EnarxContext>({
  routes: { show, verify, bundle, wrap, fetch, result },
  docs: { brief: 'Evidence in files' },
});
