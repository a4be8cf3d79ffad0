// SPDX-License-Identifier: Apache-2.0
import {
  amdAnchors,
  parseSnpReport,
  productOfCpuid,
  readTcb,
  tcbLayoutOf,
  type Anchor,
  type SnpClaims,
  type VerifiedEvidence,
} from '@enarx/attestation';

export const hex = (byte: number, length: number): string =>
  byte.toString(16).padStart(2, '0').repeat(length);

export const genoa = amdAnchors.find(({ name }) => name === 'ARK-Genoa') as Anchor;

/** What stands in a report, by offset of the SEV-SNP ABI, table 23. Each value is one byte or the bytes. */
export type ReportBytes = Readonly<Record<number, number | readonly number[]>>;

/** A Genoa (family 19h, model 11h), as current fleets report it, with something to see in every field. */
const genoaReport: ReportBytes = {
  0x000: 5, // VERSION
  0x004: 7, // GUEST_SVN
  0x008: [51, 1, 0b10], // POLICY: ABI 1.51, bit 17
  0x010: Array<number>(16).fill(0xfa), // FAMILY_ID
  0x020: Array<number>(16).fill(0x1a), // IMAGE_ID
  0x034: 1, // SIGNATURE_ALGO
  0x038: [10, 0, 0, 0, 0, 0, 23, 84], // CURRENT_TCB
  0x040: 0b10_0101, // PLATFORM_INFO: SMT, ECC, alias check
  0x048: 1, // AUTHOR_KEY_EN
  0x050: Array<number>(64).fill(0xda), // REPORT_DATA
  0x090: Array<number>(48).fill(0x3e), // MEASUREMENT
  0x0c0: Array<number>(32).fill(0x40), // HOST_DATA
  0x0e0: Array<number>(48).fill(0x1d), // ID_KEY_DIGEST
  0x110: Array<number>(48).fill(0xa0), // AUTHOR_KEY_DIGEST
  0x160: Array<number>(32).fill(0xff), // REPORT_ID_MA
  0x180: [10, 0, 0, 0, 0, 0, 23, 84], // REPORTED_TCB
  0x188: [0x19, 0x11, 1], // CPUID
  0x1a0: Array<number>(64).fill(0xc1), // CHIP_ID
  0x1e0: [10, 0, 0, 0, 0, 0, 23, 84], // COMMITTED_TCB
  0x1e8: [43, 55, 1, 0], // CURRENT
  0x1ec: [43, 55, 1, 0], // COMMITTED
  0x1f0: [10, 0, 0, 0, 0, 0, 23, 84], // LAUNCH_TCB
  0x1f8: 0b101, // LAUNCH_MIT_VECTOR
  0x200: 0b111, // CURRENT_MIT_VECTOR
};

export interface EvidenceChanges {
  readonly report?: ReportBytes;
  readonly claims?: Partial<SnpClaims>;
  readonly anchor?: Anchor;
}

/** Evidence as a verifier would hand it to the appraiser, read from report bytes. */
export function snpEvidence({
  report = {},
  claims = {},
  anchor = genoa,
}: EvidenceChanges = {}): VerifiedEvidence {
  const bytes = new Uint8Array(1184);
  for (const [offset, value] of Object.entries({ ...genoaReport, ...report }))
    bytes.set(typeof value === 'number' ? [value] : value, Number(offset));
  const read = parseSnpReport(bytes);
  const product = (read.cpuid === undefined ? undefined : productOfCpuid(read.cpuid)) ?? 'Genoa';
  const layout = tcbLayoutOf(product);
  const whole: SnpClaims = {
    format: 'snp',
    report: read,
    product,
    tcb: {
      current: readTcb(read.currentTcb, layout),
      reported: readTcb(read.reportedTcb, layout),
      committed: readTcb(read.committedTcb, layout),
      launch: readTcb(read.launchTcb, layout),
    },
    signingKey: 'vcek',
    chipId: read.chipId,
    cspId: undefined,
    revocation: { status: 'good', crlNumber: 2n, thisUpdate: 0, nextUpdate: 1 },
    azure: undefined,
    ...claims,
  };
  return {
    format: 'snp',
    anchor,
    simulated: anchor.simulated,
    at: 0,
    claims: whole,
  } as unknown as VerifiedEvidence;
}
