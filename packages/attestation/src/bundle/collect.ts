// SPDX-License-Identifier: Apache-2.0
import { concatBytes, toHex } from '@enarx/protocol';

import { readEndorsements } from '../endorsements.ts';
import { untext } from '../evidence-text.ts';
import { readCollateral } from '../intel/collateral.ts';
import type { SignedDocument } from '../intel/documents.ts';
import { attestationProblem } from '../problems.ts';
import { looksLikeSevCertificates } from '../sev/platform-chain.ts';
import { titleOf } from '../x509/certificate.ts';
import { KeyCache } from '../x509/key-cache.ts';
import { looksLikeBundle, readBundle, type CollateralItem } from './bundle.ts';

/** A piece of collateral, and what it says of itself. Times in milliseconds since 1970. */
export interface CollectedItem extends CollateralItem {
  readonly title: string;
  /** `undefined` for certificates of legacy SEV, which have no dates. */
  readonly from: number | undefined;
  readonly until: number | undefined;
  /** Of a revocation list its number, of Intel’s documents the TCB evaluation data number. */
  readonly number?: bigint;
}

/**
 * What is in files of collateral: certificates, lists, Intel’s documents, certificates of legacy SEV, and bundles, in every form
 * that `--endorsements` takes. It is read, not verified.
 * @throws EnarxError `bundle/malformed` for a file that holds none of these
 */
export function collectCollateral(files: readonly Uint8Array[]): readonly CollectedItem[] {
  return files.flatMap((file, index) => itemsIn(file, index + 1));
}

function itemsIn(file: Uint8Array, number: number): readonly CollectedItem[] {
  if (looksLikeBundle(file)) return collectCollateral(readBundle(file).map(({ content }) => content));
  const text = untext(file);
  const plain = text.kind === 'bytes' ? text.bytes : file;
  if (looksLikeSevCertificates(plain))
    return [
      {
        kind: 'sev-certificate',
        content: plain,
        title: `${String(plain.length)} bytes of legacy SEV`,
        from: undefined,
        until: undefined,
      },
    ];
  // Each reader knows forms that the other does not.
  const amd = readEndorsements([file]);
  const found =
    amd.unreadable.length === 0
      ? { ...amd, documents: [], eventLogs: [] }
      : readCollateral([file], new KeyCache());
  const [reason = found.eventLogs.length > 0 ? 'an event log, which belongs to one quote' : undefined] =
    found.unreadable;
  if (reason !== undefined)
    throw attestationProblem('bundle/malformed', {
      found: `file ${String(number)}: ${reason.replace(/^endorsement 1: /, '')}`,
    });
  return [
    ...found.certificates.map((certificate): CollectedItem => ({
      kind: 'certificate',
      content: certificate.encoded,
      title: titleOf(certificate),
      from: certificate.notBefore,
      until: certificate.notAfter,
    })),
    ...found.revocationLists.map((list): CollectedItem => ({
      kind: 'revocation-list',
      content: list.encoded,
      title: list.issuer.commonName,
      from: list.thisUpdate,
      until: list.nextUpdate,
      number: list.number,
    })),
    ...found.documents.map(documentItem),
  ];
}

/** As Intel’s service answers. What is signed is copied byte for byte. */
function documentItem({ kind, content, toBeSigned, signature }: SignedDocument): CollectedItem {
  const member = kind === 'tcb-info' ? 'tcbInfo' : 'enclaveIdentity';
  const utf8 = new TextEncoder();
  return {
    kind,
    content: concatBytes(
      utf8.encode(`{"${member}":`),
      toBeSigned,
      utf8.encode(`,"signature":"${toHex(signature)}"}`),
    ),
    title: kind === 'tcb-info' ? `TCB info of FMSPC ${toHex(content.fmspc)}` : `identity ${content.id}`,
    from: content.issueDate,
    until: content.nextUpdate,
    number: BigInt(content.evaluationNumber),
  };
}
