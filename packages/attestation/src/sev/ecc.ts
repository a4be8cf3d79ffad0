// SPDX-License-Identifier: Apache-2.0

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * AMD's binary form of P-384 keys and signatures, the same in SEV certificates (SEV API specification, appendix C) and in
 * the ID authentication of SNP launches (SEV-SNP firmware ABI, ID_AUTH): numbers are little-endian, in fields that would
 * hold 72 bytes, followed by zeros up to the length that an RSA key or signature would take.
 */
export const keyBlobLength = 1028;
export const signatureBlobLength = 512;

const curveP384 = 2;
const fieldLength = 72;
const numberLength = 48;

/**
 * The uncompressed point (04 ‖ X ‖ Y, 97 bytes) in a key of 1028 bytes, or what is wrong with it. That the point is on
 * the curve shows when WebCrypto imports it.
 *
 * @param tail - `any` where the whole blob is signed and so has one spelling anyhow: guest owners' tools leave remains of
 * their memory behind the numbers
 */
export function readKeyBlob(blob: Uint8Array, tail: 'zero' | 'any'): Bytes | string {
  const curve = new DataView(blob.buffer, blob.byteOffset, 4).getUint32(0, true);
  if (curve !== curveP384) return `curve ${String(curve)} and not P-384 (2)`;
  const numbers = readNumbers(blob.subarray(4, tail === 'zero' ? keyBlobLength : 4 + 2 * fieldLength));
  return typeof numbers === 'string' ? numbers : Uint8Array.of(4, ...numbers);
}

/** R ‖ S (96 bytes, big-endian, as WebCrypto takes it) of a signature of 512 bytes, or what is wrong with it. */
export function readSignatureBlob(blob: Uint8Array): Bytes | string {
  return readNumbers(blob);
}

/** Two numbers, 96 bytes. What no signature covers must be zero, or one signature would have many spellings. */
function readNumbers(bytes: Uint8Array): Bytes | string {
  for (const [i, byte] of bytes.entries()) {
    const unused = i >= 2 * fieldLength || i % fieldLength >= numberLength;
    if (unused && byte !== 0) return 'a byte that is not zero behind a number of 48 bytes';
  }
  const numbers = new Uint8Array(2 * numberLength);
  numbers.set(bytes.subarray(0, numberLength).toReversed());
  numbers.set(bytes.subarray(fieldLength, fieldLength + numberLength).toReversed(), numberLength);
  return numbers;
}

/** @param point - 04 ‖ X ‖ Y, 97 bytes */
export function writeKeyBlob(point: Uint8Array): Bytes {
  const blob = new Uint8Array(keyBlobLength);
  blob[0] = curveP384;
  writeNumbers(blob.subarray(4), point.subarray(1));
  return blob;
}

/** @param signature - R ‖ S, 96 bytes */
export function writeSignatureBlob(signature: Uint8Array): Bytes {
  const blob = new Uint8Array(signatureBlobLength);
  writeNumbers(blob, signature);
  return blob;
}

function writeNumbers(field: Uint8Array, numbers: Uint8Array): void {
  field.set(numbers.subarray(0, numberLength).toReversed());
  field.set(numbers.subarray(numberLength).toReversed(), fieldLength);
}
