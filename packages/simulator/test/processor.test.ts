// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { constants, createHash, createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import {
  anchorFromPem,
  parseSnpReport,
  readTcb,
  snpSignatureOffset,
  verifyEvidence,
  vendorAnchors,
  type Anchor,
  type SnpReport,
  type Verification,
} from '@enarx/attestation';
import { DerReader, readOid, tags } from '@enarx/attestation/der';
import { loaderImage, loaderMeasurement } from '@enarx/attestation/measure';
import { encodeMessage, evidence as evidenceMessage, toHex, type Evidence } from '@enarx/protocol';
import type { UnwantedReport } from '@enarx/simulator';

import { brokenRule } from '../../../test/support/cddl/enarx.ts';
import { otherProcessor, sharedProcessor } from '../../../test/support/simulated-processor.ts';
import { encodeReportBody, type ReportFields } from '../src/report.ts';

const image = loaderImage({
  wasmldr: new Uint8Array(5000).fill(1),
  runner: new Uint8Array(300).fill(2),
  arguments: ['wasmldr.js'],
});
const reportData = Uint8Array.from({ length: 64 }, (_, index) => index);
/** 2026-06-01. */
const at = 1_780_272_000_000;

const { processor, anchorFile } = await sharedProcessor();
const anchor = await anchorFromPem(readFileSync(anchorFile));

function verifyAt(
  evidence: Evidence,
  anchors: readonly Anchor[] = [anchor],
  time = at,
): Promise<Verification> {
  const { report, endorsements } = evidence;
  return verifyEvidence({ evidence: report, endorsements: [endorsements], anchors, at: time });
}

const failedChecks = ({ checks }: Verification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

suite('evidence of a simulated processor', () => {
  test('it is genuine under its own anchor, and called simulated', async () => {
    const evidence = await processor.launch(image).report(reportData);
    assert.equal(brokenRule('evidence', encodeMessage(evidenceMessage, evidence)), undefined);
    const verification = await verifyAt(evidence);
    assert.deepEqual(failedChecks(verification), []);
    assert.ok(verification.verified);
    assert.equal(verification.simulated, true);
    assert.equal(verification.verified.anchor.simulated, true);
    assert.equal(anchor.simulated, true);
  });

  test('it says what was launched and what the guest gave, and what a guest is commonly launched with', async () => {
    const { report } = await processor.launch(image).report(reportData);
    const fields = parseSnpReport(report);
    assert.deepEqual(fields.measurement, await loaderMeasurement(image));
    assert.deepEqual(fields.reportData, reportData);
    assert.equal(fields.version, 5);
    assert.equal(fields.vmpl, 0);
    assert.equal(fields.policy.raw, 0x3_0000n);
    assert.equal(fields.policy.debug, false);
    assert.equal(fields.platformInfo.aliasCheckComplete, true);
    assert.equal(fields.signingKey, 'vcek');
    assert.ok(fields.reportIdMa.every((byte) => byte === 0xff));
    assert.deepEqual({ ...fields.cpuid }, { family: 0x19, model: 0x11, stepping: 1 });
  });

  test('a launch has one report id, and another launch has another', async () => {
    const launch = processor.launch(image);
    const [first, second, other] = await Promise.all([
      launch.report(reportData),
      launch.report(new Uint8Array(64)),
      processor.launch(image).report(reportData),
    ]);
    const idOf = ({ report }: Evidence): string => toHex(parseSnpReport(report).reportId);
    assert.equal(idOf(first), idOf(second));
    assert.notEqual(idOf(first), idOf(other));
  });

  test('nobody accepts it without being given this very anchor', async () => {
    const evidence = await processor.launch(image).report(reportData);
    const others = await anchorFromPem((await otherProcessor()).processor.anchorPem);
    for (const anchors of [[], vendorAnchors, [others], [...vendorAnchors, others]]) {
      const { verified, checks } = await verifyAt(evidence, anchors);
      assert.equal(verified, undefined);
      assert.ok(checks.some(({ status }) => status === 'fail'));
    }
  });

  test('it is not valid before its processor was made, nor after 25 years', async () => {
    const evidence = await processor.launch(image).report(reportData);
    for (const time of [Date.UTC(2024, 11, 31), Date.UTC(2050, 0, 2)])
      assert.equal((await verifyAt(evidence, [anchor], time)).verified, undefined);
    for (const time of [Date.UTC(2025, 0, 1), Date.UTC(2049, 11, 31)])
      assert.ok((await verifyAt(evidence, [anchor], time)).verified);
  });

  test('report data that is not 64 bytes long is refused, since a shorter one would leave bytes unbound', async () => {
    for (const length of [0, 63, 65])
      await assert.rejects(processor.launch(image).report(new Uint8Array(length)), {
        code: 'simulator/report-data',
      });
  });

  const unwanted: readonly [string, UnwantedReport, (fields: SnpReport) => boolean][] = [
    ['a debug policy', { policy: 0xb_0000n }, ({ policy }) => policy.debug],
    ['another VMPL', { vmpl: 3 }, ({ vmpl }) => vmpl === 3],
    ['an older version', { version: 2 }, ({ version }) => version === 2],
    [
      'another measurement',
      { measurement: new Uint8Array(48).fill(9) },
      ({ measurement }) => measurement[0] === 9,
    ],
    ['a changed byte', { alter: (body) => body.fill(7, 0xc0, 0xe0) }, ({ hostData }) => hostData[0] === 7],
  ];
  for (const [what, options, shows] of unwanted) {
    test(`for an attack test, a report with ${what} has a genuine signature`, async () => {
      const { report, endorsements } = await processor.launch(image, options).report(reportData);
      assert.ok(shows(parseSnpReport(report)));
      assert.ok(verifySignature(report, certificatesIn(endorsements).vcek.publicKey));
    });
  }
});

interface Chain {
  readonly vcek: X509Certificate;
  readonly ask: X509Certificate;
  readonly ark: X509Certificate;
}

/** Reads the table by its documented layout and not by our code. */
function certificatesIn(endorsements: Uint8Array): Chain {
  const table = Buffer.from(endorsements);
  const guids = [
    '63da758de6644564adc5f4b93be8accd',
    '4ab7b379bbac4fe4a02f05aef327c782',
    'c0b406a4a803495297433fb6014cd0ae',
  ];
  const [vcek, ask, ark] = guids.map((guid, index) => {
    assert.equal(table.toString('hex', index * 24, index * 24 + 16), guid);
    const offset = table.readUInt32LE(index * 24 + 16);
    return new X509Certificate(table.subarray(offset, offset + table.readUInt32LE(index * 24 + 20)));
  }) as [X509Certificate, X509Certificate, X509Certificate];
  assert.ok(table.subarray(72, 96).every((byte) => byte === 0));
  return { vcek, ask, ark };
}

/** By OpenSSL, in Node. */
function verifySignature(report: Uint8Array, key: KeyObject): boolean {
  const component = (start: number): Uint8Array => report.slice(start, start + 48).reverse();
  const signature = Buffer.concat([component(0x2a0), component(0x2e8)]);
  return verify('sha384', report.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' }, signature);
}

suite('OpenSSL on a simulated processor', () => {
  test('each certificate is signed by the next, the root by itself, with the parameters that AMD uses', async () => {
    const { endorsements } = await processor.launch(image).report(reportData);
    const { vcek, ask, ark } = certificatesIn(endorsements);
    for (const [certificate, issuer] of [
      [vcek, ask],
      [ask, ark],
      [ark, ark],
    ] as const) {
      assert.ok(certificate.checkIssued(issuer));
      assert.ok(certificate.verify(issuer.publicKey));
      const fields = new DerReader(new DerReader(certificate.raw).next(tags.sequence).content);
      const { encoded } = fields.next(tags.sequence);
      fields.next(tags.sequence);
      const signature = fields.next(tags.bitString).content.subarray(1);
      const key = { key: issuer.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
      assert.ok(verify('sha384', encoded, key, signature));
    }
    assert.equal(ark.publicKey.asymmetricKeyDetails?.modulusLength, 4096);
    assert.equal(ask.publicKey.asymmetricKeyDetails?.modulusLength, 4096);
    assert.equal(vcek.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
    assert.deepEqual([ark.ca, ask.ca, vcek.ca], [true, true, false]);
    assert.equal(vcek.serialNumber, '0');
  });

  test('the names say that it is simulated, to whoever prints a certificate', () => {
    const { subject } = new X509Certificate(readFileSync(anchorFile));
    assert.match(subject, /O=SIMULATED by Enarx/);
    assert.match(subject, /CN=ARK-Genoa/);
  });

  test('the signature is over the 672 bytes before it, and what follows its two numbers is zero', async () => {
    const { report, endorsements } = await processor.launch(image).report(reportData);
    const { vcek } = certificatesIn(endorsements);
    assert.equal(snpSignatureOffset, 0x2a0);
    assert.ok(verifySignature(report, vcek.publicKey));
    const changed = Uint8Array.from(report);
    changed[0x29f] = 1;
    assert.equal(verifySignature(changed, vcek.publicKey), false);
    assert.ok([...report.subarray(0x2d0, 0x2e8), ...report.subarray(0x318)].every((byte) => byte === 0));
  });

  test('an anchor is pinned by the digest of its key', () => {
    const spki = createPublicKey(readFileSync(anchorFile)).export({ type: 'spki', format: 'der' });
    assert.equal(toHex(anchor.spkiDigest), createHash('sha256').update(spki).digest('hex'));
    assert.equal(processor.anchorPem, readFileSync(anchorFile, 'utf8'));
  });
});

const vectors = join(
  process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'vectors'),
  'amd',
);
const genoa = join(vectors, 'lunal-dev+attestation-rs', 'crates', 'attestation', 'test_data', 'snp');

function readVector(...path: string[]): Buffer | undefined {
  try {
    return readFileSync(join(...path));
  } catch {
    return undefined;
  }
}

suite('held against a real Genoa', () => {
  const report = readVector(genoa, 'live-report-v5-genoa.bin');
  const vcek = readVector(genoa, 'live-vcek-genoa.der');
  const roots = readVector(vectors, 'google+go-sev-guest', 'verify', 'trust', 'ask_ark_genoa.pem');
  const skip =
    report !== undefined && vcek !== undefined && roots !== undefined
      ? false
      : `no vectors in ${vectors} (set ENARX_VECTORS)`;

  test('a real report of version 5 is written again byte by byte from what it says', { skip }, () => {
    const real = report as Buffer;
    const fields = parseSnpReport(real);
    const tcb = (raw: Uint8Array): ReportFields['currentTcb'] => readTcb(raw, 'family-19h');
    const firmware = ({
      build,
      minor,
      major,
    }: SnpReport['currentFirmware']): ReportFields['currentFirmware'] => [build, minor, major];
    const body = encodeReportBody({
      ...fields,
      policy: fields.policy.raw,
      platformInfo: fields.platformInfo.raw,
      keyInfo: real.readUInt32LE(0x48),
      currentTcb: tcb(fields.currentTcb),
      reportedTcb: tcb(fields.reportedTcb),
      committedTcb: tcb(fields.committedTcb),
      launchTcb: tcb(fields.launchTcb),
      cpuid: [...real.subarray(0x188, 0x18b)] as unknown as ReportFields['cpuid'],
      currentFirmware: firmware(fields.currentFirmware),
      committedFirmware: firmware(fields.committedFirmware),
      launchMitigations: fields.launchMitigationVector as bigint,
      currentMitigations: fields.currentMitigationVector as bigint,
    });
    assert.equal(toHex(body), toHex(real.subarray(0, 0x2a0)));
  });

  test(
    'its certificates have the fields, name attributes and extensions of the real ones, in their order',
    { skip },
    async () => {
      const { endorsements } = await processor.launch(image).report(reportData);
      const simulated = certificatesIn(endorsements);
      const [ask, ark] = (roots as Buffer).toString().match(/-----BEGIN[^]*?END CERTIFICATE-----/g) as [
        string,
        string,
      ];
      assert.deepEqual(outline(simulated.vcek.raw), outline(vcek as Buffer));
      // Neither names a place for revocation lists: there are none.
      const withoutLists = (lines: readonly string[]): string[] =>
        lines.filter((line) => line !== 'extension 2.5.29.31');
      assert.deepEqual(outline(simulated.ark.raw), withoutLists(outline(new X509Certificate(ark).raw)));
      assert.deepEqual(outline(simulated.ask.raw), withoutLists(outline(new X509Certificate(ask).raw)));
    },
  );
});

/** Serial number, attributes of both names, key and extensions of a certificate, without their values. */
function outline(certificate: Uint8Array): string[] {
  const fields = new DerReader(
    new DerReader(new DerReader(certificate).next(tags.sequence).content).next(tags.sequence).content,
  );
  const lines: string[] = [];
  const oids = (what: string, content: Uint8Array, ...path: number[]): void => {
    const reader = new DerReader(content);
    while (!reader.atEnd) {
      let inner = reader.next();
      for (const tag of path) inner = new DerReader(inner.content).next(tag);
      const entry = new DerReader(inner.content);
      lines.push(`${what} ${readOid(entry.next(tags.oid))}`);
    }
  };
  fields.next();
  lines.push(`serial ${toHex(fields.next(tags.integer).content)}`);
  fields.next(tags.sequence);
  oids('issuer', fields.next(tags.sequence).content, tags.sequence);
  fields.next(tags.sequence);
  oids('subject', fields.next(tags.sequence).content, tags.sequence);
  const key = new DerReader(new DerReader(fields.next(tags.sequence).content).next(tags.sequence).content);
  lines.push(`key ${readOid(key.next(tags.oid))}`);
  oids('extension', new DerReader(fields.next().content).next(tags.sequence).content);
  return lines;
}
