// SPDX-License-Identifier: Apache-2.0
import { compareBytes, fromHex } from '@enarx/protocol';

import { intelProblem } from './problems.ts';
import { sgxReportLength } from './sgx/report.ts';
import { tdReportLengths } from './tdx/report.ts';

export const quoteHeaderLength = 48;
/** Of Intel’s own quoting enclaves, in every quote at offset 12. */
export const intelQeVendor = fromHex('939a7233f79c4ca9940a0db3957f0607') as Uint8Array;

const teeTypes = { sgx: 0, tdx: 0x81 } as const;
const ecdsaP256 = 2;

/** Sorts of certification data (Intel SGX ECDSA quote library API, table 9). */
export const certificationTypes = {
  plainPpid: 1,
  encryptedPpid2048: 2,
  encryptedPpid3072: 3,
  pckCertificate: 4,
  pckChain: 5,
  qeReport: 6,
} as const;

/** A quote taken apart, nothing of it proven. Byte arrays are views of what was given. */
export interface Quote {
  readonly format: 'sgx' | 'tdx';
  readonly version: 3 | 4 | 5;
  /** 16. */
  readonly qeVendor: Uint8Array;
  /** 20: what the quoting enclave put there; the first 16 name the platform to its own host. */
  readonly userData: Uint8Array;
  /** SGX report body or TD report. */
  readonly body: Uint8Array;
  /** What the attestation key signed: header and body. */
  readonly signed: Uint8Array;
  /** r and s, 64 bytes. */
  readonly signature: Uint8Array;
  /** x and y of a P-256 point, 64 bytes. */
  readonly attestationKey: Uint8Array;
  /** 384: the quoting enclave’s own report. */
  readonly qeReport: Uint8Array;
  /** r and s by the PCK key, 64 bytes. */
  readonly qeReportSignature: Uint8Array;
  /** Bound by the QE report together with the attestation key. */
  readonly qeAuthData: Uint8Array;
  readonly certification: { readonly type: number; readonly data: Uint8Array };
  /** What stands behind the quote; nobody signed it. */
  readonly trailing: Uint8Array;
}

/** Reads along some bytes and never past a limit. */
class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  take(length: number, what: string): Uint8Array {
    const left = this.bytes.length - this.at;
    if (length > left)
      throw malformed(`${String(left)} bytes where ${what} stands`, `${String(length)} bytes`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  u16(what: string): number {
    this.take(2, what);
    return this.#view.getUint16(this.at - 2, true);
  }

  u32(what: string): number {
    this.take(4, what);
    return this.#view.getUint32(this.at - 4, true);
  }

  /** To be called where nothing more may stand. */
  end(what: string): void {
    const left = this.bytes.length - this.at;
    if (left > 0) throw malformed(`${String(left)} more bytes in ${what}`, 'its end');
  }
}

/**
 * Takes a quote apart, strictly: every length must agree with what stands there. A quote of version 3 is laid out in “Intel SGX
 * ECDSA quote library API”, appendix A.4, one of 4 and 5 in “Intel TDX DCAP quoting library API”, appendix A.3.
 * @throws EnarxError `intel/quote-malformed`, `intel/quote-unsupported`
 */
export function parseQuote(bytes: Uint8Array): Quote {
  const cursor = new Cursor(bytes);
  const version = cursor.u16('the version');
  const keyType = cursor.u16('the kind of attestation key');
  const teeType = cursor.u32('the kind of TEE');
  cursor.take(4, 'the SVNs of the quoting enclave');
  const qeVendor = cursor.take(16, 'the vendor of the quoting enclave');
  const userData = cursor.take(20, 'the user data');
  if (version !== 3 && version !== 4 && version !== 5) throw unsupported(`version ${String(version)}`);
  if (keyType !== ecdsaP256)
    throw unsupported(`an attestation key of kind ${String(keyType)}, not ECDSA P-256 (2)`);
  const format = formatOf(version, teeType);
  const body = cursor.take(bodyLength(cursor, version, format), 'the report');
  const signed = bytes.subarray(0, cursor.at);
  const data = new Cursor(cursor.take(cursor.u32('the length of the signature data'), 'the signature data'));
  const trailing = bytes.subarray(cursor.at);
  const signature = data.take(64, 'the signature');
  const attestationKey = data.take(64, 'the attestation key');
  const inner = version === 3 ? data : certifiedQeReport(data);
  const qeReport = inner.take(sgxReportLength, 'the QE report');
  const qeReportSignature = inner.take(64, 'the signature of the QE report');
  const qeAuthData = inner.take(inner.u16('the length of the QE’s own data'), 'the QE’s own data');
  const type = inner.u16('the kind of certification data');
  const certification = {
    type,
    data: inner.take(inner.u32('the length of the certification data'), 'the certification data'),
  };
  inner.end('the signature data');
  if (type < certificationTypes.plainPpid || type > certificationTypes.pckChain)
    throw unsupported(`certification data of type ${String(type)}`);
  return {
    format,
    version,
    qeVendor,
    userData,
    body,
    signed,
    signature,
    attestationKey,
    qeReport,
    qeReportSignature,
    qeAuthData,
    certification,
    trailing,
  };
}

/** In version 3 the field was reserved, and there was only SGX. */
function formatOf(version: number, teeType: number): 'sgx' | 'tdx' {
  if (teeType === teeTypes.sgx) return 'sgx';
  if (version > 3 && teeType === teeTypes.tdx) return 'tdx';
  throw unsupported(`TEE type 0x${teeType.toString(16)} in a quote of version ${String(version)}`);
}

/** Version 5 says what the body is; earlier ones leave it to the TEE type. */
function bodyLength(cursor: Cursor, version: number, format: 'sgx' | 'tdx'): number {
  if (version < 5) return format === 'sgx' ? sgxReportLength : tdReportLengths['1.0'];
  const type = cursor.u16('the kind of report');
  const size = cursor.u32('the length of the report');
  const known = bodyTypes.get(type);
  if (known?.format !== format) throw unsupported(`a report of type ${String(type)} in a quote of ${format}`);
  if (size !== known.length)
    throw malformed(`${String(size)} bytes of report type ${String(type)}`, String(known.length));
  return size;
}

const bodyTypes: ReadonlyMap<number, { readonly format: 'sgx' | 'tdx'; readonly length: number }> = new Map([
  [1, { format: 'sgx', length: sgxReportLength }],
  [2, { format: 'tdx', length: tdReportLengths['1.0'] }],
  [3, { format: 'tdx', length: tdReportLengths['1.5'] }],
  [4, { format: 'tdx', length: tdReportLengths['1.5ex'] }],
]);

/** From version 4 on everything that certifies the attestation key stands in certification data of type 6. */
function certifiedQeReport(data: Cursor): Cursor {
  const type = data.u16('the kind of certification data');
  if (type !== certificationTypes.qeReport)
    throw unsupported(`certification data of type ${String(type)} where a QE report belongs`);
  const inner = new Cursor(data.take(data.u32('the length of the certification data'), 'the QE report'));
  data.end('the signature data');
  return inner;
}

/**
 * Whether bytes are meant to be a quote, which decides who judges them, and of what. The vendor id stands nowhere else; without it
 * version and kind of key must be those of a quote.
 */
export function quoteFormatOf(bytes: Uint8Array): 'sgx' | 'tdx' | undefined {
  if (bytes.length < quoteHeaderLength) return undefined;
  const [version, versionHigh, keyType, keyTypeHigh, teeType] = bytes;
  const known = version === 3 || version === 4 || version === 5;
  const ecdsaQuote = known && versionHigh === 0 && keyType === ecdsaP256 && keyTypeHigh === 0;
  if (!ecdsaQuote && compareBytes(bytes.subarray(12, 28), intelQeVendor) !== 0) return undefined;
  return version !== 3 && teeType === teeTypes.tdx ? 'tdx' : 'sgx';
}

function malformed(found: string, expected: string): Error {
  return intelProblem('intel/quote-malformed', { found, expected });
}

function unsupported(found: string): Error {
  return intelProblem('intel/quote-unsupported', { found });
}
