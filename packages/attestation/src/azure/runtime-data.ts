// SPDX-License-Identifier: Apache-2.0
import { sha256 } from '../digest.ts';

/**
 * What Azure's paravisor puts beside a report. It stands between host and guest and asks for one report at boot; the guest proves
 * freshness by a TPM quote under a key that the report binds.
 */
export interface AzureRuntimeData {
  /** The JSON as hashed into REPORT_DATA. */
  readonly json: Uint8Array;
  /** SHA-256 of the JSON, 32 bytes. */
  readonly digest: Uint8Array;
  /** The attestation key of the virtual TPM (`HCLAkPub`), RSA. */
  readonly attestationKey: JsonWebKey | undefined;
  /** The quote that came with it; its signature and PCR digest are among the checks. */
  readonly quote: TpmQuote | undefined;
}

/** TPMS_ATTEST of a quote (TPM 2.0 library, part 2, section 10.12.8). */
export interface TpmQuote {
  /** As signed. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** The verifier's nonce, or whatever the caller of the TPM gave as qualifying data. */
  readonly extraData: Uint8Array;
  /** SHA-256 over the selected PCRs. */
  readonly pcrDigest: Uint8Array;
  /** Numbers of the selected registers of the SHA-256 bank, ascending. */
  readonly pcrSelection: readonly number[];
  /** Values that came with the quote, one for each selected register, 32 bytes each. */
  readonly pcrs: readonly Uint8Array[];
}

/** @param quote - that came beside the runtime data, taken apart */
export async function readRuntimeData({
  runtimeData,
  quote,
}: {
  readonly runtimeData: Uint8Array;
  readonly quote: TpmQuote | undefined;
}): Promise<AzureRuntimeData> {
  return {
    json: runtimeData,
    digest: await sha256(runtimeData),
    attestationKey: attestationKeyOf(runtimeData),
    quote,
  };
}

/** `HCLAkPub` among the keys of the runtime data, of whom nothing is known until `azure/runtime-data` has passed. */
function attestationKeyOf(runtimeData: Uint8Array): JsonWebKey | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(runtimeData));
  } catch {
    return undefined;
  }
  const keys: unknown =
    typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  const found: unknown = Array.isArray(keys)
    ? keys.find(
        (key: unknown) => typeof key === 'object' && key !== null && 'kid' in key && key.kid === 'HCLAkPub',
      )
    : undefined;
  return found as JsonWebKey | undefined;
}
