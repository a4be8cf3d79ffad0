// SPDX-License-Identifier: Apache-2.0
//
// Messages of the D-Bus Specification 0.41, "Message Format".
import { Marshaller } from './marshal.ts';
import type { DbusValue, Variant } from './signature.ts';
import { Unmarshaller } from './unmarshal.ts';

const fixedPart = 16;
const littleEndian = 0x6c;
const protocolVersion = 1;
/** The specification allows 128 MiB; nothing that is asked for here comes near this. */
const largest = 16_777_216;

export const messageKind = { call: 1, reply: 2, error: 3, signal: 4 } as const;
const field = {
  path: 1,
  interface: 2,
  member: 3,
  error: 4,
  replyTo: 5,
  destination: 6,
  signature: 8,
} as const;

export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Types of the body; no body without it. */
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

/** What came, as far as anybody here asks for it. */
export interface Message {
  readonly kind: number;
  /** Serial of the call that it answers. */
  readonly replyTo: number | undefined;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Name of the error. */
  readonly error: string;
  readonly body: readonly DbusValue[];
}

export function encodeCall(serial: number, call: MethodCall): Buffer {
  const { signature = '', body = [] } = call;
  const fields: DbusValue[] = [
    [field.path, { signature: 'o', value: call.path }],
    [field.interface, { signature: 's', value: call.interface }],
    [field.member, { signature: 's', value: call.member }],
    [field.destination, { signature: 's', value: call.destination }],
    ...(signature === '' ? [] : [[field.signature, { signature: 'g', value: signature }]]),
  ];
  const content = new Marshaller().write(signature, body).bytes;
  const head = new Marshaller()
    .write('yyyyuua(yv)', [
      littleEndian,
      messageKind.call,
      0,
      protocolVersion,
      content.length,
      serial,
      fields,
    ])
    .align(8);
  return Buffer.concat([head.bytes, content]);
}

/**
 * Takes the first message off what has come.
 * @returns the message and the bytes that it took, or `undefined` when it is not whole yet
 * @throws RangeError, TypeError when it is none
 */
export function decodeMessage(bytes: Buffer): [message: Message, length: number] | undefined {
  if (bytes.length < fixedPart) return undefined;
  if (bytes.readUInt8(0) !== littleEndian) throw new RangeError('a message of another byte order');
  if (bytes.readUInt8(3) !== protocolVersion) throw new RangeError('a message of another version');
  const bodyLength = bytes.readUInt32LE(4);
  const fieldsLength = bytes.readUInt32LE(12);
  const headLength = Math.ceil((fixedPart + fieldsLength) / 8) * 8;
  const length = headLength + bodyLength;
  if (length > largest) throw new RangeError('a message that is too large');
  if (bytes.length < length) return undefined;
  const head = new Unmarshaller(bytes.subarray(0, headLength), fixedPart - 4);
  const [fields] = head.read('a(yv)') as [readonly [number, Variant][]];
  const table = new Map(fields.map(([code, { value }]) => [code, value]));
  const text = (code: number): string => {
    const value = table.get(code);
    return typeof value === 'string' ? value : '';
  };
  const replyTo = table.get(field.replyTo);
  const message = {
    kind: bytes.readUInt8(1),
    replyTo: typeof replyTo === 'number' ? replyTo : undefined,
    path: text(field.path),
    interface: text(field.interface),
    member: text(field.member),
    error: text(field.error),
    body: new Unmarshaller(bytes.subarray(headLength, length)).read(text(field.signature)),
  };
  return [message, length];
}
