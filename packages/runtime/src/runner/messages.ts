// SPDX-License-Identifier: Apache-2.0
//
// Messages in the runner. Its supervisor comes from the same release and has checked them, by schemas whose library the runner would load for nothing: 3 ms of a start.
import {
  decodePlain,
  encodeCbor,
  maxFramePayload,
  type CborValue,
  type MessageType,
  type Of,
} from '@enarx/protocol';

/** What a frame of the supervisor's carries. */
export function readMessage<M extends MessageType<unknown>>(payload: Uint8Array): Of<M> {
  return decodePlain(payload, maxFramePayload) as Of<M>;
}

/** The payload of a frame. The supervisor checks it. */
export function writeMessage<M extends MessageType<unknown>>(value: Of<M>): Uint8Array {
  return encodeCbor(value as CborValue);
}
