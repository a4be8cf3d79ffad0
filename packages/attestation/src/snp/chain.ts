// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { chainUrl, vcekUrl } from '../amd/kds.ts';
import { paddedChipId, tryReadVek, vekKindOf, type VekKind } from '../amd/vek.ts';
import type { Certificate } from '../x509/certificate.ts';
import { importPublicKey, verifySignature } from '../x509/signature.ts';
import { amdProducts, productOfCpuid, type AmdProduct } from './product.ts';
import type { UnverifiedSnpReport } from './report.ts';

/** Endorsement key, intermediate, root. */
export type AmdChain = readonly [Certificate, Certificate, Certificate];

export type FoundChain =
  | { readonly chain: AmdChain }
  /** What is missing and where it is to be had. */
  | { readonly missing: string };

/**
 * Puts the certificates in order, whatever order they came in. What was delivered is used before what this release
 * brings along: a delivered intermediate that is revoked or false is judged, not quietly replaced.
 * @param builtIn - asked for only when something is missing
 */
export async function findChain(
  report: UnverifiedSnpReport,
  delivered: readonly Certificate[],
  builtIn: () => Promise<readonly Certificate[]>,
): Promise<FoundChain> {
  const candidates = delivered.filter((certificate) => vekKindOf(certificate) !== undefined);
  if (candidates.length === 0) return { missing: missingVek(report) };
  const [vek] = [...candidates].sort((a, b) => rank(b, report) - rank(a, report)) as [Certificate];
  const intermediate = await issuerOf(vek, delivered, builtIn);
  if (intermediate === undefined) return { missing: missingAuthority(vek.issuer.commonName) };
  const root = await issuerOf(intermediate, delivered, builtIn);
  if (root === undefined) return { missing: missingAuthority(intermediate.issuer.commonName) };
  return { chain: [vek, intermediate, root] };
}

/**
 * A table may hold a VCEK and a VLEK, some for an older TCB, some of another chip. The kind counts most, then the chip, then
 * the TCB. The best match is used; all checks are still made.
 */
function rank(certificate: Certificate, { signingKey, chipId, reportedTcb }: UnverifiedSnpReport): number {
  const kind = vekKindOf(certificate) === signingKey ? 4 : 0;
  const reading = tryReadVek(certificate);
  if ('unreadable' in reading) return kind;
  const { hardwareId, tcb } = reading.vek;
  const sameChip = hardwareId !== undefined && compareBytes(paddedChipId(hardwareId), chipId) === 0;
  const sameTcb = compareBytes(tcb, reportedTcb) === 0;
  return kind + (sameChip ? 2 : 0) + (sameTcb ? 1 : 0);
}

/**
 * The certificate whose subject is the issuer that `certificate` names. Where several have the name, as the two
 * SEV-Genoa have, the one whose key signed; the first when none did, so that the failure shows.
 */
async function issuerOf(
  certificate: Certificate,
  delivered: readonly Certificate[],
  builtIn: () => Promise<readonly Certificate[]>,
): Promise<Certificate | undefined> {
  const named = (pool: readonly Certificate[]): Certificate[] =>
    pool.filter(({ subject }) => compareBytes(subject.encoded, certificate.issuer.encoded) === 0);
  let candidates = named(delivered);
  if (candidates.length === 0) candidates = named(await builtIn());
  if (candidates.length > 1) {
    for (const candidate of candidates.slice(0, maxCandidates)) {
      const key = await importPublicKey(candidate.publicKey, candidate.keyKind);
      const fits = key !== undefined && certificate.signatureAlgorithm.key === candidate.keyKind;
      if (fits && (await verifySignature(certificate, key))) return candidate;
    }
  }
  return candidates[0];
}

/** Certificates of one name that are tried; each costs an RSA operation. */
const maxCandidates = 4;

function missingVek(report: UnverifiedSnpReport): string {
  if (report.signingKey === 'vlek')
    return 'no VLEK certificate was given; AMD gives it to the cloud provider only: read it from the certificate table of the guest (auxblob of configfs-tsm)';
  const masked = report.chipId.every((byte) => byte === 0);
  if (masked)
    return 'no VCEK certificate was given, and the chip id is masked: read it from the certificate table of the guest';
  const products = productsOf(report);
  if (products.length === 0)
    return 'no VCEK certificate was given, and the report is from no product that we know';
  const urls = products.map((name) => vcekUrl(name, report.chipId, report.reportedTcb));
  return `no VCEK certificate was given; fetch ${urls.join(' or ')}`;
}

/** A report of version 2 does not say what it is from, but the chip ids of Turin have eight bytes. */
function productsOf({ cpuid, chipId }: UnverifiedSnpReport): readonly AmdProduct[] {
  if (cpuid === undefined)
    return chipId.subarray(8).every((byte) => byte === 0) ? ['Turin'] : ['Milan', 'Genoa'];
  const product = productOfCpuid(cpuid);
  return product === undefined ? [] : [product];
}

function missingAuthority(commonName: string): string {
  const product = amdProducts.find((name) => commonName.endsWith(`-${name}`));
  const kind: VekKind = commonName.startsWith('SEV-VLEK-') ? 'vlek' : 'vcek';
  return `no certificate of ${commonName} was given${product === undefined ? '' : `; fetch ${chainUrl(product, kind)}`}`;
}

/** Product and kind that an intermediate's name says: `SEV-Milan` issues VCEKs, `SEV-VLEK-Milan` VLEKs. */
export function readIntermediateName(commonName: string): { product: AmdProduct; kind: VekKind } | undefined {
  for (const product of amdProducts) {
    if (commonName === `SEV-${product}`) return { product, kind: 'vcek' };
    if (commonName === `SEV-VLEK-${product}`) return { product, kind: 'vlek' };
  }
  return undefined;
}
