// SPDX-License-Identifier: Apache-2.0

/** What a TD report says. Lengths in bytes stand beside the fields. */
export interface TdReportFields {
  /** 16. */
  readonly teeTcbSvn: Uint8Array;
  /** 48. */
  readonly mrSeam: Uint8Array;
  /** 48. */
  readonly mrSignerSeam: Uint8Array;
  /** 8. */
  readonly seamAttributes: Uint8Array;
  /** 8. */
  readonly tdAttributes: Uint8Array;
  /** 8. */
  readonly xfam: Uint8Array;
  /** 48. */
  readonly mrTd: Uint8Array;
  /** 48 each. */
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  /** Four of 48. */
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  /** 64. */
  readonly reportData: Uint8Array;
  /** 16, from TD report 1.5 on. */
  readonly teeTcbSvn2: Uint8Array;
  /** 48, from TD report 1.5 on. */
  readonly mrServiceTd: Uint8Array;
  /** 237, TD report 1.5ex only: everything from VMID on. */
  readonly extension: Uint8Array;
}

const lengths = { '1.0': 584, '1.5': 648, '1.5ex': 885 } as const;
export type TdReportVersion = keyof typeof lengths;

/** A guest as clouds launch them: no debugging, SEPT_VE_DISABLE set. */
export const ordinaryTdReport: TdReportFields = {
  teeTcbSvn: new Uint8Array(16),
  mrSeam: new Uint8Array(48).fill(0x5e),
  mrSignerSeam: new Uint8Array(48),
  seamAttributes: new Uint8Array(8),
  tdAttributes: Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0),
  xfam: Uint8Array.of(0xe7, 0x02, 0x06, 0, 0, 0, 0, 0),
  mrTd: new Uint8Array(48),
  mrConfigId: new Uint8Array(48),
  mrOwner: new Uint8Array(48),
  mrOwnerConfig: new Uint8Array(48),
  rtmrs: [new Uint8Array(48), new Uint8Array(48), new Uint8Array(48), new Uint8Array(48)],
  reportData: new Uint8Array(64),
  teeTcbSvn2: new Uint8Array(16),
  mrServiceTd: new Uint8Array(48),
  extension: new Uint8Array(237),
};

/**
 * 584 bytes of a TD report 1.0 or 648 of 1.5 (Intel TDX DCAP quoting library API, appendix A.3), or 885 of 1.5ex (Intel’s quote
 * verification library, QuoteStructures.h).
 */
export function encodeTdReport(version: TdReportVersion, fields: TdReportFields): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(lengths[version]);
  const parts: readonly (readonly [number, Uint8Array])[] = [
    [0, fields.teeTcbSvn],
    [16, fields.mrSeam],
    [64, fields.mrSignerSeam],
    [112, fields.seamAttributes],
    [120, fields.tdAttributes],
    [128, fields.xfam],
    [136, fields.mrTd],
    [184, fields.mrConfigId],
    [232, fields.mrOwner],
    [280, fields.mrOwnerConfig],
    [328, fields.rtmrs[0]],
    [376, fields.rtmrs[1]],
    [424, fields.rtmrs[2]],
    [472, fields.rtmrs[3]],
    [520, fields.reportData],
  ];
  for (const [at, part] of parts) body.set(part, at);
  if (version !== '1.0') {
    body.set(fields.teeTcbSvn2, 584);
    body.set(fields.mrServiceTd, 600);
  }
  if (version === '1.5ex') body.set(fields.extension, 648);
  return body;
}
