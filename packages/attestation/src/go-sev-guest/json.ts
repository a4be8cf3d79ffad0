// SPDX-License-Identifier: Apache-2.0
import { bytesOfText } from '../evidence-text.ts';
import { attestationProblem } from '../problems.ts';
import { encodeAttestation, isNumber, type NamedMessage } from './names.ts';

/**
 * go-sev-guest's attestation out of the JSON form of Protocol Buffers, as serialised: names in camel case, bytes in base64, numbers of
 * 64 bits in text.
 * @param report - the member `report`
 * @param chain - the member `certificateChain`, `undefined` where there is none
 * @throws EnarxError `evidence/malformed`
 */
export function readGoSevGuestJson(report: object, chain: unknown): Uint8Array {
  const certificates = typeof chain === 'object' && chain !== null ? chain : {};
  return encodeAttestation(
    new Map([
      ['report', namedOf(report)],
      ['certificate_chain', namedOf(certificates)],
    ]),
  );
}

function namedOf(message: object): NamedMessage {
  return new Map(
    Object.entries(message).map(([member, value]: [string, unknown]) => {
      const name = member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const read = isNumber(name) ? numberOf(value) : bytesIn(value);
      if (read === undefined)
        throw attestationProblem('evidence/malformed', {
          found: `the member ${member} in JSON of go-sev-guest`,
        });
      return [name, read];
    }),
  );
}

function numberOf(value: unknown): bigint | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}

/** Empty bytes are empty text. What is no text is a message that nothing reads. */
function bytesIn(value: unknown): Uint8Array | NamedMessage | undefined {
  if (typeof value === 'object') return new Map();
  if (typeof value !== 'string') return undefined;
  return value === '' ? new Uint8Array(0) : bytesOfText(value);
}
