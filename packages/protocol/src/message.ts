// SPDX-License-Identifier: Apache-2.0
import * as v from 'valibot';

import { encodeCbor, type CborValue } from './cbor.ts';
import { decodePlain } from './plain-value.ts';
import { protocolProblem } from './problems.ts';
import { cutText } from './text.ts';

/** A message: its rule in enarx.cddl, its largest size, and the TypeScript twin of the rule. */
export interface MessageType<T> {
  /** Name of the rule in enarx.cddl. */
  readonly name: string;
  /** Largest encoding in bytes. */
  readonly maxBytes: number;
  readonly schema: v.GenericSchema<T>;
}

const longestFound = 160;

/** The value that a message carries. */
export type Of<M> = M extends MessageType<infer T> ? T : never;

export function messageType<T>(name: string, maxBytes: number, schema: v.GenericSchema<T>): MessageType<T> {
  return { name, maxBytes, schema };
}

/** @throws EnarxError `message/invalid` when the value is not one that the receiver would accept; `cbor/too-large` */
export function encodeMessage<T>(type: MessageType<T>, value: T): Uint8Array {
  const bytes = encodeCbor(check(type, value) as CborValue);
  if (bytes.length > type.maxBytes) {
    throw protocolProblem('cbor/too-large', {
      found: `${type.name} of ${String(bytes.length)} bytes`,
      expected: `at most ${String(type.maxBytes)}`,
    });
  }
  return bytes;
}

/** @throws EnarxError any `cbor/…`, or `message/invalid` */
export function decodeMessage<T>(type: MessageType<T>, bytes: Uint8Array): T {
  return check(type, decodePlain(bytes, type.maxBytes));
}

function check<T>(type: MessageType<T>, value: unknown): T {
  const result = v.safeParse(type.schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const where = v.getDotPath(issue);
  throw protocolProblem('message/invalid', {
    // The value is the sender's and may be long.
    found: cutText(`${type.name}${where === null ? '' : `.${where}`}: ${issue.received}`, longestFound),
    // What valibot cannot describe the schema says in its message.
    expected: issue.expected === null || issue.type === 'custom' ? issue.message : issue.expected,
  });
}
