// SPDX-License-Identifier: Apache-2.0
import { compareBytes, concatBytes, toHex } from '@enarx/protocol';

import { failed, notApplicable, passed, type Outcome, type CheckTable } from '../checks.ts';
import { sha256 } from '../digest.ts';
import type { AzureRuntimeData, TpmQuote } from './runtime-data.ts';

export const azureChecks = {
  'azure/runtime-data':
    'REPORT_DATA is the SHA-256 of the runtime data that Azure’s paravisor put beside the report.',
  'azure/quote':
    'The TPM quote beside the report is signed by the key in the runtime data and covers the given PCRs.',
} as const satisfies CheckTable;

const notAzure = notApplicable('the evidence is not wrapped by Azure');

/** REPORT_DATA[0:32] = SHA-256 of the JSON, the other half zero, over all 64 bytes. */
export function checkRuntimeData(azure: AzureRuntimeData | undefined, reportData: Uint8Array): Outcome {
  if (azure === undefined) return notAzure;
  const bound = compareBytes(reportData, concatBytes(azure.digest, new Uint8Array(32))) === 0;
  return bound
    ? passed(`REPORT_DATA is the digest of ${String(azure.json.length)} bytes of runtime data`)
    : failed(`the runtime data has the SHA-256 ${toHex(azure.digest)}, the report has ${toHex(reportData)}`);
}

export async function checkQuote(azure: AzureRuntimeData | undefined): Promise<Outcome> {
  if (azure === undefined) return notAzure;
  const { quote, attestationKey } = azure;
  if (quote === undefined)
    return notApplicable('no TPM quote came with the report: nothing shows that it is fresh');
  if (attestationKey === undefined)
    return failed('the runtime data holds no HCLAkPub to check the TPM quote with');
  if (!(await verifyQuote(quote, attestationKey)))
    return failed('the signature of the TPM quote by HCLAkPub is wrong');
  const digest = await sha256(concatBytes(...quote.pcrs));
  return compareBytes(digest, quote.pcrDigest) === 0
    ? passed(`signed by HCLAkPub, ${String(quote.pcrs.length)} PCRs, extra data ${toHex(quote.extraData)}`)
    : failed(`the PCRs have the digest ${toHex(digest)}, the quote says ${toHex(quote.pcrDigest)}`);
}

async function verifyQuote({ message, signature }: TpmQuote, { kty, n, e }: JsonWebKey): Promise<boolean> {
  try {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const jwk: JsonWebKey = { kty: kty ?? '', n: n ?? '', e: e ?? '' };
    const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
    return await crypto.subtle.verify(
      algorithm,
      key,
      signature as Uint8Array<ArrayBuffer>,
      message as Uint8Array<ArrayBuffer>,
    );
  } catch {
    return false;
  }
}
