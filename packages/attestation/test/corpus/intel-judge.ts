// SPDX-License-Identifier: Apache-2.0
//
// Holds files of the SGX and TDX corpora against what their indices say of them. Any-runtime code: the same runs in Node and in a
// browser.
import { EnarxError, toHex } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import { formatTime } from '../../src/calendar.ts';
import type { SgxClaims, TdxClaims } from '../../src/intel/claims.ts';
import { mrEnclaveOf, readLoadLog } from '../../src/intel/sgx/load-log.ts';
import { verifySigstruct } from '../../src/intel/sgx/sigstruct.ts';
import type { Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import type { IntelVector } from '../intel/vectors.ts';
import { expectations, type ExpectSame } from './expectations.ts';
import type { IntelCase, IntelCorpus, IntelJudge } from './intel-case.ts';
import { intelCollateralJudges } from './intel-collateral-judge.ts';

/** @returns what is not as the index says */
export async function judgeIntel(entry: IntelVector, corpus: IntelCorpus): Promise<readonly string[]> {
  const judge = judges[entry.kind];
  if (judge === undefined) return [`unknown kind ${entry.kind}`];
  const { problems, expectSame } = expectations();
  const bytes = await corpus.read(entry.tee, entry.file);
  await judge({ entry, corpus, bytes, expected: entry.expected ?? {}, expectSame });
  return problems;
}

type IntelVerification = Verification<SgxClaims | TdxClaims>;

async function verify({ entry, corpus, bytes }: IntelCase): Promise<IntelVerification | string> {
  try {
    return (await verifyEvidence({
      evidence: bytes,
      endorsements: await Promise.all(
        (entry.collateral ?? []).map(({ file }) => corpus.read(entry.tee, file)),
      ),
      anchors: vendorAnchors,
      at: Date.parse(entry.verifyAt as string),
      ...(corpus.keys === undefined ? {} : { keys: corpus.keys }),
    })) as IntelVerification;
  } catch (error) {
    return error instanceof EnarxError ? String(error.code) : String(error);
  }
}

const failuresOf = ({ checks }: IntelVerification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

/** Checks that want collateral; a quote by itself has none. */
const ofCollateral = ['quote/endorsements-complete'];

const quote: IntelJudge = async (item) => {
  const { entry, expected, expectSame } = item;
  const result = await verify(item);
  if (entry.class === undefined || entry.class === 'positive-variant') {
    if (typeof result === 'string') expectSame('refused as', result, undefined);
    else expectGenuine(item, result);
    return;
  }
  expectSame('class', ['negative', 'policy', 'incomplete', 'sample-pki'].includes(entry.class), true);
  const reason = expected['reason'] as string;
  if (typeof result === 'string') {
    expectSame('refused as', result, 'evidence/unrecognised');
    const unrecognised = ['truncated', 'unsupported-version', 'unsupported-key-type'];
    if (!unrecognised.includes(reason)) expectSame('reason', unrecognised, reason);
    return;
  }
  expectSame('verified', result.verified !== undefined, false);
  const failed = failuresOf(result);
  const wanted = checksOfReason[reason];
  if (!failed.some((id) => wanted?.includes(id))) expectSame(`failures of ${reason}`, failed, wanted);
};

function expectGenuine({ entry, expected, expectSame }: IntelCase, result: IntelVerification): void {
  const failed = failuresOf(result);
  if (entry.level === 'crypto') expectSame('failures', failed, ofCollateral);
  else if (expected['valid'] === true) expectSame('failures', failed, []);
  else {
    expectSame('status', expected['tcbStatus'], 'TcbNotSupported');
    expectSame('failures', failed, ['quote/tcb-level']);
    const level = result.checks.find(({ id }) => id === 'quote/tcb-level')?.detail ?? '';
    expectSame('detail', level.startsWith('TcbNotSupported'), true);
  }
  expectSame('verified', result.verified !== undefined, failed.length === 0);
  if (result.verified !== undefined) {
    expectSame('anchor', result.verified.anchor.name, 'Intel SGX Root CA');
    expectSame('simulated', result.simulated, false);
  }
  expectClaims(result, expected, expectSame);
}

/** Checks any of which may be the one that tells, by what the corpus calls the reason. */
const checksOfReason: Readonly<Record<string, readonly string[]>> = {
  truncated: ['quote/layout'],
  malformed: ['quote/endorsements-readable'],
  'unsupported-version': ['quote/layout'],
  'unsupported-key-type': ['quote/layout'],
  'unsupported-body': ['quote/layout'],
  'body-size': ['quote/layout'],
  'tee-type': ['quote/layout'],
  'vendor-id': ['quote/vendor'],
  'trailing-data': ['quote/padding'],
  'unsupported-certification-data': ['quote/layout', 'quote/endorsements-complete'],
  'quote-signature': ['quote/signature'],
  'attestation-key': ['quote/attestation-key'],
  'qe-report-data': ['quote/attestation-key'],
  // One mutation puts a leaf there whose authority is not given.
  'qe-report-signature': ['quote/qe-report-signature', 'quote/endorsements-complete'],
  'untrusted-root': ['x509/anchor', 'x509/signatures', 'quote/tcb-signing-chain'],
  'pck-certificate-signature': ['x509/signatures', 'quote/endorsements-complete'],
  'intermediate-signature': ['x509/signatures'],
  'missing-pck-chain': ['quote/endorsements-complete'],
  'missing-collateral': ['quote/endorsements-complete'],
  'tcb-signing-certificate-signature': ['quote/tcb-signing-chain'],
  'tcb-signing-certificate': ['quote/endorsements-complete'],
  'tcb-info-signature': ['quote/tcb-info-signature'],
  'qe-identity-signature': ['quote/qe-identity-signature'],
  'qe-identity-tee': ['quote/qe-identity'],
  'fmspc-mismatch': ['quote/tcb-info'],
  'collateral-expired': ['quote/tcb-info-dates', 'quote/qe-identity-dates', 'quote/pck-revocation'],
  'collateral-not-yet-valid': ['quote/tcb-info-dates'],
  'certificate-expired': ['x509/validity'],
  'certificate-not-yet-valid': ['x509/validity'],
  'crl-issuer': ['quote/endorsements-complete'],
  // The forged list has no number.
  'crl-signature': ['quote/pck-revocation', 'quote/endorsements-readable'],
  'crl-malformed': ['quote/endorsements-readable', 'quote/endorsements-complete'],
  'crl-expired': ['quote/pck-revocation'],
};

/** The certificate of a TLS server that is an enclave. */
const serverCertificate: IntelJudge = async (item) => {
  const { entry, expectSame } = item;
  const result = await verify(item);
  if (entry.class === 'negative') {
    // Without collateral nothing verifies; here the chain in the quote itself is broken, too.
    const refused =
      typeof result === 'string'
        ? result.includes('/')
        : result.verified === undefined &&
          result.checks.find(({ id }) => id === 'x509/signatures')?.status !== 'pass';
    expectSame('refused', refused, true);
    return;
  }
  if (typeof result === 'string') {
    expectSame('refused as', result, undefined);
    return;
  }
  for (const id of ['x509/signatures', 'quote/certificate-key', 'quote/signature'])
    expectSame(id, result.checks.find((one) => one.id === id)?.status, 'pass');
  const others = failuresOf(result).filter((id) => id !== 'x509/validity' && !ofCollateral.includes(id));
  expectSame('failures', others, []);
  expectSame('debug', result.claims?.format === 'sgx' && result.claims.report.attributes.debug, true);
};

const sigstruct: IntelJudge = async ({ bytes, expected, expectSame }) => {
  let found;
  try {
    found = await verifySigstruct(bytes);
  } catch (error) {
    expectSame('valid', false, expected['valid']);
    expectSame('refused as', (error as EnarxError).code, 'sgx/sigstruct-rejected');
    return;
  }
  expectSame('valid', true, expected['valid']);
  expectSame('mrsigner', toHex(found.mrSigner), expected['mrsigner']);
  expectSame('enclavehash', toHex(found.mrEnclave), expected['enclavehash']);
  expectSame('attributes', toHex(found.attributes.raw), expected['attributes']);
  expectSame('attributesMask', toHex(found.attributesMask), expected['attributesMask']);
  expectSame('isvProdId', found.isvProdId, expected['isvProdId']);
  expectSame('isvSvn', found.isvSvn, expected['isvSvn']);
  expectSame('date', found.date.replace(/(....)(..)(..)/, '$1-$2-$3'), expected['date']);
};

const loadLog: IntelJudge = async ({ bytes, expected, expectSame }) => {
  expectSame('mrenclave', toHex(await mrEnclaveOf(bytes)), expected['mrenclave']);
  const pages = readLoadLog(bytes).pages.map(({ flags, measured }) => ({
    secinfoFlags: `0x${flags.toString(16)}`,
    measured: measured === 4096,
  }));
  expectSame('pages', pages, expected['pages']);
};

const judges: Readonly<Record<string, IntelJudge>> = {
  'sgx-quote': quote,
  'tdx-quote': quote,
  'ratls-cert': serverCertificate,
  sigstruct,
  'sgx-measurement-log': loadLog,
  ...intelCollateralJudges,
};

/** Every field that the corpus gives, read by somebody else’s program. */
function expectClaims(
  { claims }: IntelVerification,
  expected: Readonly<Record<string, unknown>>,
  expectSame: ExpectSame,
): void {
  if (claims === undefined) {
    expectSame('claims', claims, expected);
    return;
  }
  const found: Record<string, unknown> = {
    valid: expected['valid'],
    tcbStatus: claims.tcb?.status ?? (expected['valid'] === false ? 'TcbNotSupported' : null),
    quoteVersion: claims.quote.version,
    headerUserData: toHex(claims.quote.userData),
    qeReport: {
      mrsigner: toHex(claims.quote.enclave.mrSigner),
      isvProdId: claims.quote.enclave.isvProdId,
      isvSvn: claims.quote.enclave.isvSvn,
    },
    teeType: claims.format === 'sgx' ? 0 : 129,
    reportData: toHex(claims.report.reportData),
  };
  if (claims.tcb !== undefined)
    Object.assign(found, {
      platformTcbStatus: claims.tcb.platform,
      tdxModuleTcbStatus: claims.tcb.module ?? null,
      qeTcbStatus: claims.tcb.enclave,
      currentTcbStatus: claims.tcb.current,
      tcbDate: formatTime(claims.tcb.date),
      advisoryIDs: [...claims.tcb.advisories],
    });
  if (claims.format === 'sgx') {
    const { report } = claims;
    Object.assign(found, {
      bodyType: 1,
      debug: report.attributes.debug,
      mrenclave: toHex(report.mrEnclave),
      mrsigner: toHex(report.mrSigner),
      isvProdId: report.isvProdId,
      isvSvn: report.isvSvn,
      attributes: toHex(report.attributes.raw),
      miscSelect: report.miscSelect,
      cpuSvn: toHex(report.cpuSvn),
    });
  } else {
    const { report } = claims;
    Object.assign(found, {
      bodyType: report.version === '1.0' ? 2 : 3,
      debug: report.tdAttributes.debug,
      mrtd: toHex(report.mrTd),
      rtmr: report.rtmrs.map(toHex),
      mrSeam: toHex(report.mrSeam),
      mrSignerSeam: toHex(report.mrSignerSeam),
      seamAttributes: toHex(report.seamAttributes),
      tdAttributes: toHex(report.tdAttributes.raw),
      xfam: toHex(report.xfam),
      mrConfigId: toHex(report.mrConfigId),
      mrOwner: toHex(report.mrOwner),
      mrOwnerConfig: toHex(report.mrOwnerConfig),
      teeTcbSvn: toHex(report.teeTcbSvn),
      teeTcbSvn2: report.teeTcbSvn2 && toHex(report.teeTcbSvn2),
      mrServiceTd: report.mrServiceTd && toHex(report.mrServiceTd),
    });
  }
  if (claims.platform !== undefined) {
    const { platform } = claims;
    found['pck'] = {
      fmspc: toHex(platform.fmspc),
      pceId: toHex(platform.pceId),
      pceSvn: platform.pceSvn,
      sgxTcbComponents: [...platform.components],
      cpuSvn: toHex(platform.cpuSvn),
      sgxType: ['standard', 'scalable', 'scalable-with-integrity'].indexOf(platform.memory),
      ca: platform.authority,
    };
  }
  for (const [name, value] of Object.entries(expected)) {
    if (!(name in found)) continue;
    const actual = found[name];
    if (name === 'pck') {
      // Serial and dates are the certificate’s, not the platform’s.
      for (const [key, read] of Object.entries(actual as object))
        expectSame(`pck ${key}`, read, (value as Record<string, unknown>)[key]);
    } else if (name === 'advisoryIDs')
      expectSame(name, [...(actual as string[])].sort(), [...(value as string[])].sort());
    else expectSame(name, actual, value);
  }
}
