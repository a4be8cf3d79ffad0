// SPDX-License-Identifier: Apache-2.0

/** Runtime data of an Azure confidential VM, bound to the report by its hash (REPORT_DATA[0:32] = SHA-256 of the JSON). */
export interface AzureRuntimeData {
  /** The JSON as hashed. */
  readonly json: Uint8Array;
  /** SHA-256 of the JSON, 32 bytes. */
  readonly digest: Uint8Array;
  /** `kid` of each key in it, `HCLAkPub` among them. */
  readonly keyIds: readonly string[];
}
