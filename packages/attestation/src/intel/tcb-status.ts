// SPDX-License-Identifier: Apache-2.0

/** Statuses that Intel signs for a level of a platform (Intel PCS API, TCB info). */
export const platformStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const;

/** Of a quoting enclave. */
export const enclaveStatuses = [
  'UpToDate',
  'ConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const;

/** Of a TDX module. */
export const moduleStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const;

/** What a TCB as a whole comes to; the last two only for a guest whose TDX module was updated beneath it. */
export const tcbStatuses = [
  ...platformStatuses,
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
] as const;

export type PlatformStatus = (typeof platformStatuses)[number];
export type EnclaveStatus = (typeof enclaveStatuses)[number];
export type ModuleStatus = (typeof moduleStatuses)[number];
export type TcbStatus = (typeof tcbStatuses)[number];
