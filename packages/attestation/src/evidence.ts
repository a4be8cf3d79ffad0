// SPDX-License-Identifier: Apache-2.0
import { decodeMessage, evidence as evidenceMessage } from '@enarx/protocol';

import { readCertificateTable } from './amd/certificate-table.ts';
import { looksLikeHcl, readHclReport } from './azure/hcl.ts';
import { readTpmQuote } from './azure/quote.ts';
import type { TpmQuote } from './azure/runtime-data.ts';
import { tags } from './der/tags.ts';
import { looksLikeDstack, readDstackAttestation } from './dstack/attestation.ts';
import { readEndorsements } from './endorsements.ts';
import { readEvidenceCsr, type EvidenceCsr } from './evidence-csr.ts';
import { readEvidenceJson } from './evidence-json.ts';
import { untext } from './evidence-text.ts';
import {
  looksLikeGoSevGuest,
  looksLikeGoTpmTools,
  readGoSevGuest,
  readGoTpmTools,
} from './go-sev-guest/attestation.ts';
import { looksLikeGoSevGuestText, readGoSevGuestText } from './go-sev-guest/text.ts';
import { looksLikeOakEvidence, readOakEvidence } from './oak/evidence.ts';
import { holdsNitroDocument, nameNotEvidence } from './not-evidence.ts';
import { readPem, type PemBlock } from './pem.ts';
import { attestationProblem } from './problems.ts';
import { snpReportLength } from './snp/report.ts';
import { titleOf } from './x509/certificate.ts';

/** Largest evidence in bytes, and largest sum of endorsements; `verifyEvidence` looks before anything is read. */
export const maxEvidenceLength = 1_048_576;

/** Evidence out of what it came wrapped in. */
export interface Recognised {
  readonly format: 'snp';
  readonly report: Uint8Array;
  /** What came with it: each in one of the forms that `readEndorsements` reads. */
  readonly endorsements: readonly Uint8Array[];
  /** From Azure's paravisor. */
  readonly azure?: { readonly runtimeData: Uint8Array; readonly quote: TpmQuote | undefined };
  /** From a certification request. */
  readonly csr?: EvidenceCsr;
}

/**
 * Tells by content what evidence is and what it is wrapped in:
 *
 * - an SNP report, 1184 bytes, alone or followed by the certificate table of the extended guest request;
 * - the response of `/dev/sev-guest`;
 * - Azure's blob of NV index 0x01400001;
 * - our own `evidence` message;
 * - a PKCS#10 request as the first Enarx made it;
 * - Oak's `Evidence`, dstack's `VersionedAttestation`, go-sev-guest's (also as text or JSON) and go-tpm-tools' `Attestation`, of which only report and certificates are read;
 * - JSON: configfs-tsm (`outblob`, `auxblob`), Azure vTPM evidence, Trustee's dump of fields, Azure's sidecars;
 * - any of these in hex or base64.
 * @throws EnarxError `evidence/…`, `azure/malformed`, `amd/table-malformed`, `cbor/…`, `message/invalid`
 */
export function recogniseEvidence(received: Uint8Array): Recognised {
  const text = untext(received);
  if (text.kind === 'json') return fromJson(text.value);
  const bytes = text.kind === 'bytes' ? text.bytes : received;
  if (looksLikeHcl(bytes)) return fromHcl(bytes, undefined, []);
  if (looksLikeMessage(bytes)) {
    const { report, endorsements } = decodeMessage(evidenceMessage, bytes);
    return snp(report, [endorsements]);
  }
  const wrapping = wrappings.find(({ looksLike }) => looksLike(bytes));
  if (wrapping !== undefined) {
    const { report, endorsements } = wrapping.read(bytes);
    return snp(report, endorsements);
  }
  if (text.kind === 'pem' || bytes[0] === tags.sequence) {
    refuseEndorsements(bytes);
    if (text.kind === 'pem') throw unreadablePem(readPem(text.text));
    const csr = readEvidenceCsr(bytes);
    return { format: 'snp', report: csr.report, endorsements: csr.endorsements, csr };
  }
  if (looksLikeDriverResponse(bytes)) return snp(readDriverResponse(bytes), []);
  if (looksLikeReport(bytes)) {
    // SNP_GET_EXT_REPORT and configfs-tsm give report and table apart; tools store them one after the other.
    const table = bytes.subarray(snpReportLength);
    try {
      readCertificateTable(table);
    } catch (cause) {
      throw attestationProblem('evidence/malformed', {
        found: `${String(table.length)} bytes behind the report that are no certificate table`,
        cause,
      });
    }
    return snp(bytes.subarray(0, snpReportLength), [table]);
  }
  const { found, expected } = nameNotEvidence(bytes) ?? {
    found: `${String(bytes.length)} bytes${text.kind === 'bytes' ? ' out of hex or base64' : ''}`,
  };
  throw unrecognised(found, expected);
}

interface Wrapping {
  readonly looksLike: (bytes: Uint8Array) => boolean;
  readonly read: (bytes: Uint8Array) => Pick<Recognised, 'report' | 'endorsements'>;
}

/** A report alone, and what other projects put around one, in the order in which they are tried. */
const wrappings: readonly Wrapping[] = [
  {
    looksLike: looksLikeOakEvidence,
    read: (bytes) => ({ report: readOakEvidence(bytes), endorsements: [] }),
  },
  { looksLike: looksLikeGoSevGuest, read: readGoSevGuest },
  { looksLike: looksLikeGoTpmTools, read: readGoTpmTools },
  { looksLike: looksLikeGoSevGuestText, read: (bytes) => readGoSevGuest(readGoSevGuestText(bytes)) },
  {
    looksLike: ({ length }) => length === snpReportLength,
    read: (report) => ({ report, endorsements: [] }),
  },
  { looksLike: looksLikeDstack, read: readDstackAttestation },
];

function unrecognised(found: string, expected?: string): Error {
  return attestationProblem('evidence/unrecognised', { found, expected });
}

/** Often the certificate is given where the report should be: who does so should hear it in these words. */
function refuseEndorsements(bytes: Uint8Array): void {
  const { certificates, revocationLists, unreadable } = readEndorsements([bytes]);
  const found = [
    ...certificates.map((certificate) => `a certificate of ${titleOf(certificate)}`),
    ...revocationLists.map(({ issuer }) => `a revocation list of ${issuer.commonName}`),
  ];
  if (unreadable.length > 0 || found.length === 0) return;
  throw unrecognised(
    found.join(', '),
    certificates.some(({ encoded }) => holdsNitroDocument(encoded))
      ? nitroDocument
      : 'evidence; these are endorsements of it',
  );
}

/** Certificates of gateways are large, or of keys that no vendor has, and so are not read as endorsements. */
function unreadablePem(blocks: readonly PemBlock[]): Error {
  const labels = blocks.slice(0, 8).map(({ label }) => label);
  return unrecognised(
    `PEM of ${labels.join(', ') || 'nothing'}`,
    blocks.some(({ content }) => holdsNitroDocument(content)) ? nitroDocument : undefined,
  );
}

const nitroDocument =
  'the document of AWS Nitro Enclaves itself, whose hex is among the names of the certificate';

function snp(report: Uint8Array, endorsements: readonly Uint8Array[]): Recognised {
  return { format: 'snp', report, endorsements };
}

function fromHcl(
  blob: Uint8Array,
  quote: TpmQuote | undefined,
  endorsements: readonly Uint8Array[],
): Recognised {
  const { report, runtimeData } = readHclReport(blob, 'snp');
  return { format: 'snp', report, endorsements, azure: { runtimeData, quote } };
}

function fromJson(value: object): Recognised {
  const json = readEvidenceJson(value);
  if (json.form === 'snp') return snp(json.report, json.endorsements);
  const quote = json.quote && readTpmQuote(json.quote.message, json.quote.signature, json.quote.pcrs);
  return fromHcl(json.blob, quote, json.endorsements);
}

/** A map of three entries whose first key is `format`, the shortest: deterministic encoding fixes the first bytes. */
function looksLikeMessage(bytes: Uint8Array): boolean {
  const head = [0xa3, 0x66, 0x66, 0x6f, 0x72, 0x6d, 0x61, 0x74];
  return head.every((byte, index) => bytes[index] === byte);
}

const word = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);

function looksLikeReport(bytes: Uint8Array): boolean {
  return bytes.length > snpReportLength && word(bytes, 0) >= 1 && word(bytes, 0) <= 0xff;
}

/** MSG_REPORT_RSP (SEV-SNP ABI, table 25): status, size, 24 reserved bytes, report. The driver's buffer has 4000 bytes. */
const responseHeaderLength = 32;
const responseLengths: readonly number[] = [responseHeaderLength + snpReportLength, 4000];

function looksLikeDriverResponse(bytes: Uint8Array): boolean {
  return responseLengths.includes(bytes.length) && word(bytes, 4) === snpReportLength;
}

function readDriverResponse(bytes: Uint8Array): Uint8Array {
  const status = word(bytes, 0);
  if (status !== 0)
    throw attestationProblem('evidence/malformed', {
      found: `status ${String(status)} of the firmware`,
      expected: '0',
    });
  const end = responseHeaderLength + snpReportLength;
  if ([...bytes.subarray(8, responseHeaderLength), ...bytes.subarray(end)].some((byte) => byte !== 0))
    throw attestationProblem('evidence/malformed', {
      found: 'data around the report in the response of the driver',
    });
  return bytes.subarray(responseHeaderLength, end);
}
