// SPDX-License-Identifier: Apache-2.0

export const sgxReportLength = 384;

/** ATTRIBUTES of an enclave (Intel SDM volume 3D, table 34-3). */
export interface SgxAttributes {
  /** All 16 bytes: flags, then XFRM. */
  readonly raw: Uint8Array;
  readonly initialised: boolean;
  /** The host can read and write the enclave’s memory. MRENCLAVE does not cover this. */
  readonly debug: boolean;
  readonly mode64: boolean;
  readonly provisionKey: boolean;
  readonly einitTokenKey: boolean;
  /** Key separation and sharing: only with it do CONFIGID, ISVEXTPRODID and ISVFAMILYID mean anything. */
  readonly kss: boolean;
}

/** The body of an SGX report (Intel SDM volume 3D, table 34-21), 384 bytes. */
export interface SgxReport {
  /** 16. */
  readonly cpuSvn: Uint8Array;
  readonly miscSelect: number;
  /** 16. */
  readonly isvExtProdId: Uint8Array;
  readonly attributes: SgxAttributes;
  /** 32: SHA-256 over how the enclave was loaded. */
  readonly mrEnclave: Uint8Array;
  /** 32: SHA-256 of the key that signed the enclave. */
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

export function readSgxAttributes(raw: Uint8Array): SgxAttributes {
  const [flags = 0] = raw;
  return {
    raw,
    initialised: (flags & 0x01) !== 0,
    debug: (flags & 0x02) !== 0,
    mode64: (flags & 0x04) !== 0,
    provisionKey: (flags & 0x10) !== 0,
    einitTokenKey: (flags & 0x20) !== 0,
    kss: (flags & 0x80) !== 0,
  };
}

/** @param bytes - 384, views of which are kept */
export function readSgxReport(bytes: Uint8Array): SgxReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const part = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  return {
    cpuSvn: part(0, 16),
    miscSelect: view.getUint32(16, true),
    isvExtProdId: part(32, 16),
    attributes: readSgxAttributes(part(48, 16)),
    mrEnclave: part(64, 32),
    mrSigner: part(128, 32),
    configId: part(192, 64),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    configSvn: view.getUint16(260, true),
    isvFamilyId: part(304, 16),
    reportData: part(320, 64),
  };
}
