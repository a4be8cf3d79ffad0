// SPDX-License-Identifier: Apache-2.0
export { encodeCertificateTable, type CertificateTableEntry } from './certificate-table.ts';
export { createSimulatedProcessor } from './create.ts';
export { exportProcessor, importProcessor } from './processor-file.ts';
export { certificatesOf } from './processor.ts';
export type { SimulatedLaunch, SimulatedProcessor, UnwantedReport } from './processor.ts';
export * from './problems.ts';
export { reportLength, signedLength, type ReportFields } from './report.ts';
