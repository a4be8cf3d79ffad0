// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';

/** One field of a message of Protocol Buffers. */
export interface ProtobufField {
  readonly number: number;
  /** Of a varint, below 2^64. */
  readonly value: bigint | undefined;
  /** Of text, bytes or a message; empty for a varint. */
  readonly content: Uint8Array;
}

/** Wire types. Those of fixed length are in no message that is read here. */
const varint = 0n;
const lengthDelimited = 2n;
const longestVarint = 10;
const limit = 1n << 64n;

/**
 * The fields of a message in their order, in which all are varints or length-delimited.
 * @param what - what the message would be, for the error
 * @throws EnarxError `evidence/malformed`
 */
export function readProtobuf(bytes: Uint8Array, what: string): ProtobufField[] {
  const malformed = (found: string): Error => attestationProblem('evidence/malformed', { found });
  const fields: ProtobufField[] = [];
  let at = 0;
  /** In the shortest form, as serialisers write it. */
  const readVarint = (): bigint => {
    let value = 0n;
    for (let octets = 0n; octets < longestVarint; octets += 1n) {
      const octet = bytes[at];
      if (octet === undefined) throw malformed(`${what} that is cut off`);
      at += 1;
      value += BigInt(octet & 0x7f) << (7n * octets);
      if (octet >= 0x80) continue;
      if (octet === 0 && octets > 0n) throw malformed(`a number in ${what} that is not in its shortest form`);
      if (value >= limit) break;
      return value;
    }
    throw malformed(`a number in ${what} that is too large`);
  };
  while (at < bytes.length) {
    const key = readVarint();
    const number = Number(key >> 3n);
    const type = key & 7n;
    if (type === varint) fields.push({ number, value: readVarint(), content: new Uint8Array(0) });
    else if (type === lengthDelimited) {
      const length = readVarint();
      if (length > bytes.length - at) throw malformed(`${what} that is cut off`);
      fields.push({ number, value: undefined, content: bytes.subarray(at, at + Number(length)) });
      at += Number(length);
    } else throw malformed(`a field in ${what} of wire type ${String(type)}`);
  }
  return fields;
}
