// SPDX-License-Identifier: Apache-2.0

/** What an SGX report says. Lengths in bytes stand beside the fields; numbers are written little-endian. */
export interface SgxReportFields {
  /** 16. */
  readonly cpuSvn: Uint8Array;
  readonly miscSelect: number;
  /** 16. */
  readonly isvExtProdId: Uint8Array;
  /** 16: flags and XFRM. */
  readonly attributes: Uint8Array;
  /** 32. */
  readonly mrEnclave: Uint8Array;
  /** 32. */
  readonly mrSigner: Uint8Array;
  /** 64. */
  readonly configId: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly configSvn: number;
  /** 16. */
  readonly isvFamilyId: Uint8Array;
  /** 64. */
  readonly reportData: Uint8Array;
}

/** An initialised 64-bit enclave that is neither open to debugging nor of anybody in particular. */
export const ordinarySgxReport: SgxReportFields = {
  cpuSvn: new Uint8Array(16),
  miscSelect: 0,
  isvExtProdId: new Uint8Array(16),
  attributes: Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0x07, 0, 0, 0, 0, 0, 0, 0),
  mrEnclave: new Uint8Array(32),
  mrSigner: new Uint8Array(32),
  configId: new Uint8Array(64),
  isvProdId: 0,
  isvSvn: 0,
  configSvn: 0,
  isvFamilyId: new Uint8Array(16),
  reportData: new Uint8Array(64),
};

/** The 384 bytes of a report body (Intel SDM volume 3D, table 34-21). */
export function encodeSgxReport(fields: SgxReportFields): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(384);
  const view = new DataView(body.buffer);
  body.set(fields.cpuSvn, 0);
  view.setUint32(16, fields.miscSelect, true);
  body.set(fields.isvExtProdId, 32);
  body.set(fields.attributes, 48);
  body.set(fields.mrEnclave, 64);
  body.set(fields.mrSigner, 128);
  body.set(fields.configId, 192);
  view.setUint16(256, fields.isvProdId, true);
  view.setUint16(258, fields.isvSvn, true);
  view.setUint16(260, fields.configSvn, true);
  body.set(fields.isvFamilyId, 304);
  body.set(fields.reportData, 320);
  return body;
}
