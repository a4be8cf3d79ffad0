// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

import { intelProblems } from './intel/problems.ts';

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
  'evidence/unrecognised': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are evidence of no kind that we know',
    mend: 'Give an SNP report (alone, in a driver response, with its certificate table, in Azure’s blob, or in the JSON or Protocol Buffers of a known tool), a quote of SGX or TDX, a document of AWS Nitro, or certificates of legacy SEV; raw, in hex, in base64, in gzip or in a wrapper of RATS.',
  },
  'evidence/too-large': {
    kind: 'malformed',
    status: 413,
    title: 'The evidence or its endorsements are larger than any real ones',
    mend: 'Give at most 1 MiB of evidence and 1 MiB of endorsements.',
  },
  'evidence/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'What the evidence is wrapped in is not in its own format',
    mend: 'Give the file as the tool or driver wrote it.',
  },
  'endorsements/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are no certificates or revocation lists in any form that we know',
    mend: 'Give DER, PEM, a certificate table of the SEV-SNP driver, the JSON of Azure’s THIM service, or an array of JSON with certificates in hex, base64 or PEM.',
  },
  'azure/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The blob of the Azure paravisor or its TPM quote is malformed',
    mend: 'Read NV index 0x01400001 of the TPM again, and take the quote over SHA-256 PCRs.',
  },
  'amd/certificate-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The certificate is not an AMD endorsement key certificate',
    mend: 'Fetch the certificate for this chip and this reported TCB from AMD’s key distribution service again.',
  },
  'amd/table-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The certificate table of the SEV-SNP driver is malformed',
    mend: 'The host fills this table; ask its operator to set it again, or fetch the certificates from AMD.',
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
  'measure/firmware-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file is not an OVMF or SVSM image whose table of contents can be read',
    mend: 'Give the whole image as it was built, OVMF.fd or a build for AMD SEV, not the separate code and variables.',
  },
  'measure/section-unknown': {
    kind: 'unsupported',
    status: 422,
    title: 'The firmware declares a kind of memory whose measurement this release does not know',
    mend: 'Use a release that knows it; a launch digest must not be computed by guesswork.',
  },
  'measure/firmware-lacks': {
    kind: 'unsupported',
    status: 422,
    title: 'The firmware has not what this launch needs',
    mend: 'Use a build of OVMF with support for it: for SEV-ES and SEV-SNP edk2-stable202405 is known to be measured right, for TDX 2025.02.',
  },
  'measure/direct-boot-unsupported': {
    kind: 'unsupported',
    status: 422,
    title: 'The firmware does not measure a kernel that is booted directly',
    mend: "Use edk2's AmdSev build (OvmfPkg/AmdSev/AmdSevX64.dsc); other builds would start any kernel that the host gives.",
  },
  'measure/vcpu-unknown': {
    kind: 'usage',
    status: 400,
    title: 'This is no CPU model of which the signature is known',
    mend: "Give the model as QEMU's -cpu has it, or the CPUID signature itself.",
  },
  'measure/option-invalid': {
    kind: 'usage',
    status: 400,
    title: 'No guest can be launched so',
    mend: 'Give what the guest is really launched with; docs/cli.md lists the options of enarx measure.',
  },
  'measure/id-block-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not an ID block or ID authentication as the SEV-SNP firmware takes them',
    mend: 'Give the 96 bytes of the ID block and the 4096 bytes of the ID authentication, decoded from base64.',
  },
  'measure/id-block-rejected': {
    kind: 'rejected',
    status: 403,
    title: 'The ID block is not signed by the key that stands beside it, or that key not by the author',
    mend: 'Sign the 96 bytes of the ID block with the ID key, and the 1028 bytes of the ID key with the author key.',
  },
  ...intelProblems,
  'policy/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The policy is not a TOML document',
    mend: 'Start from what `enarx policy init` writes; a policy is at most 256 KiB of TOML 1.0.',
  },
  'policy/invalid': {
    kind: 'malformed',
    status: 422,
    title: 'The policy cannot be used as it is written',
    mend: 'docs/policy.md lists every field and what it may be; nothing may be left out, and "any" must be spelt out.',
  },
  'policy/evidence-unverified': {
    kind: 'rejected',
    status: 422,
    title: 'A policy is made from verified evidence only',
    mend: 'See what `enarx evidence verify --no-policy` says of the evidence.',
  },
  'sev/certificate-malformed': {
    kind: 'malformed',
    status: 422,
    title: "The bytes are not a certificate of a SEV platform or of AMD in SEV's binary form",
    mend: 'Give the file as the firmware, sevctl export or AMD wrote it, decoded from base64.',
  },
  'sev/chain-incomplete': {
    kind: 'malformed',
    status: 422,
    title: 'A certificate of the platform is missing',
    mend: "Give the platform's PDH, PEK and OCA, its CEK from AMD's key server, and AMD's ask_ark file for the generation.",
  },
  'sev/chain-ambiguous': {
    kind: 'malformed',
    status: 422,
    title: 'Two certificates stand for the same place of the chain',
    mend: 'Give the certificates of one platform only.',
  },
  'sev/policy-invalid': {
    kind: 'usage',
    status: 400,
    title: 'The guest policy is none that can be asked for',
    mend: 'Give the least SEV API version as two numbers from 0 to 255.',
  },
  'sev/platform-too-old': {
    kind: 'rejected',
    status: 403,
    title: "The platform's firmware is older than the guest's owner asks for",
    mend: "Have the host's SEV firmware updated, or ask for less.",
  },
  'sev/measurement-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'This is not a launch measurement and the version of the firmware that made it',
    mend: 'Give the 48 bytes of LAUNCH_MEASURE (QMP query-sev-launch-measure), decoded from base64, and api-major, api-minor and build-id of query-sev.',
  },
  'sev/measurement-rejected': {
    kind: 'rejected',
    status: 403,
    title: 'The guest that was launched is not the one that its owner expects',
    mend: 'Compare firmware, kernel, initrd, command line, processors and policy with what the host was told to launch.',
  },
  'sev/session-spent': {
    kind: 'rejected',
    status: 403,
    title: 'A guest was already accepted for this session',
    mend: 'Open a session for each guest; a host that starts one twice may be after the secret of another.',
  },
  'sev/secret-invalid': {
    kind: 'usage',
    status: 400,
    title: 'The secret cannot be put into a launch',
    mend: 'Give secrets with distinct GUIDs that fit, after padding, into the secret area of the firmware and 16384 bytes.',
  },
  'sev/secret-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not a table of launch secrets',
    mend: 'Give the area as the firmware filled it: the GUID 1e74f542-71dd-4d66-963e-ef4287ff173b, a length, entries.',
  },
  'cose/cbor-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not one item of CBOR as evidence and results have it',
    mend: 'Give the file as it was made. Refused are longer heads than needed, strings in pieces, repeated keys, more than 16 levels, and bytes behind the item.',
  },
  'cose/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not a COSE_Sign1 message with its payload',
    mend: 'Give the whole message (RFC 9052 section 4.2), alone or with the tag 18.',
  },
  'nitro/document-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The payload is not an attestation document of an AWS Nitro Enclave',
    mend: 'Give the document as /dev/nsm returned it. Documents of NitroTPM, with their nitrotpm_pcrs, are another kind.',
  },
  'nitro/document-unsupported': {
    kind: 'unsupported',
    status: 422,
    title: 'The document has a field that documents of Nitro Enclaves have not had so far',
    mend: 'Take the document of an enclave: those of NitroTPM are of instances. If AWS has added the field, use a release that knows it.',
  },
  'result/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not an EAT Attestation Result',
    mend: 'Give a JWT or a COSE_Sign1 message signed with ES256 or ES384, whose claims are those of draft-ietf-rats-ear.',
  },
  'result/rejected': {
    kind: 'rejected',
    status: 403,
    title: 'The attestation result cannot be relied on',
    mend: 'Ask the verifier for a new result, and give the key with which it signs.',
  },
  'result/unencodable': {
    kind: 'usage',
    status: 400,
    title: 'An attestation result cannot be made of this',
    mend: 'Give a nonce of 8 to 64 bytes, a P-256 or P-384 key, and times in seconds since 1970.',
  },
  'cmw/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not a Conceptual Message Wrapper',
    mend: 'Give a record, a tag or a collection of draft-ietf-rats-msg-wrap, in CBOR or JSON.',
  },
  'bundle/malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are no collateral, or no whole bundle of it',
    mend: 'Give certificates, revocation lists, documents of Intel’s, certificates of legacy SEV, or a bundle that `enarx evidence bundle` made; docs/bundle.md has its format.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const attestationProblem = problemsOf(attestationProblems);
export type AttestationProblemCode = keyof typeof attestationProblems;
