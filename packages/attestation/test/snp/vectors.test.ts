// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError, toHex } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import type { SnpReport, UnverifiedSnpReport } from '../../src/snp/report.ts';
import type { Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { samples, vector, vectors, withoutVectors, type Vector } from '../support/vectors.ts';
import { checkOf, failures, snpClaims, verifiedClaims } from '../support/verifying.ts';

// The corpus says what each file must give; the expectations were computed by other programs.

interface Expected {
  readonly signature?: string;
  readonly valid?: boolean;
  readonly vek_file?: string;
  readonly suggested_now?: string;
  readonly also_verifies_with?: string;
  readonly negative_pair?: { readonly vek: string };
  readonly chain?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

const expectedOf = ({ expected }: Vector): Expected => expected;
const ofKind = (...kinds: string[]): Vector[] => vectors.filter(({ kind }) => kinds.includes(kind));

async function verifyVector(
  file: string,
  { suggested_now: now }: Expected,
  vek?: string,
): Promise<Verification> {
  return verifyEvidence({
    evidence: vector(file),
    endorsements: vek === undefined ? [] : [vector(vek)],
    anchors: vendorAnchors,
    at: now === undefined ? 0 : Date.parse(now),
  });
}

const evidence = ofKind(
  'snp-report',
  'snp-report-hex',
  'azure-snp-vtpm-evidence',
  'azure-hcl-report',
  'enarx-snp-csr',
  'sev-guest-ioctl-response',
);

describe('real evidence whose signature is said to be valid', { skip: withoutVectors }, () => {
  const valid = evidence.filter((one) => expectedOf(one).signature === 'valid');
  test('is plenty', () => {
    assert.ok(valid.length >= 28, String(valid.length));
  });
  for (const one of valid) {
    test(`${one.file} is verified under AMD’s own root`, async () => {
      const expected = expectedOf(one);
      for (const vek of [expected.vek_file, expected.also_verifies_with].filter(
        (file) => file !== undefined,
      )) {
        // A certificate issued another day for the same key has its own dates.
        const at = vek === expected.vek_file ? expected : { suggested_now: '2023-01-01T00:00:00Z' };
        const result = await verifyVector(one.file, at, vek);
        assert.deepEqual(failures(result), [], JSON.stringify(result.checks));
        assert.equal(result.simulated, false);
        assert.equal(result.verified?.anchor.name, `ARK-${one.product as string}`);
        assert.equal(verifiedClaims(result).product, one.product);
        assertFields(verifiedClaims(result).report, expected.fields ?? {});
      }
    });
  }
});

describe('real evidence whose key was never published', { skip: withoutVectors }, () => {
  for (const one of evidence.filter((other) => expectedOf(other).signature?.startsWith('not checkable'))) {
    test(`${one.file} is refused with the address of its certificate, or as malformed`, async () => {
      const expected = expectedOf(one);
      try {
        const result = await verifyVector(one.file, { suggested_now: '2023-02-01T00:00:00Z' });
        assert.deepEqual(failures(result), ['snp/endorsements-complete']);
        assert.match(
          checkOf(result, 'snp/endorsements-complete').detail,
          /https:\/\/kdsintf\.amd\.com\/vcek\/v1\//,
        );
        assertFields(snpClaims(result).report, expected.fields ?? {});
      } catch (error) {
        assert.ok(error instanceof EnarxError, String(error));
        assert.ok(one.file.endsWith('bad_sig.bin'), `${one.file}: ${error.message}`);
      }
    });
  }

  test('is refused with the certificate of another chip by signature, chip and TCB', async () => {
    const [one] = vectors.filter((other) => expectedOf(other).negative_pair !== undefined) as [Vector];
    const result = await verifyVector(
      one.file,
      { suggested_now: '2023-02-01T00:00:00Z' },
      expectedOf(one).negative_pair?.vek,
    );
    assert.deepEqual(
      failures(result).filter((id) => id !== 'snp/tcb-certified'),
      ['snp/chip-certified', 'snp/signature'],
    );
  });
});

test(
  'the report that is cut off and the response that holds none are refused as malformed',
  { skip: withoutVectors },
  async () => {
    const bad = 'LIT-Protocol+sev-snp-utils/resources/test';
    for (const file of [`${bad}/guest_report_corrupt.bin`, `${bad}/snp_derived_key_msg_resp.bin`])
      await assert.rejects(verifyVector(file, {}), { name: 'EnarxError', code: 'evidence/unrecognised' });
  },
);

describe('what other tools store evidence in', { skip: withoutVectors }, () => {
  const veraison = 'veraison+services/scheme/sevsnp/test/evidence/sevsnp-tsm-report.json';

  test('configfs-tsm attributes with a table of PEM certificates are complete by themselves', async () => {
    const result = await verifyVector(veraison, { suggested_now: '2025-05-20T18:31:36Z' });
    assert.deepEqual(failures(result), []);
    assert.equal(verifiedClaims(result).product, 'Genoa');
  });

  test('report and table one after the other are complete as well', async () => {
    const bytes = Buffer.concat([vector(`${veraison}.report.bin`), vector(`${veraison}.auxblob.bin`)]);
    const at = Date.parse('2025-05-20T18:31:36Z');
    const result = await verifyEvidence({ evidence: bytes, endorsements: [], anchors: vendorAnchors, at });
    assert.deepEqual(failures(result), []);
  });

  test('Trustee’s dump of fields is rebuilt to the very bytes that were signed', async () => {
    const file = 'confidential-containers+trustee/attestation-service/tests/e2e/evidence.json';
    const result = await verifyVector(file, { suggested_now: '2025-06-26T17:57:03Z' });
    assert.deepEqual(failures(result), []);
    assert.deepEqual(
      (snpClaims(result).report as UnverifiedSnpReport).bytes,
      new Uint8Array(vector(`${file}.report.bin`)),
    );
  });

  test('Azure’s THIM answer endorses the report of its host', async () => {
    const base = 'microsoft+confidential-sidecar-containers/pkg/attest/test_data';
    const result = await verifyEvidence({
      evidence: vector(`${base}/snp_report.bin`),
      endorsements: [vector(`${base}/uvm_host_amd_certificate.json`)],
      anchors: vendorAnchors,
      at: Date.parse('2022-12-29T01:55:56Z'),
    });
    assert.deepEqual(failures(result), []);
  });

  test('an Enarx request brings its own revocation lists, which must be fresh', async () => {
    const file = 'enarx+steward/crates/attestation/src/snp/milan.signed.crl.csr';
    const then = await verifyVector(file, { suggested_now: '2022-10-29T12:48:56Z' });
    assert.deepEqual(failures(then), []);
    assert.equal(snpClaims(then).revocation.status, 'good');
    assert.equal(snpClaims(then).revocation.crlNumber, 3n);
    assert.equal(checkOf(then, 'csr/key-bound').status, 'pass');
    assert.equal(checkOf(then, 'csr/signature').status, 'pass');
    const later = await verifyVector(file, { suggested_now: '2026-03-01T00:00:00Z' });
    assert.deepEqual(failures(later), ['x509/revocation-list']);
  });
});

describe('the revoked intermediate SEV-Genoa 0x20001', { skip: withoutVectors }, () => {
  const steward = 'enarx+steward/crates/attestation/src/snp';
  const verify = (...more: string[]): Promise<Verification> =>
    verifyEvidence({
      evidence: vector(samples.genoaV5.report),
      endorsements: [vector(samples.genoaV5.vek), ...more.map(vector)],
      anchors: vendorAnchors,
      at: Date.parse(samples.genoaV5.at),
    });

  test('is refused without any list: this release knows it', async () => {
    for (const form of [`${steward}/genoa.pkipath`, `${steward}/genoa.pkipath.ask-genoa-20001.der`]) {
      const result = await verify(form);
      assert.deepEqual(failures(result), ['x509/signatures', 'x509/not-revoked']);
      assert.match(checkOf(result, 'x509/not-revoked').detail, /0x20001 was revoked by AMD on 2022-10-31/);
    }
  });

  test('is on AMD’s list as well, and the successor is used when both are there', async () => {
    const list = `${steward}/milan.signed.crl.csr.genoa.crl.der`;
    const result = await verify(`${steward}/genoa.pkipath`, list);
    assert.match(checkOf(result, 'x509/not-revoked').detail, /is on the list of ARK-Genoa/);
    assert.deepEqual(failures(result), ['x509/signatures', 'x509/revocation-list', 'x509/not-revoked']);
    const both = await verify(
      `${steward}/genoa.pkipath`,
      'google+go-sev-guest/verify/trust/ask_ark_genoa.pem',
    );
    assert.deepEqual(failures(both), []);
  });
});

describe('mutations of a real Turin report', { skip: withoutVectors }, () => {
  interface Mutations {
    readonly base_report: string;
    readonly vek: string;
    readonly cases: readonly {
      readonly name: string;
      readonly must_fail: string;
      readonly mutation: {
        readonly xor?: readonly [number, number][];
        readonly set?: readonly [number, string][];
        readonly append?: string;
        readonly truncate?: number;
        readonly swap_rs?: boolean;
      };
    }[];
  }
  const mutations =
    withoutVectors === false
      ? (JSON.parse(vector('synthetic/turin-report-mutations.json').toString()) as Mutations)
      : { base_report: '', vek: '', cases: [] };

  for (const { name, must_fail: reason, mutation } of mutations.cases) {
    test(`${name}: ${reason}`, async () => {
      let report = Buffer.from(vector(mutations.base_report));
      for (const [at, value] of mutation.xor ?? []) report[at] = (report[at] as number) ^ value;
      for (const [at, hex] of mutation.set ?? []) report.set(Buffer.from(hex, 'hex'), at);
      if (mutation.swap_rs === true) {
        const r = Buffer.from(report.subarray(0x2a0, 0x2e8));
        report.copyWithin(0x2a0, 0x2e8, 0x330);
        report.set(r, 0x2e8);
      }
      if (mutation.append !== undefined)
        report = Buffer.concat([report, Buffer.from(mutation.append, 'hex')]);
      if (mutation.truncate !== undefined) report = report.subarray(0, mutation.truncate);
      const verification = verifyEvidence({
        evidence: report,
        endorsements: [vector(mutations.vek)],
        anchors: vendorAnchors,
        at: Date.parse(samples.turin.at),
      });
      if (reason === 'length') {
        await assert.rejects(verification, { name: 'EnarxError', kind: 'malformed' });
        return;
      }
      const failed = failures(await verification);
      const expected = /^(signature|malformed|unsupported algorithm|unsupported version)/.exec(reason)?.[1];
      const id = {
        signature: 'snp/signature',
        malformed: 'snp/signature-form',
        'unsupported algorithm': 'snp/signature-algorithm',
        'unsupported version': 'snp/version',
      }[expected as string];
      assert.ok(failed.includes(id as string), `${failed.join(', ')} does not hold ${String(id)}`);
    });
  }
});

/** Every field that the corpus gives, read by somebody else's program. */
function assertFields(report: SnpReport, fields: Readonly<Record<string, unknown>>): void {
  const hex = (bytes: Uint8Array): string => toHex(bytes);
  const firmware = ({ major, minor, build }: SnpReport['currentFirmware']): string =>
    [major, minor, build].map(String).join('.');
  const found: Record<string, unknown> = {
    version: report.version,
    guest_svn: report.guestSvn,
    policy: `0x${report.policy.raw.toString(16)}`,
    family_id: hex(report.familyId),
    image_id: hex(report.imageId),
    vmpl: report.vmpl,
    sig_algo: report.signatureAlgorithm,
    current_tcb: hex(report.currentTcb),
    platform_info: `0x${report.platformInfo.raw.toString(16)}`,
    author_key_en: report.authorKeyEnabled ? 1 : 0,
    mask_chip_key: report.maskChipKey ? 1 : 0,
    signing_key: report.signingKey.toUpperCase(),
    report_data: hex(report.reportData),
    measurement: hex(report.measurement),
    host_data: hex(report.hostData),
    id_key_digest: hex(report.idKeyDigest),
    author_key_digest: hex(report.authorKeyDigest),
    report_id: hex(report.reportId),
    report_id_ma: hex(report.reportIdMa),
    reported_tcb: hex(report.reportedTcb),
    chip_id: hex(report.chipId),
    committed_tcb: hex(report.committedTcb),
    current_version: firmware(report.currentFirmware),
    committed_version: firmware(report.committedFirmware),
    launch_tcb: hex(report.launchTcb),
    debug: report.policy.debug,
    migrate_ma: report.policy.migrateMa,
    smt: report.policy.smt,
    single_socket: report.policy.singleSocket,
  };
  const shared = Object.keys(found).filter((name) => name in fields);
  assert.ok(
    shared.length >= 25 || Object.keys(fields).length === 0,
    `only ${String(shared.length)} fields compared`,
  );
  for (const name of shared) assert.deepEqual(found[name], fields[name], name);
}
