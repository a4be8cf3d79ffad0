// SPDX-License-Identifier: Apache-2.0
import { joinBytes } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';

/** ID1 and ID2 (RFC 1952 section 2.3.1), and the only method of compression there is. */
export const looksLikeGzip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;

/**
 * What was compressed, whole: checksum and length are right and nothing follows.
 * @param most - bytes; a thousand times as much may hide in what arrives
 * @throws EnarxError `evidence/malformed`, `evidence/too-large`
 */
export async function gunzip(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  // Fails together with the reading side, where it is reported.
  const written = Promise.allSettled([writer.write(bytes as Uint8Array<ArrayBuffer>), writer.close()]);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) break;
      size += value.length;
      if (size > most) {
        await reader.cancel();
        throw attestationProblem('evidence/too-large', {
          found: `more than ${String(most)} bytes out of ${String(bytes.length)} of gzip`,
        });
      }
      chunks.push(value);
    }
  } catch (cause) {
    if (size > most) throw cause;
    throw attestationProblem('evidence/malformed', { found: 'gzip that cannot be read to its end', cause });
  } finally {
    await written;
  }
  return joinBytes(chunks);
}
