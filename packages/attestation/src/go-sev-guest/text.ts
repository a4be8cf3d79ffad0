// SPDX-License-Identifier: Apache-2.0
import { joinBytes } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { encodeAttestation, type NamedMessage } from './names.ts';

/** Bytes in which the text must show what it is. */
const lookedAt = 64;

/** Whether bytes are the text form of go-sev-guest's attestation: `report`, which its writer puts first. */
export const looksLikeGoSevGuestText = (bytes: Uint8Array): boolean =>
  /^\s*report\s*:?\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, lookedAt)));

/** One token: a comment or white space, a name, a number, a text, or a sign. */
const token = /\s+|#[^\n]*|([A-Za-z_]\w*)|(\d{1,20})|"((?:[^"\\\n]|\\.)*)"|([:{},;])/y;
/** `extras` is the deepest of the real ones: attestation, chain, entry. */
const deepest = 4;

/**
 * go-sev-guest's attestation out of the text form of Protocol Buffers, as serialised.
 * @throws EnarxError `evidence/malformed`
 */
export function readGoSevGuestText(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  let at = 0;
  /** Kind and content of the next token, `undefined` at the end. */
  const next = (): { name?: string; number?: string; quoted?: string; sign?: string } | undefined => {
    while (at < text.length) {
      token.lastIndex = at;
      const match = token.exec(text);
      if (match === null) throw malformed(`character ${String(at)}`);
      at = token.lastIndex;
      const [, name, number, quoted, sign] = match;
      if (name !== undefined) return { name };
      if (number !== undefined) return { number };
      if (quoted !== undefined) return { quoted };
      if (sign !== undefined) return { sign };
    }
    return undefined;
  };
  const readMessage = (depth: number): NamedMessage => {
    if (depth > deepest) throw malformed(`more than ${String(deepest)} messages in each other`);
    const fields = new Map<string, bigint | Uint8Array | NamedMessage>();
    for (let before = next(); before !== undefined; before = next()) {
      if (before.sign === '}' && depth > 0) return fields;
      if (before.sign === ',' || before.sign === ';') continue;
      const { name } = before;
      if (name === undefined) throw malformed(`character ${String(at)}`);
      let value = next();
      if (value?.sign === ':') value = next();
      if (fields.has(name) && name !== 'extras') throw malformed(`the field ${name} twice`);
      if (value?.sign === '{') fields.set(name, readMessage(depth + 1));
      else if (value?.number !== undefined) fields.set(name, BigInt(value.number));
      else if (value?.quoted !== undefined) fields.set(name, unquote(value.quoted));
      // A name for a value is an enumeration's, of which nothing that is read here has one.
      else if (value?.name === undefined) throw malformed(`the field ${name}`);
    }
    if (depth > 0) throw malformed('a message without its end');
    return fields;
  };
  return encodeAttestation(readMessage(0));
}

const escapes: Readonly<Record<string, number>> = {
  ...{ a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 },
  ...{ '"': 0x22, "'": 0x27, '\\': 0x5c, '?': 0x3f },
};

/** Bytes that make UTF-8 by chance stand as the characters that they make. */
function unquote(quoted: string): Uint8Array {
  const utf8 = new TextEncoder();
  return joinBytes(
    (quoted.match(/[^\\]+|\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3}|\\./gsu) ?? []).map((part) => {
      if (!part.startsWith('\\')) return utf8.encode(part);
      const escaped = part.slice(1);
      const byte = /^x./.test(escaped)
        ? parseInt(escaped.slice(1), 16)
        : /^\d/.test(escaped)
          ? parseInt(escaped, 8)
          : escapes[escaped];
      if (byte === undefined || !(byte <= 0xff)) throw malformed(`the escape ${part}`);
      return Uint8Array.of(byte);
    }),
  );
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found: `${found} in text of go-sev-guest` });
}
