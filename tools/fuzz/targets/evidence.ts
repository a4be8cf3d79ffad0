// SPDX-License-Identifier: Apache-2.0
import { parseSnpReport, verifyEvidence, vendorAnchors } from '@enarx/attestation';

import { readCertificateTable } from '../../../packages/attestation/src/amd/certificate-table.ts';
import { readVek } from '../../../packages/attestation/src/amd/vek.ts';
import { readHclReport } from '../../../packages/attestation/src/azure/hcl.ts';
import { readTpmQuote } from '../../../packages/attestation/src/azure/quote.ts';
import { maxEvidenceLength, recogniseEvidence } from '../../../packages/attestation/src/evidence.ts';
import { untext } from '../../../packages/attestation/src/evidence-text.ts';
import { unpack } from '../../../packages/attestation/src/unpack/unpack.ts';
import { readCertificate } from '../../../packages/attestation/src/x509/certificate.ts';
import { KeyCache } from '../../../packages/attestation/src/x509/key-cache.ts';
import { fakeAmd, unsignedReport } from '../../../packages/attestation/test/support/fake-amd.ts';
import { realFiles } from '../real.ts';
import type { FuzzTarget } from '../target.ts';

const reports = (): Uint8Array[] => [
  unsignedReport('Milan'),
  unsignedReport('Turin'),
  ...realFiles(/^snp-report$/, 12),
];

const report: FuzzTarget = {
  name: 'snp-report',
  run: (input) => {
    const { bytes } = parseSnpReport(input);
    if (bytes.length !== input.length) throw new Error('not the whole report');
  },
  seeds: reports,
};

const table: FuzzTarget = {
  name: 'certificate-table',
  run: (input) => {
    for (const { content } of readCertificateTable(input))
      if (content.buffer !== input.buffer) throw new Error('content from elsewhere');
  },
  seeds: () => [new Uint8Array(24), ...realFiles(/^snp-cert-table$/)],
  tokens: [
    '63da758de6644564adc5f4b93be8accd',
    '4ab7b379bbac4fe4a02f05aef327c782',
    '92f81bc358114d3d97ffd19f88dc67ea',
  ].map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
};

const vek: FuzzTarget = {
  name: 'vek-extensions',
  run: (input) => {
    const { tcb } = readVek(readCertificate(input));
    if (tcb.length !== 8) throw new Error(`a TCB of ${String(tcb.length)} bytes`);
  },
  seeds: async () => {
    const amd = await fakeAmd();
    return [await amd.vcek(), await amd.vlek(), ...realFiles(/^snp-v[cl]ek-cert$/, 12)];
  },
};

const azure: FuzzTarget = {
  name: 'azure-hcl',
  run: (input) => readHclReport(input, 'snp'),
  seeds: () => realFiles(/^azure-hcl-report$/),
  tokens: ['HCLA', '{"keys":[{"kid":"HCLAkPub"}]}'],
};

const quote: FuzzTarget = {
  name: 'tpm-quote',
  run: (input) => {
    const { extraData, pcrSelection, pcrs } = readTpmQuote(
      input,
      new Uint8Array(256),
      Array.from({ length: 24 }, () => new Uint8Array(32)),
    );
    if (pcrs.length !== pcrSelection.length || extraData.length > input.length)
      throw new Error('PCRs from nowhere');
  },
  seeds: () => {
    const bytes = Buffer.alloc(2 + 4 + 2 + 8 + 4 + 17 + 8 + 4 + 2 + 1 + 3 + 2 + 32);
    bytes.write('ff544347801800080102030405060708000401020304', 'hex');
    bytes.write('00000001000b03ff00000020', 22 + 25 - 2 + 2, 'hex');
    return [new Uint8Array(bytes)];
  },
  tokens: [new Uint8Array(Buffer.from('ff5443478018', 'hex')), Uint8Array.of(0, 0, 0, 1, 0, 11, 3)],
};

const containerKinds =
  /^(snp-report-hex|azure-.*|enarx-snp-csr|sev-guest-ioctl-response|configfs-tsm-json|trustee-.*|oak-.*|dstack-.*)$/;

/** go-sev-guest's attestation with a few fields of a report, and a chain of one certificate. */
function goSevGuest(): Uint8Array {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
  const field = (number: number, content: readonly number[]): number[] => [
    ...varint((number << 3) | 2),
    ...varint(content.length),
    ...content,
  ];
  const filled = (number: number, length: number): number[] =>
    field(
      number,
      Array.from({ length }, () => number),
    );
  const versionAndPolicy = [0x08, 3, 0x18, 0x80, 0x80, 0x0c];
  const report = [
    ...versionAndPolicy,
    ...filled(12, 48),
    ...filled(16, 32),
    ...filled(19, 64),
    ...filled(28, 512),
  ];
  return Uint8Array.from([...field(1, report), ...field(2, field(1, [1, 2, 3]))]);
}

const recognised: FuzzTarget = {
  name: 'evidence-recognition',
  run: (input) => {
    const { report: found, endorsements } = recogniseEvidence(input);
    // Protocol Buffers leave out what is zero, so that a report may be longer than what it came in.
    if (found.length > Math.max(input.length, 1184) || endorsements.length > input.length)
      throw new Error('more than was given');
  },
  seeds: () => [goSevGuest(), ...reports(), ...realFiles(containerKinds, 24, 12_288)],
  longest: 12_288,
  tokens: [
    '{"outblob":"',
    '"auxblob":"',
    '"provider":"sev_guest\\n"',
    '"attestation_report":{',
    '"__proto__":',
    'null',
    '{"evidence":',
    '"quote":',
  ],
};

const unpacked: FuzzTarget = {
  name: 'evidence-unpacking',
  run: async (input) => {
    const { evidence } = await unpack(input);
    if (evidence.length > maxEvidenceLength) throw new Error('more than evidence may have');
  },
  seeds: () =>
    [
      '{"platform":"snp","evidence":{"report":"AAAA"}}',
      '{"enclaveAttestationReport":{"format":"f","body":"H4sIAAAAAAAAA0vLzFNIysxLLKoEAA=="},"vcek":"AA=="}',
      '{"report":"e30="}',
      'H4sIAAAAAAAAA0vLzFNIysxLLKoEAA==',
    ].map((text) => new TextEncoder().encode(text)),
  tokens: ['"evidence":', '"platform":', '"body":', '"format":', 'H4sI', Uint8Array.of(0x1f, 0x8b, 8)],
};

const textual: FuzzTarget = {
  name: 'evidence-text',
  run: (input) => untext(input).kind,
  seeds: () =>
    ['00ff', 'AAEC', '{"a":1}', '-----BEGIN A-----\n'].map((text) => new TextEncoder().encode(text)),
};

/** Everything together: whatever comes, it must not verify, and must say why. */
const verification: FuzzTarget = {
  name: 'verify-evidence',
  run: async (input) => {
    const split = Math.min(input.length, 1184);
    const { verified, checks } = await verifyEvidence({
      evidence: input.subarray(0, split),
      endorsements: input.length > split ? [input.subarray(split)] : [],
      anchors: vendorAnchors,
      at: Date.parse('2026-03-07T01:04:33Z'),
      keys,
    });
    // The seeds are unsigned or stand without their certificate: nothing that comes of them can be genuine.
    if (verified !== undefined) throw new Error('verified');
    for (const { detail } of checks)
      if (/[\u0000-\u001f\u007f-\u009f\u202e]/.test(detail)) throw new Error(JSON.stringify(detail));
    if (!checks.some(({ status }) => status === 'fail')) throw new Error('no check failed');
  },
  seeds: async () => {
    const amd = await fakeAmd();
    const chain = [await amd.vcek(), amd.certificates.ask, amd.certificates.ark];
    return [...reports(), Buffer.concat([await amd.report(), ...chain])].map(
      (bytes) => new Uint8Array(bytes),
    );
  },
};
const keys = new KeyCache();

export default [report, table, vek, azure, quote, recognised, unpacked, textual, verification];
