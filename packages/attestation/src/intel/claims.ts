// SPDX-License-Identifier: Apache-2.0
import type { AzureRuntimeData } from '../azure/runtime-data.ts';
import type { Revocation } from '../x509/revocation.ts';
import type { Platform } from './pck.ts';
import type { SgxReport } from './sgx/report.ts';
import type { TcbEvaluation } from './tcb-level.ts';
import type { TdReport } from './tdx/report.ts';

/** What quotes of SGX and TDX say alike. */
export interface IntelClaims {
  readonly quote: {
    readonly version: 3 | 4 | 5;
    /** 20: what the quoting enclave put there; the first 16 name the platform to its own host. */
    readonly userData: Uint8Array;
    /** The quoting enclave. */
    readonly enclave: SgxReport;
    /** What stands behind the quote and its report data is the SHA-256 of, as Open Enclave’s custom claims do; `undefined` without. */
    readonly claims: Uint8Array | undefined;
  };
  /** What the PCK certificate says; `undefined` without one that can be read. */
  readonly platform: Platform | undefined;
  /** `undefined` where no level of Intel’s applies. */
  readonly tcb: TcbEvaluation | undefined;
  /** What Intel’s documents say of themselves; `undefined` while they are not complete. */
  readonly collateral: IntelCollateralClaims | undefined;
}

export interface IntelCollateralClaims {
  /** The lower one of TCB info and enclave identity. */
  readonly evaluationNumber: number;
  /** When the oldest of documents and lists was issued and when the first of them is due, in milliseconds since 1970. */
  readonly oldest: number;
  readonly nextUpdate: number;
  /** At the time of verification, in whole days: the older one of the documents, the list of the PCK’s authority, that of the root. */
  readonly documentAge: number;
  readonly pckCrlAge: number;
  readonly rootCrlAge: number;
  /** Numbers of the lists of the PCK’s authority and of the root. */
  readonly pckCrlNumber: bigint;
  readonly rootCrlNumber: bigint;
  readonly revocation: Revocation;
}

/** What an SGX quote says, for a policy to look at. */
export interface SgxClaims extends IntelClaims {
  readonly format: 'sgx';
  readonly report: SgxReport;
}

/** What a TDX quote says, for a policy to look at. */
export interface TdxClaims extends IntelClaims {
  readonly format: 'tdx';
  readonly report: TdReport;
  /** Beside the quote of a guest of Azure’s. */
  readonly azure: AzureRuntimeData | undefined;
}
