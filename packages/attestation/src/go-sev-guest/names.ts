// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';

/** A message by the names of its fields. */
export type NamedMessage = ReadonlyMap<string, bigint | Uint8Array | NamedMessage>;

/** Fields of `sevsnp.Report`; the first has the number 1. */
const reportFields = [
  ...['version', 'guest_svn', 'policy', 'family_id', 'image_id', 'vmpl', 'signature_algo', 'current_tcb'],
  ...['platform_info', 'signer_info', 'report_data', 'measurement', 'host_data', 'id_key_digest'],
  ...['author_key_digest', 'report_id', 'report_id_ma', 'reported_tcb', 'chip_id', 'committed_tcb'],
  ...['current_build', 'current_minor', 'current_major', 'committed_build', 'committed_minor'],
  ...['committed_major', 'launch_tcb', 'signature', 'cpuid1eax_fms', 'launch_mit_vector'],
  'current_mit_vector',
];
/** Those that are bytes. */
const octetFields: ReadonlySet<string> = new Set([
  ...['family_id', 'image_id', 'report_data', 'measurement', 'host_data', 'id_key_digest'],
  ...['author_key_digest', 'report_id', 'report_id_ma', 'chip_id', 'signature'],
]);
const report: ReadonlyMap<string, number> = new Map(reportFields.map((name, index) => [name, index + 1]));
const chain: ReadonlyMap<string, number> = new Map([
  ['vcek_cert', 1],
  ['ask_cert', 2],
  ['ark_cert', 3],
  ['vlek_cert', 6],
]);

export const isNumber = (name: string): boolean => report.has(name) && !octetFields.has(name);

/**
 * An attestation of go-sev-guest as its serialiser writes it, out of the names that its text and JSON have. Other messages of it are left
 * out, as nothing reads them.
 * @throws EnarxError `evidence/malformed`
 */
export function encodeAttestation(attestation: NamedMessage): Uint8Array {
  return concatBytes(
    field(1, encodeMessage(attestation.get('report'), report)),
    field(2, encodeMessage(attestation.get('certificate_chain') ?? new Map(), chain)),
  );
}

function encodeMessage(
  message: bigint | Uint8Array | NamedMessage | undefined,
  numbers: ReadonlyMap<string, number>,
): Uint8Array {
  if (!(message instanceof Map)) throw malformed('an attestation of go-sev-guest without its messages');
  const fields = [...(message as NamedMessage)].flatMap(([name, value]) => {
    const number = numbers.get(name);
    // What is not known is left out only where no signature would miss it.
    if (number === undefined && numbers === chain) return [];
    if (number === undefined || value instanceof Map || isNumber(name) !== (typeof value === 'bigint'))
      throw malformed(`the field ${name} in an attestation of go-sev-guest`);
    return [field(number, value as bigint | Uint8Array)];
  });
  return concatBytes(...fields);
}

function field(number: number, value: bigint | Uint8Array): Uint8Array {
  return typeof value === 'bigint'
    ? concatBytes(varint(BigInt(number << 3)), varint(value))
    : concatBytes(varint(BigInt((number << 3) | 2)), varint(BigInt(value.length)), value);
}

/** @param value - of a number; what is 2^64 or more is told of by the reader */
function varint(value: bigint): Uint8Array {
  const octets: number[] = [];
  let left = value;
  for (; left > 0x7fn; left >>= 7n) octets.push(Number(left & 0x7fn) | 0x80);
  return Uint8Array.from([...octets, Number(left)]);
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
