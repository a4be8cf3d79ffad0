// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from './json.ts';
import { malformed, octets, oneOf, whole } from './json-values.ts';
import { readDates, readSvnLevels, type Dated, type SvnLevel } from './tcb-info.ts';
import { enclaveStatuses, type EnclaveStatus } from './tcb-status.ts';

/** Who a quoting enclave of Intel’s is (PCS API, “enclave identity”), version 2. */
export interface EnclaveIdentity extends Dated {
  /** QE quotes for SGX, TD_QE for TDX; the others quote for nobody. */
  readonly id: 'QE' | 'TD_QE' | 'QVE' | 'QAE';
  /** 4 each, as MISCSELECT lies in a report. */
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  /** 16 each. */
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  /** 32. */
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  /** Highest SVN first. */
  readonly levels: readonly SvnLevel<EnclaveStatus>[];
}

/**
 * Version 1 had no levels, was served until 2019 and is refused by Intel’s library as well.
 * @throws EnarxError `intel/collateral-malformed`
 */
export function readEnclaveIdentity(content: JsonObject): EnclaveIdentity {
  const version = whole(content, 'version', 255);
  if (version !== 2) throw malformed(`an enclave identity of version ${String(version)}`, '2');
  return {
    id: oneOf(content, 'id', ['QE', 'TD_QE', 'QVE', 'QAE'] as const),
    ...readDates(content),
    miscSelect: octets(content, 'miscselect', 4),
    miscSelectMask: octets(content, 'miscselectMask', 4),
    attributes: octets(content, 'attributes', 16),
    attributesMask: octets(content, 'attributesMask', 16),
    mrSigner: octets(content, 'mrsigner', 32),
    isvProdId: whole(content, 'isvprodid', 0xffff),
    levels: readSvnLevels(content, enclaveStatuses),
  };
}
