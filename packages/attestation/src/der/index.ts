// SPDX-License-Identifier: Apache-2.0
export { utcTime, type UtcTime } from '../calendar.ts';
export * from './reader.ts';
export * from './tags.ts';
export * from './values.ts';
export * from './writer.ts';
