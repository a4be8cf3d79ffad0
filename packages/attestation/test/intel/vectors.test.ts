// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError, toHex } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import { formatTime } from '../../src/checks.ts';
import type { SgxClaims, TdxClaims } from '../../src/intel/claims.ts';
import type { Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { checkOf, failures } from '../support/verifying.ts';
import { collateralOf, intelFile, intelVectors, withoutVectors, type IntelVector } from './vectors.ts';

type IntelVerification = Verification<SgxClaims | TdxClaims>;

const quotes = intelVectors.filter(({ kind }) => kind === 'sgx-quote' || kind === 'tdx-quote');
const expectedOf = ({ expected }: IntelVector): Readonly<Record<string, unknown>> => expected ?? {};
const titleOf = ({ tee, file, mutation, verifyAt = '' }: IntelVector): string =>
  `${tee}/${file} ${mutation ?? ''} at ${verifyAt}`;

function verifyVector(vector: IntelVector): Promise<IntelVerification> {
  return verifyEvidence({
    evidence: intelFile(vector.tee, vector.file),
    endorsements: collateralOf(vector),
    anchors: vendorAnchors,
    at: Date.parse(vector.verifyAt as string),
  }) as Promise<IntelVerification>;
}

/** Checks that want collateral; a quote by itself has none. */
const ofCollateral = ['quote/endorsements-complete'];

describe('genuine quotes', { skip: withoutVectors }, () => {
  const genuine = quotes.filter(({ class: sort }) => sort === undefined || sort === 'positive-variant');

  test('are plenty', () => {
    assert.ok(genuine.length >= 170, String(genuine.length));
  });

  for (const vector of genuine) {
    test(`${titleOf(vector)} gives ${JSON.stringify(expectedOf(vector)['tcbStatus'])}`, async () => {
      const expected = expectedOf(vector);
      const result = await verifyVector(vector);
      if (vector.level === 'crypto')
        assert.deepEqual(failures(result), ofCollateral, JSON.stringify(result.checks));
      else if (expected['valid'] === true)
        assert.deepEqual(failures(result), [], JSON.stringify(result.checks));
      else {
        assert.equal(expected['tcbStatus'], 'TcbNotSupported');
        assert.deepEqual(failures(result), ['quote/tcb-level']);
        assert.match(checkOf(result, 'quote/tcb-level').detail, /^TcbNotSupported/);
      }
      if (result.verified !== undefined) {
        assert.equal(result.verified.anchor.name, 'Intel SGX Root CA');
        assert.equal(result.simulated, false);
      }
      assertClaims(result, expected);
    });
  }
});

describe('quotes that are altered, forged or out of date', { skip: withoutVectors }, () => {
  const bad = quotes.filter(
    ({ class: sort }) =>
      sort === 'negative' || sort === 'policy' || sort === 'incomplete' || sort === 'sample-pki',
  );

  test('are plenty', () => {
    assert.ok(bad.length >= 260, String(bad.length));
  });

  for (const vector of bad) {
    const reason = expectedOf(vector)['reason'] as string;
    test(`${titleOf(vector)} is refused: ${reason}`, async () => {
      try {
        const result = await verifyVector(vector);
        assert.equal(result.verified, undefined);
        const wanted = checksFor[reason];
        assert.ok(wanted, reason);
        const failed = failures(result);
        assert.ok(
          failed.some((id) => wanted.includes(id)),
          `${failed.join(', ')} holds none of ${wanted.join(', ')}`,
        );
      } catch (error) {
        assert.ok(error instanceof EnarxError, String(error));
        assert.equal(error.code, 'evidence/unrecognised');
        assert.ok(['truncated', 'unsupported-version', 'unsupported-key-type'].includes(reason), reason);
      }
    });
  }
});

/** Checks any of which may be the one that tells, by what the corpus calls the reason. */
const checksFor: Readonly<Record<string, readonly string[]>> = {
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

describe('certificates of TLS servers that are enclaves', { skip: withoutVectors }, () => {
  const certificates = intelVectors.filter(({ kind }) => kind === 'ratls-cert');

  test('there are some', () => {
    assert.equal(certificates.length, 3);
  });

  for (const vector of certificates)
    test(`${titleOf(vector)} is ${vector.class === 'negative' ? 'refused' : 'for its own key'}`, async () => {
      if (vector.class === 'negative') {
        await assert.rejects(verifyVector(vector), { name: 'EnarxError' });
        return;
      }
      const result = await verifyVector(vector);
      assert.equal(checkOf(result, 'quote/certificate-key').status, 'pass');
      assert.equal(checkOf(result, 'quote/signature').status, 'pass');
      assert.ok(failures(result).every((id) => id === 'x509/validity' || ofCollateral.includes(id)));
      assert.equal(result.claims?.format === 'sgx' && result.claims.report.attributes.debug, true);
    });
});

describe('Intel’s sample under a root of its own', { skip: withoutVectors }, () => {
  const samples = intelVectors.filter(
    ({ kind, class: sort }) => sort === 'sample-pki' && kind.endsWith('-quote'),
  );

  test('there is one of SGX and one of TDX', () => {
    assert.deepEqual(
      samples.map(({ tee }) => tee),
      ['sgx', 'tdx'],
    );
  });
});

/** Every field that the corpus gives, read by somebody else’s program. */
function assertClaims({ claims }: IntelVerification, expected: Readonly<Record<string, unknown>>): void {
  assert.ok(claims);
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
        assert.deepEqual(read, (value as Record<string, unknown>)[key], key);
    } else if (name === 'advisoryIDs')
      assert.deepEqual(new Set(actual as string[]), new Set(value as string[]), name);
    else assert.deepEqual(actual, value, name);
  }
}
