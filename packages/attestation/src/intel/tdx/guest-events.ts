// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, fromHex, toHex } from '@enarx/protocol';

import { sha384 } from '../../digest.ts';
import { intelProblem } from '../problems.ts';
import { mostEvents, type MeasuredEvent } from './event-log.ts';

/** dstack’s type for what its guests measure while they run (cc-eventlog/src/runtime_events.rs). */
const runtimeEvent = 0x0800_0001;
const digestLength = 48;

/** A list, which no other endorsement is. */
export function looksLikeGuestEvents(text: string): boolean {
  return /^\s*\[/.test(text);
}

/**
 * Reads the event log that dstack’s agents hand out beside a quote: JSON, a list of `{imr, event_type, digest, event, event_payload}`.
 * The digests of boot are as the firmware logged them. Those of runtime events are computed of name and payload, so that both can be
 * believed once the registers agree; a digest that is given besides must be the same.
 * @throws EnarxError `tdx/event-log-malformed`
 */
export async function readGuestEvents(text: string): Promise<readonly MeasuredEvent[]> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw malformed('a list that is no JSON');
  }
  if (!Array.isArray(list) || list.length > mostEvents)
    throw malformed(`no list of at most ${String(mostEvents)} events`);
  return Promise.all(list.map(readEvent));
}

async function readEvent(value: unknown): Promise<MeasuredEvent> {
  const members = new Map<string, unknown>(Object.entries(Object(value) as object));
  const register = members.get('imr');
  const type = members.get('event_type');
  if (register !== 0 && register !== 1 && register !== 2 && register !== 3)
    throw malformed(`an event for register ${String(register)}`);
  if (typeof type !== 'number' || !Number.isInteger(type) || type < 0 || type > 0xffff_ffff)
    throw malformed('an event without its type');
  const given = hexIn(members, 'digest');
  const data = hexIn(members, 'event_payload');
  const digest =
    type === runtimeEvent ? await runtimeDigest(members.get('event'), data, members.get('version')) : given;
  if (digest.length !== digestLength || (given.length > 0 && compareBytes(given, digest) !== 0))
    throw malformed('an event whose digest is not SHA-384, or not of its name and payload');
  return { register, type, digest, data };
}

/** Version 1: type, name and payload with colons between them. Version 2: their JSON in canonical form (RFC 8785). */
async function runtimeDigest(name: unknown, payload: Uint8Array, version: unknown = 1): Promise<Uint8Array> {
  if (typeof name !== 'string') throw malformed('a runtime event without a name');
  const utf8 = new TextEncoder();
  if (version === 1) return sha384(concatBytes(Uint8Array.of(1, 0, 0, 8), utf8.encode(`:${name}:`), payload));
  if (version !== 2) throw malformed('a runtime event of another version than 1 and 2');
  return sha384(utf8.encode(JSON.stringify({ name, payload: toHex(payload), type: runtimeEvent })));
}

function hexIn(members: ReadonlyMap<string, unknown>, name: string): Uint8Array {
  const text = members.get(name) ?? '';
  const bytes = typeof text === 'string' ? (text === '' ? new Uint8Array() : fromHex(text)) : undefined;
  if (bytes === undefined) throw malformed(`an event whose ${name} is not hexadecimal`);
  return bytes;
}

function malformed(found: string): Error {
  return intelProblem('tdx/event-log-malformed', { found });
}
