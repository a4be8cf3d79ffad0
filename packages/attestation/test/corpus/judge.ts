// SPDX-License-Identifier: Apache-2.0
//
// Holds files of the AMD corpus against what its index says of them. Any-runtime code: the same runs in Node and in a browser.
import { EnarxError, fromHex, toHex } from '@enarx/protocol';

import { amdAuthorities } from '../../src/amd/authorities.ts';
import { readCertificateTable } from '../../src/amd/certificate-table.ts';
import { amdExtensionOids } from '../../src/amd/vek.ts';
import { amdAnchors, vendorAnchors } from '../../src/anchors.ts';
import { readEndorsements } from '../../src/endorsements.ts';
import { decodeBase64 } from '../../src/pem.ts';
import { readCaCertificate } from '../../src/sev/ca-certificate.ts';
import { readSevCertificate } from '../../src/sev/certificate.ts';
import { verifySevPlatform } from '../../src/sev/verify.ts';
import type { SnpReport } from '../../src/snp/report.ts';
import type { Check, Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import type { Certificate } from '../../src/x509/certificate.ts';
import { sha256 } from '../../src/digest.ts';
import { verifyChain } from '../../src/x509/chain.ts';
import type { RevocationList } from '../../src/x509/crl.ts';
import type { KeyCache } from '../../src/x509/key-cache.ts';
import { importPublicKey, verifySignature } from '../../src/x509/signature.ts';

export interface Entry {
  readonly file: string;
  readonly kind: string;
  readonly product?: string;
  readonly expected: Readonly<Record<string, unknown>>;
}

export interface Corpus {
  readonly entries: readonly Entry[];
  readonly read: (file: string) => Promise<Uint8Array>;
  readonly keys: KeyCache;
}

/** Kinds that are no business of this verifier: it must say so. */
const foreign =
  /^(corim|cose-sign1-launch-endorsement|host-data-preimage|azure-thim-json|pins|sev-session|launch-digest-cases?)$/;

/** @returns what is not as the index says; `undefined` for a kind that this does not know */
export async function judge(entry: Entry, corpus: Corpus): Promise<readonly string[] | undefined> {
  const problems: string[] = [];
  const expectSame = (what: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      problems.push(`${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
  };
  const known = judges.find(([kind]) => kind.test(entry.kind));
  if (known === undefined) return undefined;
  const bytes = await corpus.read(entry.file);
  await known[1]({ ...entry, bytes, corpus, expectSame });
  if (foreign.test(entry.kind)) expectSame('as evidence', await refusalOf(bytes, corpus), 'refused');
  return problems;
}

interface Case extends Entry {
  readonly bytes: Uint8Array;
  readonly corpus: Corpus;
  readonly expectSame: (what: string, found: unknown, wanted: unknown) => void;
}

type Judge = (item: Case) => Promise<void> | void;

/** Thrown back as no evidence, or judged and not verified. */
async function refusalOf(bytes: Uint8Array, { keys }: Corpus): Promise<string> {
  try {
    const { verified } = await verifyEvidence({
      evidence: bytes,
      endorsements: [],
      anchors: vendorAnchors,
      at: 0,
      keys,
    });
    return verified === undefined ? 'refused' : 'verified';
  } catch (error) {
    return error instanceof EnarxError && error.kind === 'malformed' ? 'refused' : String(error);
  }
}

const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const dateOf = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('.000Z', 'Z');
const nameOf = ({ subject }: Certificate): string => subject.commonName;
const serialOf = ({ serial }: Certificate): string => `0x${serial.toString(16)}`;

/** Certificate, its issuer, the root; issuers come along with the verifier. */
function chainOf(certificate: Certificate): [Certificate, Certificate, ...Certificate[]] {
  const chain = [certificate];
  for (let top = certificate; nameOf(top) !== top.issuer.commonName;) {
    top = amdAuthorities.find((one) => nameOf(one) === top.issuer.commonName) as Certificate;
    chain.push(top);
  }
  return (chain.length === 1 ? [certificate, certificate] : chain) as [
    Certificate,
    Certificate,
    ...Certificate[],
  ];
}

async function chainFailures(
  certificate: Certificate,
  at: number,
  revocationLists: readonly RevocationList[] = [],
): Promise<string[]> {
  const { checks } = await verifyChain({
    chain: chainOf(certificate),
    anchors: amdAnchors,
    revocationLists,
    at,
    handledExtensions: amdExtensionOids,
    knownRevoked: () => undefined,
    keys: undefined,
  });
  return failures(checks);
}

const authority: Judge = async ({ bytes, expected, expectSame, corpus }) => {
  const { certificates, unreadable } = readEndorsements([bytes]);
  expectSame('unreadable', unreadable, []);
  const [certificate] = certificates as [Certificate];
  expectSame('subject', nameOf(certificate), expected['subject_cn']);
  expectSame('issuer', certificate.issuer.commonName, expected['issuer_cn']);
  expectSame('serial', serialOf(certificate), expected['serial']);
  expectSame('from', dateOf(certificate.notBefore), expected['not_before']);
  expectSame('to', dateOf(certificate.notAfter), expected['not_after']);
  if (expected['spki_sha256'] !== undefined) {
    expectSame('certificate', toHex(await sha256(certificate.encoded)), expected['cert_sha256']);
    expectSame('key', toHex(await sha256(certificate.publicKey)), expected['spki_sha256']);
  }
  const revoked = expected['valid'] === false;
  const list = corpus.entries.find(({ kind, product }) => kind === 'crl' && product === 'Genoa') as Entry;
  const { revocationLists } = readEndorsements([await corpus.read(list.file)]);
  const at = revoked ? Date.parse('2023-01-01T00:00:00Z') : certificate.notBefore;
  expectSame(
    'failures',
    await chainFailures(certificate, at, revoked ? revocationLists : []),
    revoked ? ['x509/not-revoked'] : [],
  );
};

const chainPem: Judge = async ({ bytes, expected, expectSame }) => {
  const { certificates } = readEndorsements([bytes]);
  expectSame('certificates', certificates.map(nameOf), expected['certs_in_order']);
  const digests = expected['cert_sha256'];
  if (digests !== undefined)
    expectSame(
      'digests',
      await Promise.all(certificates.map(async ({ encoded }) => toHex(await sha256(encoded)))),
      digests,
    );
  for (const certificate of certificates)
    expectSame(nameOf(certificate), await chainFailures(certificate, certificate.notBefore), []);
};

const pkiPath: Judge = ({ bytes, expected, expectSame }) => {
  const { certificates } = readEndorsements([bytes]);
  expectSame(
    'certificates',
    certificates.map((one) => [nameOf(one), serialOf(one)]),
    expected['certs'],
  );
};

const list: Judge = async ({ bytes, expected, expectSame }) => {
  const [found] = readEndorsements([bytes]).revocationLists as [RevocationList];
  expectSame('number', Number(found.number), expected['crl_number']);
  expectSame('from', dateOf(found.thisUpdate), expected['this_update']);
  expectSame('to', dateOf(found.nextUpdate), expected['next_update']);
  expectSame(
    'revoked',
    [...found.revoked].map((serial) => `0x${serial.toString(16)}`),
    expected['revoked_serials'],
  );
  expectSame('issuer', found.issuer.commonName, expected['issuer']);
  const root = amdAuthorities.find((one) => nameOf(one) === found.issuer.commonName) as Certificate;
  const key = (await importPublicKey(root.publicKey, root.keyKind)) as CryptoKey;
  expectSame('signature', (await verifySignature(found, key)) ? 'valid' : 'wrong', expected['signature']);
};

const vek: Judge = async ({ bytes, expected, expectSame }) => {
  const { certificates } = readEndorsements([bytes]);
  const [certificate] = certificates as [Certificate];
  if (expected['certs_in_order'] !== undefined)
    expectSame('certificates', certificates.map(nameOf), expected['certs_in_order']);
  if (expected['subject_cn'] !== undefined) {
    expectSame('subject', nameOf(certificate), expected['subject_cn']);
    expectSame('issuer', certificate.issuer.commonName, expected['issuer_cn']);
    expectSame('serial', serialOf(certificate), expected['serial']);
  }
  const at = Date.parse((expected['suggested_now'] ?? '2026-03-01T00:00:00Z') as string);
  expectSame(
    'failures',
    await chainFailures(certificate, at),
    expected['valid'] === false ? ['x509/signatures'] : [],
  );
};

const evidence: Judge = async (item) => {
  const { bytes, corpus, expected, expectSame, product } = item;
  const signature = expected['signature'] as string | undefined;
  if (expected['valid'] === false || (signature === undefined && expected['valid'] === undefined)) {
    expectSame('as evidence', await refusalOf(bytes, corpus), 'refused');
    return;
  }
  // A container says no more than that it is valid; its report is a file of its own.
  const inner = corpus.entries.find(({ file }) => file === `${item.file}.report.bin`)?.expected ?? {};
  const source = expected['vek_file'] === undefined ? inner : expected;
  const vekFile = source['vek_file'] as string | undefined;
  const at = Date.parse((source['suggested_now'] ?? '2023-02-01T00:00:00Z') as string);
  const endorsements = vekFile === undefined ? [] : [await corpus.read(vekFile)];
  let result: Verification;
  try {
    result = await verifyEvidence({
      evidence: bytes,
      endorsements,
      anchors: vendorAnchors,
      at,
      keys: corpus.keys,
    });
  } catch (error) {
    // Report and something behind it that is no certificate table.
    expectSame('refused as', error instanceof EnarxError ? error.code : String(error), 'evidence/malformed');
    expectSame('is longer than a report', bytes.length > 1184, true);
    expectSame('signature', signature?.startsWith('not checkable'), true);
    return;
  }
  const { claims } = result;
  if (claims?.format !== 'snp') throw new Error('no claims of SEV-SNP');
  const fields = (expected['fields'] ?? inner['fields'] ?? {}) as Readonly<Record<string, unknown>>;
  for (const [name, found] of Object.entries(fieldsOf(claims.report)))
    if (name in fields) expectSame(name, found, fields[name]);
  if (vekFile === undefined) {
    expectSame('failures', failures(result.checks), ['snp/endorsements-complete']);
    return;
  }
  expectSame('failures', failures(result.checks), []);
  expectSame('product', claims.product, product);
  expectSame('anchor', result.verified?.anchor.name, `ARK-${String(product)}`);
  expectSame('simulated', result.simulated, false);
};

/** As other programs name and spell them. */
function fieldsOf(report: SnpReport): Readonly<Record<string, unknown>> {
  const firmware = ({ major, minor, build }: SnpReport['currentFirmware']): string =>
    [major, minor, build].join('.');
  const octet = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
  const cpuid = ({ family, model, stepping }: NonNullable<SnpReport['cpuid']>): string =>
    `fam=${octet(family)} model=${octet(model)} step=${octet(stepping)}`;
  const vector = (value: bigint | undefined): string | undefined =>
    value === undefined ? undefined : `0x${value.toString(16)}`;
  return {
    version: report.version,
    guest_svn: report.guestSvn,
    policy: `0x${report.policy.raw.toString(16)}`,
    family_id: toHex(report.familyId),
    image_id: toHex(report.imageId),
    sig_algo: report.signatureAlgorithm,
    vmpl: report.vmpl,
    current_tcb: toHex(report.currentTcb),
    platform_info: `0x${report.platformInfo.raw.toString(16)}`,
    author_key_en: report.authorKeyEnabled ? 1 : 0,
    signing_key: report.signingKey.toUpperCase(),
    report_data: toHex(report.reportData),
    measurement: toHex(report.measurement),
    host_data: toHex(report.hostData),
    id_key_digest: toHex(report.idKeyDigest),
    author_key_digest: toHex(report.authorKeyDigest),
    report_id: toHex(report.reportId),
    report_id_ma: toHex(report.reportIdMa),
    reported_tcb: toHex(report.reportedTcb),
    chip_id: toHex(report.chipId),
    committed_tcb: toHex(report.committedTcb),
    current_version: firmware(report.currentFirmware),
    committed_version: firmware(report.committedFirmware),
    launch_tcb: toHex(report.launchTcb),
    debug: report.policy.debug,
    migrate_ma: report.policy.migrateMa,
    smt: report.policy.smt,
    single_socket: report.policy.singleSocket,
    mask_chip_key: report.maskChipKey ? 1 : 0,
    cpuid: report.cpuid && cpuid(report.cpuid),
    launch_mit_vector: vector(report.launchMitigationVector),
    current_mit_vector: vector(report.currentMitigationVector),
  };
}

const table: Judge = ({ bytes, expected, expectSame }) => {
  const wanted = expected['entries'] as readonly { readonly guid: string; readonly length: number }[];
  expectSame(
    'entries',
    readCertificateTable(bytes).map(({ guid, content }) => [guid, content.length]),
    wanted.map(({ guid, length }) => [guid, length]),
  );
};

const thim: Judge = ({ bytes, expectSame }) => {
  const { certificates, unreadable } = readEndorsements([bytes]);
  expectSame('unreadable', unreadable, []);
  expectSame('certificates', certificates.map(nameOf), ['SEV-VCEK', 'SEV-Milan', 'ARK-Milan']);
};

const text = new TextDecoder();

/** The quote is signed by a key in the blob of another file. */
const quote: Judge = async ({ bytes, file, expected, expectSame, corpus }) => {
  const blob = await corpus.read(file.replace(/[^/]*$/, 'hcl-report.bin'));
  const whole = { hcl_report: toHex(blob), tpm_quote: JSON.parse(text.decode(bytes)) as unknown };
  const { checks, claims } = await verifyEvidence({
    evidence: new TextEncoder().encode(JSON.stringify(whole)),
    endorsements: [await corpus.read(file.replace(/[^/]*$/, 'vcek.pem'))],
    anchors: vendorAnchors,
    at: Date.parse('2023-06-01T00:00:00Z'),
  });
  expectSame(
    'quote',
    checks.find(({ id }) => id === 'azure/quote')?.status,
    expected['valid'] === true ? 'pass' : 'fail',
  );
  if (claims?.format === 'snp')
    expectSame('nonce', text.decode(claims.azure?.quote?.extraData), expected['nonce_ascii']);
};

const hostData: Judge = async ({ bytes, file, expected, expectSame, corpus }) => {
  const preimage = decodeBase64(text.decode(bytes).trim()) as Uint8Array;
  const digest = toHex(await sha256(preimage));
  expectSame('digest', digest, expected['sha256_of_decoded']);
  const report = await corpus.read(file.replace(/[^/]*$/, 'snp_report.bin'));
  expectSame('HOST_DATA', toHex(report.subarray(0xc0, 0xe0)), digest);
};

const sevAuthority: Judge = async ({ bytes, file, product, expected, expectSame, corpus }) => {
  if (expected['valid'] === false) {
    let refused = 'read';
    try {
      readCaCertificate(bytes);
    } catch (error) {
      refused = error instanceof EnarxError ? error.kind : String(error);
    }
    expectSame('without its signature', refused, 'malformed');
    return;
  }
  const certificate = readCaCertificate(bytes);
  expectSame('key id', toHex(certificate.keyId), expected['key_id']);
  expectSame('issuer id', toHex(certificate.issuerId), expected['certifying_id']);
  expectSame('key', toHex(await sha256(certificate.publicKey)), expected['spki_sha256']);
  expectSame('usage', certificate.usage, expected['usage'] === '0x0' ? 'ARK' : 'ASK');
  const [ask, ark] = [await corpus.read(sibling(file, 'ask')), await corpus.read(sibling(file, 'ark'))];
  const platform = corpus.entries.filter(
    (other) => other.kind === 'sev-cert' && other.product === product && other.expected['ca'] !== undefined,
  );
  // Of Genoa and Turin no platform's certificates were published.
  if (platform.length === 0) return;
  const files = await Promise.all(platform.map((other) => corpus.read(other.file)));
  await expectPlatform([...files, ask, ark], expectSame);
};
const sibling = (file: string, name: string): string => file.replace(/[^/]*$/, `${name}.cert`);

async function expectPlatform(
  certificates: readonly Uint8Array[],
  expectSame: Case['expectSame'],
): Promise<void> {
  const { checks, verified } = await verifySevPlatform({ certificates, anchors: amdAnchors, at: 0 });
  expectSame('failures', failures(checks), []);
  expectSame('simulated', verified?.simulated, false);
}

const sevCertificate: Judge = async ({ bytes, file, expected, expectSame, corpus }) => {
  const certificate = readSevCertificate(bytes);
  expectSame('usage', certificate.usage, expected['usage']);
  if (expected['api'] !== undefined)
    expectSame('api', `${String(certificate.api.major)}.${String(certificate.api.minor)}`, expected['api']);
  const wanted = expected['signatures'] as readonly (readonly [string, string])[];
  expectSame(
    'signatures',
    certificate.signatures.map(({ usage }) => usage),
    wanted.map(([usage]) => usage).filter((usage) => usage !== 'INV'),
  );
  const authorities = expected['ca'] as string | undefined;
  if (authorities === undefined) return;
  const files = [
    ...['pdh', 'pek', 'oca', 'cek'].map((name) => sibling(file, name)),
    ...['ask', 'ark'].map((name) => authorities.replace('{ask,ark}', name)),
  ];
  await expectPlatform(await Promise.all(files.map(corpus.read)), expectSame);
};

const pins: Judge = ({ bytes, expectSame }) => {
  const said = text.decode(bytes);
  for (const { name, spkiDigest } of amdAnchors)
    expectSame(`pin of ${name}`, said.includes(toHex(spkiDigest)), true);
  expectSame(
    'pins',
    amdAnchors.every(({ spkiDigest }) => fromHex(toHex(spkiDigest))?.length === 32),
    true,
  );
};

const nothing: Judge = () => undefined;

const judges: readonly (readonly [RegExp, Judge])[] = [
  [/^x509-a[rs]k$/, authority],
  [/^x509-chain-pem$/, chainPem],
  [/^x509-pkipath$/, pkiPath],
  [/^crl$/, list],
  [/^snp-v[cl]ek-cert(-with-chain)?$/, vek],
  [
    /^(snp-report|snp-report-hex|azure-snp-vtpm-evidence|azure-hcl-report|enarx-snp-csr|sev-guest-ioctl-response|trustee-snp-evidence-json|configfs-tsm-json|oak-evidence-protobuf|dstack-attestation-scale)$/,
    evidence,
  ],
  [/^snp-cert-table$/, table],
  [/^azure-thim-json$/, thim],
  [/^tpm-quote$/, quote],
  [/^host-data-preimage$/, hostData],
  [/^sev-ca-cert$/, sevAuthority],
  [/^sev-cert$/, sevCertificate],
  [/^pins$/, pins],
  [/^(corim|cose-sign1-launch-endorsement|sev-session)$/, nothing],
];
