// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from './json.ts';
import { malformed, octets, oneOf, time, whole } from './json-values.ts';
import { readDates, readSvnLevels, type Dated, type SvnLevel } from './tcb-info.ts';
import { enclaveStatuses, type EnclaveStatus } from './tcb-status.ts';

/** Who a quoting enclave of Intel’s is (PCS API, “enclave identity”). */
export interface EnclaveIdentity extends Dated {
  readonly version: 1 | 2;
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

/** @throws EnarxError `intel/collateral-malformed` */
export function readEnclaveIdentity(content: JsonObject): EnclaveIdentity {
  const version = whole(content, 'version', 255);
  if (version !== 1 && version !== 2)
    throw malformed(`an enclave identity of version ${String(version)}`, '1 or 2');
  return {
    version,
    ...(version === 1 ? firstVersion(content) : secondVersion(content)),
    miscSelect: octets(content, 'miscselect', 4),
    miscSelectMask: octets(content, 'miscselectMask', 4),
    attributes: octets(content, 'attributes', 16),
    attributesMask: octets(content, 'attributesMask', 16),
    mrSigner: octets(content, 'mrsigner', 32),
    isvProdId: whole(content, 'isvprodid', 0xffff),
  };
}

type Versioned = Pick<EnclaveIdentity, 'id' | 'levels' | keyof Dated>;

/**
 * As Intel’s service answered until 2019 and its library read until DCAP 1.12 (EnclaveIdentityV1.cpp): of the QE of SGX, the only one
 * there was; one SVN, from which on the enclave is up to date and below which it is not. It has no evaluation number, so that any
 * minimum of a policy refuses it, and no date but its own.
 */
function firstVersion(content: JsonObject): Versioned {
  const issueDate = time(content, 'issueDate');
  const isvSvn = whole(content, 'isvsvn', 0xffff);
  const level = (least: number, status: EnclaveStatus): SvnLevel<EnclaveStatus> => ({
    isvSvn: least,
    status,
    date: issueDate,
    advisories: [],
  });
  return {
    id: 'QE',
    issueDate,
    nextUpdate: time(content, 'nextUpdate'),
    evaluationNumber: 0,
    levels: [level(isvSvn, 'UpToDate'), level(0, 'OutOfDate')],
  };
}

function secondVersion(content: JsonObject): Versioned {
  return {
    id: oneOf(content, 'id', ['QE', 'TD_QE', 'QVE', 'QAE'] as const),
    ...readDates(content),
    // Of two levels for one SVN the later one counts, as in Intel’s library (IdentityTcbLevel.cpp).
    levels: readSvnLevels(content, enclaveStatuses, (a, b) => a.isvSvn - b.isvSvn || a.date - b.date),
  };
}
