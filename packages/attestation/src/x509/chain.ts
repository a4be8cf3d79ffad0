// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import type { Anchor } from '../anchors.ts';
import { formatTime } from '../calendar.ts';
import {
  check,
  checksOf,
  failed,
  notReached,
  outcomeOf,
  passed,
  type Outcome,
  type Check,
  type CheckTable,
} from '../checks.ts';
import { sha256 } from '../digest.ts';
import { titleOf, type Certificate } from './certificate.ts';
import { extensionOids, unhandledExtensions } from './extensions.ts';
import { checkRevocation, noList, type Revocation, type RevocationToCheck } from './revocation.ts';
import type { CachedKey, KeyCache } from './key-cache.ts';
import { exactly, importPublicKey, verifySignature } from './signature.ts';

export const x509Checks = {
  'x509/anchor':
    'The root certificate holds a trusted key: one of the given anchors, compared by SHA-256 of the key.',
  'x509/names': 'Each certificate names as its issuer the subject of the one above it.',
  'x509/signatures': 'Each certificate is signed by the key of the one above it, and the root by its own.',
  'x509/validity': 'All certificates are within their validity at the time of verification.',
  'x509/authority': 'Issuing certificates may issue: basicConstraints, path length and keyCertSign.',
  'x509/critical-extensions': 'No certificate has a critical extension that we do not act on.',
  'x509/revocation-list':
    'The revocation lists of this root are signed by it, within their dates and complete (no delta or partial lists).',
  'x509/not-revoked': 'No certificate of the chain is on a list of its issuer, nor known to be revoked.',
} as const satisfies CheckTable;

export interface ChainToVerify extends RevocationToCheck {
  readonly anchors: readonly Anchor[];
  /** Vendor extensions that the caller acts on, should they be critical. */
  readonly handledExtensions: ReadonlySet<string>;
  readonly keys: KeyCache | undefined;
}

export interface ChainResult {
  /** In the order of {@link x509Checks}. */
  readonly checks: readonly Check[];
  readonly anchor: Anchor | undefined;
  /** Key of the first certificate, when all signatures up to the root are good. Not yet trusted: look at the checks. */
  readonly leafKey: CryptoKey | undefined;
  /** Key of the second certificate, likewise: what signs lists of revoked first ones. */
  readonly issuerKey: CryptoKey | undefined;
  readonly revocation: Revocation;
}

/**
 * All checks of a chain that nothing format-specific decides. Each is made whatever the others say.
 * @param signed - of this very chain, where the caller has them already
 */
export async function verifyChain(options: ChainToVerify, signed?: ChainSignatures): Promise<ChainResult> {
  const { chain, anchors } = options;
  const root = chain[chain.length - 1] as Certificate;
  const {
    outcome: signatures,
    rootKey,
    rootDigest,
    leafKey,
    issuerKey,
  } = signed ?? (await checkSignatures(chain, options.keys));
  const anchor = anchors.find(({ spkiDigest }) => compareBytes(spkiDigest, rootDigest) === 0);
  const lists = await checkRevocation(options, rootKey, anchor, options.keys);
  const outcomes: Readonly<Record<keyof typeof x509Checks, Outcome>> = {
    'x509/anchor': checkAnchor(root, rootDigest, anchor, anchors),
    'x509/names': checkNames(chain),
    'x509/signatures': signatures,
    'x509/validity': checkValidity(chain, options.at),
    'x509/authority': checkAuthority(chain),
    'x509/critical-extensions': checkCritical(chain, options.handledExtensions),
    'x509/revocation-list': lists.list,
    'x509/not-revoked': lists.notRevoked,
  };
  return {
    checks: checksOf(outcomes),
    anchor,
    leafKey,
    issuerKey,
    revocation: lists.revocation,
  };
}

/** The same checks when there is no chain to look at. */
export function chainNotReached(reason: string): ChainResult {
  return {
    checks: Object.keys(x509Checks).map((id) => check(id, notReached(reason))),
    anchor: undefined,
    leafKey: undefined,
    issuerKey: undefined,
    revocation: noList,
  };
}

function checkAnchor(
  root: Certificate,
  digest: Uint8Array,
  anchor: Anchor | undefined,
  anchors: readonly Anchor[],
): Outcome {
  if (anchor !== undefined)
    return passed(`${anchor.simulated ? 'SIMULATED anchor' : 'pinned key'} ${anchor.name}`);
  const trusted = anchors.map(({ name }) => name).join(', ');
  return failed(
    `${titleOf(root)} has the key ${toHex(digest)}, which is none of the trusted ones (${trusted === '' ? 'none' : trusted}); give --anchor only for a root that you have checked yourself`,
  );
}

function checkNames(chain: readonly Certificate[]): Outcome {
  const failures = chain.flatMap((certificate, index) => {
    const issuer = chain[index + 1] ?? certificate;
    return compareBytes(certificate.issuer.encoded, issuer.subject.encoded) === 0
      ? []
      : [`${titleOf(certificate)} is issued by ${certificate.issuer.commonName}, not by ${titleOf(issuer)}`];
  });
  return outcomeOf(failures, chain.map(titleOf).join(' ← '));
}

function checkValidity(chain: readonly Certificate[], at: number): Outcome {
  const failures = chain
    .filter(({ notBefore, notAfter }) => !(notBefore <= at && at <= notAfter))
    .map(
      (certificate) =>
        `${titleOf(certificate)} is valid from ${formatTime(certificate.notBefore)} to ${formatTime(certificate.notAfter)}, not at ${formatTime(at)}; get a newer one or verify for the time of the evidence (--at)`,
    );
  const until = Math.min(...chain.map(({ notAfter }) => notAfter));
  return outcomeOf(failures, `at ${formatTime(at)}; until ${formatTime(until)}`);
}

function checkAuthority(chain: readonly Certificate[]): Outcome {
  const failures = chain.slice(1).flatMap((certificate, below) => {
    const { basicConstraints, keyUsage } = certificate;
    if (basicConstraints?.ca !== true) return [`${titleOf(certificate)} is no certificate authority`];
    if (keyUsage?.keyCertSign !== true)
      return [`the key of ${titleOf(certificate)} is not for signing certificates`];
    const { pathLength } = basicConstraints;
    return pathLength !== undefined && below > pathLength
      ? [
          `${titleOf(certificate)} allows ${String(pathLength)} authorities below it, there are ${String(below)}`,
        ]
      : [];
  });
  return outcomeOf(failures, 'all issuers are authorities');
}

const handledByChain: ReadonlySet<string> = new Set([extensionOids.basicConstraints, extensionOids.keyUsage]);

function checkCritical(chain: readonly Certificate[], handledExtensions: ReadonlySet<string>): Outcome {
  const failures = chain.flatMap((certificate) =>
    unhandledExtensions(certificate.extensions, handledByChain)
      .filter((oid) => !handledExtensions.has(oid))
      .map((oid) => `${titleOf(certificate)} has the critical extension ${oid}, which we do not know`),
  );
  return outcomeOf(failures, 'none that is unknown');
}

/** What {@link checkSignatures} finds. */
export interface ChainSignatures {
  readonly outcome: Outcome;
  readonly leafKey: CryptoKey | undefined;
  readonly issuerKey: CryptoKey | undefined;
  readonly rootKey: CryptoKey | undefined;
  /** SHA-256 of the root's SubjectPublicKeyInfo, whether or not its signature is good. */
  readonly rootDigest: Uint8Array;
}

/** From the root down, so that every key that signs has been signed for. */
export async function checkSignatures(
  chain: readonly Certificate[],
  keys: KeyCache | undefined,
): Promise<ChainSignatures> {
  let issuer = chain[chain.length - 1] as Certificate;
  let root: CachedKey | undefined;
  let signer: CryptoKey | undefined;
  let issuerKey: CryptoKey | undefined;
  for (const certificate of [...chain].reverse()) {
    const name = keys === undefined ? '' : nameOf(certificate, issuer);
    let own = keys?.get(name);
    if (own === undefined) {
      const verified = await verifyKey(certificate, issuer, signer);
      if ('wrong' in verified)
        return {
          outcome: failed(verified.wrong),
          leafKey: undefined,
          issuerKey: undefined,
          rootKey: root?.key,
          rootDigest: root?.digest ?? (await sha256(issuer.publicKey)),
        };
      own = verified;
      keys?.set(name, own);
    }
    root ??= own;
    issuerKey = signer;
    signer = own.key;
    issuer = certificate;
  }
  const { key: rootKey, digest: rootDigest } = root as CachedKey;
  return {
    outcome: passed(`${String(chain.length)} signatures, root first`),
    leafKey: signer,
    issuerKey,
    rootKey,
    rootDigest,
  };
}

const names = new WeakMap<Certificate, { readonly issuer: Certificate; readonly name: string }>();

/** All that decides whether an issuer's key signed a certificate. Kept with certificates that were read before: spelling it out takes time. */
function nameOf(certificate: Certificate, issuer: Certificate): string {
  const known = names.get(certificate);
  if (known?.issuer === issuer) return known.name;
  const name = `${exactly(certificate.encoded)}|${exactly(issuer.publicKey)}`;
  names.set(certificate, { issuer, name });
  return name;
}

/** @param signer - the issuer's key; a root signs itself */
async function verifyKey(
  certificate: Certificate,
  issuer: Certificate,
  signer: CryptoKey | undefined,
): Promise<CachedKey | { readonly wrong: string }> {
  const key = await importPublicKey(certificate.publicKey, certificate.keyKind);
  if (key === undefined) return { wrong: `the key of ${titleOf(certificate)} is not valid` };
  const fits = certificate.signatureAlgorithm.key === issuer.keyKind;
  if (!fits || !(await verifySignature(certificate, signer ?? key)))
    return { wrong: `the signature of ${titleOf(certificate)} by ${titleOf(issuer)} is wrong` };
  return { key, digest: await sha256(certificate.publicKey) };
}
