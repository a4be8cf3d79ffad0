// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import type { RevocationList } from '../x509/crl.ts';
import { listThatCounts } from '../x509/revocation.ts';
import type { Collateral } from './collateral.ts';
import type { SignedDocument } from './documents.ts';
import type { PckChain, SigningChain } from './path.ts';
import { intelNames, type Platform } from './pck.ts';
import type { Dated } from './tcb-info.ts';

export type SignedTcbInfo = Extract<SignedDocument, { kind: 'tcb-info' }>;
export type SignedIdentity = Extract<SignedDocument, { kind: 'enclave-identity' }>;

/** What of the collateral counts for one quote. */
export interface Selection {
  readonly tcbInfo: SignedTcbInfo | undefined;
  readonly identity: SignedIdentity | undefined;
  /** Lists of the PCK’s authority and of the root that count. */
  readonly pckList: RevocationList | undefined;
  readonly rootList: RevocationList | undefined;
  /** Sentences on what is not there. */
  readonly missing: readonly string[];
}

/** Intel’s provisioning certification service; a PCCS has the same paths. */
const service = 'https://api.trustedservices.intel.com';
const rootListUrl = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';

/** Enclave identity that goes with each kind of TEE. */
export const quotingEnclave = { sgx: 'QE', tdx: 'TD_QE' } as const;

/**
 * Chooses what is most likely meant; whether it is good is judged afterwards. So a document that is for another platform is told to
 * be so, instead of being called missing, and among several that fit the one of the highest evaluation number counts.
 */
export function selectCollateral(
  format: 'sgx' | 'tdx',
  platform: Platform | undefined,
  { documents, revocationLists }: Collateral,
  pckChain: PckChain | undefined,
  signingChain: SigningChain | undefined,
  at: number,
): Selection {
  const tcbInfo = best(
    documents.filter((document) => document.kind === 'tcb-info'),
    ({ content }) =>
      4 * Number(content.tee === format) +
      2 * Number(platform !== undefined && isFor(content.fmspc, content.pceId, platform)) +
      Number(isWithin(content, at)),
  );
  const identity = best(
    documents.filter((document) => document.kind === 'enclave-identity'),
    ({ content }) => 2 * Number(content.id === quotingEnclave[format]) + Number(isWithin(content, at)),
  );
  const listOf = (issuer: Uint8Array | undefined): RevocationList | undefined =>
    issuer && listThatCounts(revocationLists, issuer, at);
  const authority = pckChain?.[1].subject;
  const root = pckChain?.[2].subject ?? signingChain?.[1].subject;
  const pckList = listOf(authority?.encoded);
  const rootList = listOf(root?.encoded);
  const missing = [
    ...(tcbInfo === undefined
      ? [`no TCB info; fetch ${service}/${format}/certification/v4/tcb?fmspc=${fmspcOf(platform)}`]
      : []),
    ...(identity === undefined
      ? [`no enclave identity; fetch ${service}/${format}/certification/v4/qe/identity`]
      : []),
    ...(authority !== undefined && pckList === undefined
      ? [
          `no revocation list of ${authority.commonName}; fetch ${service}/sgx/certification/v4/pckcrl?ca=${authority.commonName === intelNames.processorCa ? 'processor' : 'platform'}&encoding=der`,
        ]
      : []),
    ...(root !== undefined && rootList === undefined
      ? [`no revocation list of ${root.commonName}; fetch ${rootListUrl}`]
      : []),
  ];
  return { tcbInfo, identity, pckList, rootList, missing };
}

function fmspcOf(platform: Platform | undefined): string {
  return platform === undefined ? '' : toHex(platform.fmspc);
}

export function isFor(fmspc: Uint8Array, pceId: Uint8Array, platform: Platform): boolean {
  return compareBytes(fmspc, platform.fmspc) === 0 && compareBytes(pceId, platform.pceId) === 0;
}

export function isWithin({ issueDate, nextUpdate }: Dated, at: number): boolean {
  return issueDate <= at && at <= nextUpdate;
}

function best<D extends { readonly content: Dated }>(
  documents: readonly D[],
  rank: (document: D) => number,
): D | undefined {
  return documents.toSorted(
    (a, b) =>
      rank(b) - rank(a) ||
      b.content.evaluationNumber - a.content.evaluationNumber ||
      b.content.issueDate - a.content.issueDate,
  )[0];
}
