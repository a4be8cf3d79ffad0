// SPDX-License-Identifier: Apache-2.0
export * from './bytes.ts';
export * from './cbor.ts';
export * from './errors.ts';
export * from './frames.ts';
export * from './keep-id.ts';
export { decodeMessage, encodeMessage, type MessageType, type Of } from './message.ts';
export * from './launch-secret.ts';
export * from './messages.ts';
export * from './nearest-word.ts';
export { decodePlain } from './plain-value.ts';
export * from './problem-details.ts';
export * from './problems.ts';
export * from './report-data.ts';
export * from './text.ts';
