// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import type { Anchor } from '../anchors.ts';
import { formatTime } from '../calendar.ts';
import { failed, outcomeOf, passed, type Outcome } from '../checks.ts';
import type { RevocationList } from '../x509/crl.ts';
import { verifyChain } from '../x509/chain.ts';
import type { KeyCache } from '../x509/key-cache.ts';
import type { SignedText } from './documents.ts';
import type { EnclaveIdentity } from './enclave-identity.ts';
import type { SigningChain } from './path.ts';
import { sgxExtensionOid, type Platform } from './pck.ts';
import { isFor, isWithin, quotingEnclave } from './selection.ts';
import { signedBy } from './signature.ts';
import type { Dated, TcbInfo } from './tcb-info.ts';

export interface SigningKey {
  readonly outcome: Outcome;
  /** When all signatures of the chain are good; not yet trusted. */
  readonly key: CryptoKey | undefined;
  readonly publicKey: Uint8Array;
}

export interface SigningChainToVerify {
  readonly chain: SigningChain;
  readonly anchors: readonly Anchor[];
  /** Where the chain of the PCK ended. */
  readonly anchor: Anchor | undefined;
  readonly revocationLists: readonly RevocationList[];
  readonly at: number;
  readonly keys: KeyCache;
}

/** Extensions of Intel’s that say nothing against a use of the certificate. */
export const handledExtensions: ReadonlySet<string> = new Set([sgxExtensionOid]);

/** All that is asked of a chain, in one outcome: the checks of x509/ are about the chain of the PCK. */
export async function verifySigningChain(options: SigningChainToVerify): Promise<SigningKey> {
  const { chain, anchors, anchor, revocationLists, at, keys } = options;
  const [signer] = chain;
  const result = await verifyChain({
    chain,
    anchors,
    revocationLists,
    at,
    handledExtensions,
    knownRevoked: () => undefined,
    keys,
  });
  const failures = result.checks.filter(({ status }) => status === 'fail').map(({ detail }) => detail);
  if (signer.keyKind !== 'p256') failures.push('the certified key is not P-256');
  if (signer.basicConstraints?.ca === true) failures.push('the signer is an authority');
  if (signer.keyUsage?.digitalSignature !== true) failures.push('the key of the signer is not for signing');
  // With several anchors, one vendor’s platform must not be judged by what another anchor’s owner says of it.
  if (anchor !== undefined && result.anchor !== undefined && result.anchor !== anchor)
    failures.push(`the chain ends in ${result.anchor.name}, that of the PCK in ${anchor.name}`);
  return {
    outcome: outcomeOf(failures, chain.map(({ subject }) => subject.commonName).join(' ← ')),
    key: signer.keyKind === 'p256' ? result.leafKey : undefined,
    publicKey: signer.publicKey,
  };
}

export function checkTcbInfo(
  { tee, version, fmspc, pceId, evaluationNumber }: TcbInfo,
  format: 'sgx' | 'tdx',
  platform: Platform,
): Outcome {
  const failures: string[] = [];
  if (tee !== format) failures.push(`it is for ${tee}, the quote is of ${format}`);
  if (!isFor(fmspc, pceId, platform))
    failures.push(
      `it is for FMSPC ${toHex(fmspc)} and PCEID ${toHex(pceId)}, the platform has ${toHex(platform.fmspc)} and ${toHex(platform.pceId)}`,
    );
  return outcomeOf(failures, `version ${String(version)}, evaluation number ${String(evaluationNumber)}`);
}

export function checkIdentity(
  { id, version, evaluationNumber }: EnclaveIdentity,
  format: 'sgx' | 'tdx',
): Outcome {
  const wanted = quotingEnclave[format];
  return id === wanted
    ? passed(`${id}, version ${String(version)}, evaluation number ${String(evaluationNumber)}`)
    : failed(`it is for the enclave ${id}, quotes of ${format} come from ${wanted}`);
}

export function checkDates(document: Dated, at: number): Outcome {
  const { issueDate, nextUpdate } = document;
  const range = `${formatTime(issueDate)} to ${formatTime(nextUpdate)}`;
  return isWithin(document, at)
    ? passed(`for ${range}`)
    : failed(
        `it is for ${range}, not for ${formatTime(at)}; fetch the current one or verify for the time of the evidence (--at)`,
      );
}

export async function checkDocumentSignature(
  document: SignedText,
  { key, publicKey }: SigningKey & { readonly key: CryptoKey },
  keys: KeyCache,
): Promise<Outcome> {
  return (await signedBy(key, publicKey, document, keys))
    ? passed(`over ${String(document.toBeSigned.length)} bytes`)
    : failed(
        'the signature is wrong; it covers the text byte for byte, so give the document as it was served, not formatted anew',
      );
}

/** Masked values of MISCSELECT and ATTRIBUTES, signer and product (Intel’s library, section 4.1.2.9). */
export function qeMismatches(
  identity: EnclaveIdentity,
  qe: {
    readonly miscSelect: Uint8Array;
    readonly attributes: Uint8Array;
    readonly mrSigner: Uint8Array;
    readonly isvProdId: number;
  },
): string[] {
  const failures: string[] = [];
  const compare = (name: string, actual: Uint8Array, wanted: Uint8Array): void => {
    if (compareBytes(actual, wanted) !== 0)
      failures.push(`${name} is ${toHex(actual)}, the enclave identity has ${toHex(wanted)}`);
  };
  compare('masked MISCSELECT', masked(qe.miscSelect, identity.miscSelectMask), identity.miscSelect);
  compare('masked ATTRIBUTES', masked(qe.attributes, identity.attributesMask), identity.attributes);
  compare('MRSIGNER', qe.mrSigner, identity.mrSigner);
  if (qe.isvProdId !== identity.isvProdId)
    failures.push(
      `ISVPRODID is ${String(qe.isvProdId)}, the enclave identity has ${String(identity.isvProdId)}`,
    );
  return failures;
}

function masked(bytes: Uint8Array, mask: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => byte & (mask[index] as number));
}
