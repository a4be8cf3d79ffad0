// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of Intel's evidence and collateral; part of the package's table. */
export const intelProblems = {
  'intel/quote-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not an SGX or TDX quote whose lengths agree',
    mend: 'Give the quote whole, as the quoting enclave or configfs-tsm returned it; zeros may stand behind it, nothing else.',
  },
  'intel/quote-unsupported': {
    kind: 'unsupported',
    status: 422,
    title: 'The quote is of a version or sort whose layout this release does not know',
    mend: 'Take an ECDSA P-256 quote of version 3, 4 or 5 with an SGX report or a TD report 1.0, 1.5 or 1.5ex.',
  },
  'intel/certificate-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The certificate has not what Intel puts into a PCK certificate',
    mend: 'Fetch the PCK certificate of the platform from Intel’s provisioning certification service again.',
  },
  'intel/json-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The text is not strict JSON within our limits',
    mend: 'Give the document as it was served: no key twice, at most 16 levels deep, nothing behind it.',
  },
  'intel/collateral-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The document is no TCB info and no enclave identity as Intel signs them',
    mend: 'Give {"tcbInfo", "signature"} of version 2 or 3, {"enclaveIdentity", "signature"} of version 1 or 2, or the bundle of a collateral cache.',
  },
  'sgx/sigstruct-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not the SIGSTRUCT of an SGX enclave',
    mend: 'Give the 1808 bytes of the structure, without the enclave around them.',
  },
  'sgx/sigstruct-rejected': {
    kind: 'rejected',
    status: 403,
    title: 'The SIGSTRUCT is not signed by the key in it',
    mend: 'Take the enclave from its publisher again.',
  },
  'sgx/load-log-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not a log of how an SGX enclave is loaded',
    mend: 'Give the stream of ECREATE, EADD and EEXTEND blocks (.sgxs) from its beginning to its end.',
  },
  'tdx/event-log-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not the event log of a trust domain',
    mend: 'Give /sys/firmware/acpi/tables/data/CCEL as it is read.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const intelProblem = problemsOf(intelProblems);
