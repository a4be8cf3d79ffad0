// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** What stands in a quote around its body. */
export interface QuoteParts {
  readonly version: 3 | 4 | 5;
  readonly tee: 'sgx' | 'tdx';
  /** SGX report body or TD report; one from 1.5 on needs version 5. */
  readonly body: Uint8Array;
  /** 64: x and y. */
  readonly attestationKey: Uint8Array;
  /** 384. */
  readonly qeReport: Uint8Array;
  /** 64. */
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  readonly certificationType: number;
  readonly certificationData: Uint8Array;
}

const qeVendor = [
  0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];
const ecdsaP256 = 2;
const bodyTypes: Readonly<Record<number, number>> = { 384: 1, 584: 2, 648: 3, 885: 4 };

/** Header and body: what the attestation key signs. */
export function encodeSigned({ version, tee, body }: QuoteParts): Bytes {
  const header = concatBytes(
    u16(version),
    u16(ecdsaP256),
    u32(tee === 'sgx' ? 0 : 0x81),
    new Uint8Array(4),
    Uint8Array.from(qeVendor),
    new Uint8Array(20),
  );
  const head = version === 5 ? [u16(bodyTypes[body.length] as number), u32(body.length)] : [];
  return concatBytes(header, ...head, body);
}

/** The whole quote. From version 4 on what certifies the attestation key is wrapped in certification data of type 6. */
export function encodeQuote(parts: QuoteParts, signed: Uint8Array, signature: Uint8Array): Bytes {
  const certified = concatBytes(
    parts.qeReport,
    parts.qeReportSignature,
    u16(parts.qeAuthData.length),
    parts.qeAuthData,
    u16(parts.certificationType),
    u32(parts.certificationData.length),
    parts.certificationData,
  );
  const data = concatBytes(
    signature,
    parts.attestationKey,
    ...(parts.version === 3 ? [] : [u16(6), u32(certified.length)]),
    certified,
  );
  return concatBytes(signed, u32(data.length), data);
}

function u16(value: number): Bytes {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
