// SPDX-License-Identifier: Apache-2.0
import { writePem } from '@enarx/attestation';
import { concatBytes } from '@enarx/protocol';

import { encodeSgxReport, ordinarySgxReport, type SgxReportFields } from '../sgx/report.ts';
import {
  encodeTdReport,
  ordinaryTdReport,
  type TdReportFields,
  type TdReportVersion,
} from '../tdx/report.ts';
import { signP256 } from './authority.ts';
import { chip } from './chip.ts';
import { createIntelKeys, issueMaterial, type IntelMaterial } from './material.ts';
import { intelPlatformProblem } from './problems.ts';
import { encodeQuote, encodeSigned, type QuoteParts } from './quote.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** For attack tests only: what a quote shall hold instead of what the quoting enclave would put there. */
export interface UnwantedQuote {
  /** Changes the quoting enclave's report before the PCK signs it. */
  readonly enclave?: Partial<SgxReportFields>;
  /** Replaces parts before the attestation key signs header and body. */
  readonly parts?: Partial<QuoteParts>;
  readonly signature?: Uint8Array;
}

/** An enclave or a trust domain that was launched. */
export interface SimulatedTee {
  /**
   * @param reportData - 64 bytes of its choice
   * @param unwanted - for attack tests only
   * @throws EnarxError `intel-platform/report-data`
   */
  quote(reportData: Uint8Array, unwanted?: UnwantedQuote): Promise<Bytes>;
}

/** A platform with SGX and TDX in software. It speaks Intel's formats under a root of its own. */
export interface SimulatedIntelPlatform {
  /** The root certificate, which whoever shall accept this platform's quotes must be given by name. */
  readonly anchorPem: string;
  /** Everything that Intel's service would answer: signer's chain, revocation lists, documents of SGX and TDX. */
  readonly collateral: readonly Uint8Array[];
  /** @param version - of its quotes: 3 as enclaves have had, 4 or 5 */
  enclave(fields?: Partial<SgxReportFields>, version?: 3 | 4 | 5): SimulatedTee;
  /**
   * @param version - of its quotes: 4 or 5
   * @param report - version of the TD report in them: 1.0 in version 4, any in 5, 1.5 unless said
   */
  trustDomain(fields?: Partial<TdReportFields>, version?: 4 | 5, report?: TdReportVersion): SimulatedTee;
}

/** 2025-01-01T00:00:00Z. */
const defaultStart = 1_735_689_600_000;

/**
 * Makes a platform that has never been before, in milliseconds: all keys are P-256.
 *
 * @param options.from - start of the 25 years of everything, in milliseconds since 1970. A fixed date unless given: a platform has
 * no clock, and a host whose clock is wrong shall not make one that nobody can use.
 */
export async function createSimulatedIntelPlatform(
  options: { readonly from?: number } = {},
): Promise<SimulatedIntelPlatform> {
  return intelPlatformOf(await issueMaterial(await createIntelKeys(), options.from ?? defaultStart));
}

const materials = new WeakMap<SimulatedIntelPlatform, IntelMaterial>();

/** @throws TypeError for a platform that this module did not make */
export function intelMaterialOf(platform: SimulatedIntelPlatform): IntelMaterial {
  const material = materials.get(platform);
  if (material === undefined) throw new TypeError('not a simulated Intel platform');
  return material;
}

/** Puts a platform together. Its two keys are imported; certificates and documents are only bytes to it. */
export async function intelPlatformOf(material: IntelMaterial): Promise<SimulatedIntelPlatform> {
  const [pckKey, attestationKey] = await Promise.all([
    importKey(material.pckKey),
    importKey(material.attestationKey),
  ]);
  const certificationData = new TextEncoder().encode(
    [material.pck, material.authority, material.root].map(pem).join(''),
  );
  const quote = async (
    tee: 'sgx' | 'tdx',
    version: 3 | 4 | 5,
    body: Uint8Array,
    { enclave = {}, parts: unwantedParts = {}, signature }: UnwantedQuote,
  ): Promise<Bytes> => {
    const qeAuthData = Uint8Array.from({ length: 32 }, (_, index) => index);
    const bound = concatBytes(material.attestationPoint, qeAuthData);
    const reportData = new Uint8Array(64);
    reportData.set(new Uint8Array(await crypto.subtle.digest('SHA-256', bound)));
    const qeReport = encodeSgxReport({
      ...ordinarySgxReport,
      ...quotingEnclaves[tee],
      // A quoting enclave may derive the provisioning key.
      attributes: Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
      reportData,
      ...enclave,
    });
    const parts: QuoteParts = {
      version,
      tee,
      body,
      attestationKey: material.attestationPoint,
      qeReport,
      qeReportSignature: await signP256(pckKey, qeReport),
      qeAuthData,
      certificationType: 5,
      certificationData,
      ...unwantedParts,
    };
    const signed = encodeSigned(parts);
    return encodeQuote(parts, signed, signature ?? (await signP256(attestationKey, signed)));
  };
  const platform: SimulatedIntelPlatform = {
    get anchorPem() {
      return pem(material.root);
    },
    collateral: [
      new TextEncoder().encode([material.signer, material.root].map(pem).join('')),
      material.rootList,
      material.pckList,
      material.sgxTcbInfo,
      material.tdxTcbInfo,
      material.qeIdentity,
      material.tdQeIdentity,
    ],
    enclave: (fields = {}, version = 3) => ({
      quote: async (reportData, unwanted = {}) =>
        quote(
          'sgx',
          version,
          encodeSgxReport({
            ...ordinarySgxReport,
            cpuSvn: Uint8Array.from(chip.components),
            ...fields,
            reportData: checked(reportData),
          }),
          unwanted,
        ),
    }),
    trustDomain: (fields = {}, version = 4, report = version === 4 ? '1.0' : '1.5') => ({
      quote: async (reportData, unwanted = {}) =>
        quote(
          'tdx',
          version,
          encodeTdReport(report, {
            ...ordinaryTdReport,
            teeTcbSvn: chip.teeTcbSvn,
            teeTcbSvn2: chip.teeTcbSvn,
            ...fields,
            reportData: checked(reportData),
          }),
          unwanted,
        ),
    }),
  };
  materials.set(platform, material);
  return platform;
}

const quotingEnclaves = { sgx: chip.quotingEnclaves.QE, tdx: chip.quotingEnclaves.TD_QE } as const;

function checked(reportData: Uint8Array): Uint8Array {
  if (reportData.length !== 64)
    throw intelPlatformProblem('intel-platform/report-data', {
      found: `${String(reportData.length)} bytes`,
    });
  return reportData;
}

function importKey(pkcs8: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

const pem = (certificate: Uint8Array): string => writePem('CERTIFICATE', certificate);
