// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from './json.ts';
import { readEnclaveIdentity, type EnclaveIdentity } from './enclave-identity.ts';
import { malformed, objectOf, octets } from './json-values.ts';
import { readTcbInfo, type TcbInfo } from './tcb-info.ts';

/** What Intel’s TCB signing key signed, byte for byte as received, and its signature. */
export interface SignedText {
  readonly toBeSigned: Uint8Array;
  /** r and s, 64 bytes. */
  readonly signature: Uint8Array;
}

export type SignedDocument =
  | (SignedText & { readonly kind: 'tcb-info'; readonly content: TcbInfo })
  | (SignedText & { readonly kind: 'enclave-identity'; readonly content: EnclaveIdentity });

/** Members around what is signed. `qeIdentity` is the name of version 1; which version it is, the signed text says. */
export const documentNames = ['tcbInfo', 'enclaveIdentity', 'qeIdentity'] as const;

/**
 * The document in `{"tcbInfo": …, "signature": …}` or `{"enclaveIdentity": …, "signature": …}`, `undefined` for an object that
 * is neither. The signature is over the inner object as its text was received: nothing is written anew, as Intel’s own library
 * does, so that white space moved by a tool makes a signature wrong.
 * @throws EnarxError `intel/collateral-malformed`
 */
export function readSignedDocument(object: JsonObject, source: string): SignedDocument | undefined {
  const name = documentNames.find((key) => object.has(key));
  if (name === undefined) return undefined;
  if (object.size !== 2) throw malformed(`members beside ${name} and signature`);
  const { value, start, end } = object.get(name) as NonNullable<ReturnType<JsonObject['get']>>;
  return signedDocument(
    name,
    objectOf(value, name),
    source.slice(start, end),
    octets(object, 'signature', 64),
  );
}

/** @param source - the text that `content` was read from, nothing before or behind it */
export function signedDocument(
  name: string,
  content: JsonObject,
  source: string,
  signature: Uint8Array,
): SignedDocument {
  const toBeSigned = new TextEncoder().encode(source);
  return name === 'tcbInfo'
    ? { kind: 'tcb-info', content: readTcbInfo(content), toBeSigned, signature }
    : { kind: 'enclave-identity', content: readEnclaveIdentity(content), toBeSigned, signature };
}
