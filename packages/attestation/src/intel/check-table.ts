// SPDX-License-Identifier: Apache-2.0
import type { CheckTable } from '../checks.ts';

/** Checks of a quote and of what Intel says of its platform, in the order in which a verification lists them. */
export const quoteFormChecks = {
  'quote/layout':
    'The quote has a version, kind of key, TEE type, report and certification data whose layout is known, and its lengths agree.',
  'quote/vendor': 'The quoting enclave names Intel as its vendor.',
  'quote/padding':
    'Behind the quote, where nothing is signed, stands nothing, zeros, or what the report data of the quote is the SHA-256 of.',
} as const satisfies CheckTable;

export const quoteEndorsementChecks = {
  'quote/endorsements-readable':
    'All endorsements are certificates, revocation lists or documents of Intel’s, in strict encodings.',
  'quote/endorsements-complete':
    'The chain of the PCK, both revocation lists, TCB info, enclave identity and the chain of their signer are there.',
} as const satisfies CheckTable;

export const quoteBindingChecks = {
  'quote/pck-certificate':
    'The certificate of the platform’s key is a PCK certificate by name and extensions, P-256 and no authority, under Intel’s names.',
  'quote/pck-revocation':
    'The list of the PCK’s authority is signed by it and within its dates, and the certificate is not on it.',
  'quote/tcb-signing-chain':
    'The signer of TCB info and enclave identity is Intel’s TCB signing key under the same anchor, valid and not revoked.',
  'quote/tcb-info': 'The TCB info is for this kind of TEE and this platform, by FMSPC and PCEID.',
  'quote/tcb-info-signature': 'The TCB info is signed, byte for byte as received.',
  'quote/tcb-info-dates': 'The TCB info is within its dates at the time of verification.',
  'quote/qe-identity': 'The enclave identity is for the quoting enclave of this kind of TEE.',
  'quote/qe-identity-signature': 'The enclave identity is signed, byte for byte as received.',
  'quote/qe-identity-dates': 'The enclave identity is within its dates at the time of verification.',
  'quote/qe-report-signature': 'The report of the quoting enclave is signed by the platform’s certified key.',
  'quote/qe': 'The quoting enclave is the one that the enclave identity describes.',
  'quote/attestation-key': 'The report of the quoting enclave is for the attestation key in the quote.',
  'quote/signature': 'The quote is signed by the attestation key.',
  'quote/tdx-module':
    'The TDX module is signed by whom the TCB info names, with the attributes that it names.',
  'quote/tcb-level':
    'A level of Intel’s applies to the versions of platform, quoting enclave and TDX module, and none of them is revoked.',
  'quote/event-log': 'The event log that came along replays to the RTMRs in the quote.',
  'quote/certificate-key':
    'The quote that came in a certificate or a certification request was made for the key in it, which signed the request.',
} as const satisfies CheckTable;
