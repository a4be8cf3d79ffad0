// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { utcTime } from '@enarx/attestation/der';
import { signP256 } from './authority.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Anything that JSON can hold; members in the order in which they are written. */
export type JsonDocument = Readonly<Record<string, unknown>>;

/** A document as Intel's service serves it: compact JSON, the signature over the inner object's text. `qeIdentity` until 2019. */
export async function signDocument(
  name: 'tcbInfo' | 'enclaveIdentity' | 'qeIdentity',
  content: JsonDocument,
  key: CryptoKey,
): Promise<Bytes> {
  const inner = JSON.stringify(content);
  const signature = toHex(await signP256(key, new TextEncoder().encode(inner)));
  return new TextEncoder().encode(`{"${name}":${inner},"signature":"${signature}"}`);
}

/** As Intel writes times. @param milliseconds - since 1970, whole seconds */
export function documentTime(milliseconds: number): string {
  const { year, month, day, hour, minute, second } = utcTime(milliseconds);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${String(year)}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}Z`;
}

export interface DocumentDates {
  readonly issueDate: number;
  readonly nextUpdate: number;
  readonly evaluationNumber: number;
}

const dates = ({ issueDate, nextUpdate }: DocumentDates): JsonDocument => ({
  issueDate: documentTime(issueDate),
  nextUpdate: documentTime(nextUpdate),
});
const zeros = (bytes: number): string => '00'.repeat(bytes);
const hex = (bytes: Uint8Array): string => toHex(bytes).toUpperCase();

export interface PlatformLevel {
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** Of TDX only. */
  readonly tdxComponents: readonly number[];
}

/** TCB info of version 3 with one level, which is up to date. */
export function tcbInfoOf(
  tee: 'SGX' | 'TDX',
  platform: { readonly fmspc: Uint8Array; readonly pceId: Uint8Array },
  { components, pceSvn, tdxComponents }: PlatformLevel,
  { moduleVersion, moduleSvn }: { readonly moduleVersion: number; readonly moduleSvn: number },
  when: DocumentDates,
): JsonDocument {
  const date = documentTime(when.issueDate);
  const module = { mrsigner: zeros(48), attributes: zeros(8), attributesMask: 'FF'.repeat(8) };
  const svns = (values: readonly number[]): readonly JsonDocument[] => values.map((svn) => ({ svn }));
  return {
    id: tee,
    version: 3,
    ...dates(when),
    fmspc: hex(platform.fmspc),
    pceId: hex(platform.pceId),
    tcbType: 0,
    tcbEvaluationDataNumber: when.evaluationNumber,
    ...(tee === 'SGX'
      ? {}
      : {
          tdxModule: module,
          tdxModuleIdentities: [
            {
              id: `TDX_${moduleVersion.toString(16).toUpperCase().padStart(2, '0')}`,
              ...module,
              tcbLevels: [{ tcb: { isvsvn: moduleSvn }, tcbDate: date, tcbStatus: 'UpToDate' }],
            },
          ],
        }),
    tcbLevels: [
      {
        tcb: {
          sgxtcbcomponents: svns(components),
          pcesvn: pceSvn,
          ...(tee === 'SGX' ? {} : { tdxtcbcomponents: svns(tdxComponents) }),
        },
        tcbDate: date,
        tcbStatus: 'UpToDate',
      },
    ],
  };
}

/** Enclave identity of version 2 with one level, which is up to date. */
export function identityOf(
  id: 'QE' | 'TD_QE',
  {
    mrSigner,
    isvProdId,
    isvSvn,
  }: { readonly mrSigner: Uint8Array; readonly isvProdId: number; readonly isvSvn: number },
  when: DocumentDates,
): JsonDocument {
  return {
    id,
    version: 2,
    ...dates(when),
    tcbEvaluationDataNumber: when.evaluationNumber,
    miscselect: zeros(4),
    miscselectMask: 'FFFFFFFF',
    attributes: `11${zeros(15)}`,
    attributesMask: `FB${'FF'.repeat(7)}${zeros(8)}`,
    mrsigner: hex(mrSigner),
    isvprodid: isvProdId,
    tcbLevels: [{ tcb: { isvsvn: isvSvn }, tcbDate: documentTime(when.issueDate), tcbStatus: 'UpToDate' }],
  };
}
