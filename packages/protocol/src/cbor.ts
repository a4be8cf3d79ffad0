// SPDX-License-Identifier: Apache-2.0
export { decodeCbor } from './cbor/decode.ts';
export { encodeCbor } from './cbor/encode.ts';
export { maxCborDepth, type CborValue } from './cbor/value.ts';
