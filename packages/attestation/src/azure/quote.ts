// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import type { TpmQuote } from './runtime-data.ts';

const generatedValue = 0xff54_4347;
const attestQuote = 0x8018;
const sha256Algorithm = 0x000b;
/** clockInfo and firmwareVersion, which we do not judge. */
const clockAndFirmwareLength = 17 + 8;

/**
 * Reads a TPMS_ATTEST of a quote (TPM 2.0 library, part 2, sections 10.12.1 and 10.12.8; numbers are big-endian).
 * @param pcrs - values that came beside it, of every register or of the selected ones
 * @throws EnarxError `azure/malformed`
 */
export function readTpmQuote(
  message: Uint8Array,
  signature: Uint8Array,
  pcrs: readonly Uint8Array[],
): TpmQuote {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let at = 0;
  const take = (length: number): number => {
    if (length > message.length - at) throw malformed('a quote that is cut off');
    at += length;
    return at - length;
  };
  const u16 = (): number => view.getUint16(take(2));
  const sized = (): Uint8Array => {
    const length = u16();
    const start = take(length);
    return message.subarray(start, start + length);
  };
  if (view.getUint32(take(4)) !== generatedValue || u16() !== attestQuote)
    throw malformed('a message that is no TPM quote');
  sized();
  const extraData = sized();
  take(clockAndFirmwareLength);
  // One bank, SHA-256: a selection over several would need the values of each.
  if (view.getUint32(take(4)) !== 1 || u16() !== sha256Algorithm)
    throw malformed('a quote over other than SHA-256 PCRs');
  const selectLength = view.getUint8(take(1));
  const selectStart = take(selectLength);
  const pcrSelection = Array.from({ length: 8 * selectLength }, (_, number) => number).filter(
    (number) => (view.getUint8(selectStart + (number >> 3)) & (1 << (number & 7))) !== 0,
  );
  const pcrDigest = sized();
  if (at !== message.length) throw malformed('data behind the quote');
  const selected = pcrs.length === pcrSelection.length ? pcrs : pcrSelection.map((number) => pcrs[number]);
  if (selected.some((value) => value?.length !== 32))
    throw malformed('a PCR that is missing or not 32 bytes long');
  return { message, signature, extraData, pcrDigest, pcrSelection, pcrs: selected as Uint8Array[] };
}

function malformed(found: string): Error {
  return attestationProblem('azure/malformed', { found });
}
