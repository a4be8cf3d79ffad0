// SPDX-License-Identifier: Apache-2.0
import type { Revocation } from '../x509/revocation.ts';
import type { IntelCollateralClaims } from './claims.ts';
import type { Selection } from './selection.ts';

const millisecondsInDay = 86_400_000;

/** What the documents and lists that count say of themselves, `undefined` while one is missing. */
export function collateralClaims(
  { tcbInfo, identity, pckList, rootList }: Selection,
  revocation: Revocation,
  at: number,
): IntelCollateralClaims | undefined {
  if (tcbInfo === undefined || identity === undefined || pckList === undefined || rootList === undefined)
    return undefined;
  const documents = [tcbInfo.content, identity.content];
  const issued = Math.min(...documents.map(({ issueDate }) => issueDate));
  const days = (from: number): number => Math.floor((at - from) / millisecondsInDay);
  return {
    evaluationNumber: Math.min(...documents.map(({ evaluationNumber }) => evaluationNumber)),
    oldest: Math.min(issued, pckList.thisUpdate, rootList.thisUpdate),
    nextUpdate: Math.min(...[...documents, pckList, rootList].map(({ nextUpdate }) => nextUpdate)),
    documentAge: days(issued),
    pckCrlAge: days(pckList.thisUpdate),
    rootCrlAge: days(rootList.thisUpdate),
    pckCrlNumber: pckList.number,
    rootCrlNumber: rootList.number,
    revocation,
  };
}
