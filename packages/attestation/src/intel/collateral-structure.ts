// SPDX-License-Identifier: Apache-2.0
import { malformed } from './json-values.ts';

/** Chain of the lists, list of the root, list of the PCK’s authority, chain and text of the TCB info, chain and text of the identity. */
const members = 7;
/** Version and kind of TEE. */
const headLength = 8;
/** A pointer, which says nothing outside of the process that wrote it, and a size filled up to eight bytes. */
const memberLength = 16;
const structureLength = headLength + members * memberLength;
/** Major and minor, as they lie in memory: 1.0 is of the service’s version 2, 3.0 and 3.1 of 3 with lists in PEM or DER, 4.0 of 4. */
const versions: readonly number[] = [0x1, 0x3, 0x1_0003, 0x4];
const teeTypes: readonly number[] = [0, 0x81];

/**
 * Pieces of collateral in `sgx_ql_qve_collateral_t` (sgx_qve_header.h of Intel’s DCAP), which quote providers hand over, written as it
 * lies in memory with its members behind it, `undefined` for anything else.
 * @throws EnarxError `intel/collateral-malformed`
 */
export function readCollateralStructure(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  if (bytes.length < structureLength) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!versions.includes(view.getUint32(0, true)) || !teeTypes.includes(view.getUint32(4, true)))
    return undefined;
  let at = structureLength;
  const parts = Array.from({ length: members }, (_, index) => {
    const size = view.getUint32(headLength + index * memberLength + 8, true);
    at += size;
    return bytes.subarray(at - size, at);
  });
  if (at !== bytes.length)
    throw malformed(`${String(bytes.length)} bytes of a collateral structure`, String(at));
  return parts;
}
