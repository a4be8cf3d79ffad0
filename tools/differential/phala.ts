// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module';

import { intelFile, type IntelVector } from '../../packages/attestation/test/intel/vectors.ts';

/** What @phala/dcap-qvl takes: everything as strings, the signed objects apart from their signatures. */
export type PhalaCollateral = Readonly<Record<string, string>>;

interface PhalaModule {
  verify(
    quote: Uint8Array,
    collateral: PhalaCollateral,
    nowSecs: number,
  ): { readonly status: string; readonly advisory_ids: readonly string[] };
}

/** Its types name packages that we have not; this much of it is used. */
export const phala = createRequire(import.meta.url)('@phala/dcap-qvl') as PhalaModule;

const signed =
  /^\s*\{\s*"(?:tcbInfo|enclaveIdentity)"\s*:\s*([\s\S]*?)\s*,\s*"signature"\s*:\s*"([0-9a-fA-F]*)"\s*\}\s*$/;

export function phalaCollateral({ tee, collateral = [] }: IntelVector): PhalaCollateral {
  const of = (role: string): Buffer => {
    const found = collateral.find((one) => one.role === role);
    return found === undefined ? Buffer.alloc(0) : intelFile(tee, found.file);
  };
  const [, tcbInfo = '', tcbInfoSignature = ''] = signed.exec(of('tcbInfo').toString('latin1')) ?? [];
  const [, identity = '', identitySignature = ''] = signed.exec(of('qeIdentity').toString('latin1')) ?? [];
  const signer = of('tcbSigningChain').toString();
  return {
    pck_crl_issuer_chain: of('pckCrlIssuerChain').toString(),
    root_ca_crl: of('rootCrl').toString('hex'),
    pck_crl: of('pckCrl').toString('hex'),
    tcb_info_issuer_chain: signer,
    tcb_info: tcbInfo,
    tcb_info_signature: tcbInfoSignature,
    qe_identity_issuer_chain: signer,
    qe_identity: identity,
    qe_identity_signature: identitySignature,
  };
}
