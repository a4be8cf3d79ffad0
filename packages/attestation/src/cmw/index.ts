// SPDX-License-Identifier: Apache-2.0
export * from './cmw.ts';
export { contentFormatOfTag, tagOfContentFormat } from './content-format.ts';
export { readCmw } from './read.ts';
export { unwrapEvidence, type Unwrapped } from './unwrap.ts';
export { writeCborCmw, writeJsonCmw } from './write.ts';
