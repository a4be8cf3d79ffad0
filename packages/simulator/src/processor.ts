// SPDX-License-Identifier: Apache-2.0
import { loaderMeasurement, type LoaderImage } from '@enarx/attestation/measure';
import { writePem } from '@enarx/attestation/pem';
import type { Evidence } from '@enarx/protocol';

import { encodeCertificateTable } from './certificate-table.ts';
import type { Certificates } from './certificates.ts';
import { chip } from './chip.ts';
import { simulatorProblem } from './problems.ts';
import { encodeReport, encodeReportBody, type ReportFields } from './report.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const reportDataLength = 64;
/** SMT is allowed and bit 17 must be set; no migration agent, no debugging: what guests are commonly launched with. */
const ordinaryPolicy = 0x3_0000n;

/** Everything that a processor is made of and that an export holds. */
export interface ProcessorMaterial extends Certificates {
  /** 64 bytes. */
  readonly chipId: Bytes;
  /** Private P-384 key, PKCS #8. The keys of root and intermediate are forgotten once they have signed. */
  readonly vcekKey: Bytes;
}

/**
 * For attack tests only: what a report shall say instead of what the processor would. The signature stays genuine, so
 * only the check that the field is for can refuse it.
 */
export interface UnwantedReport extends Partial<ReportFields> {
  /** Changes the 672 bytes that will be signed, for what no field reaches. */
  readonly alter?: (body: Uint8Array) => void;
}

/** A guest on the processor, measured when it was launched. */
export interface SimulatedLaunch {
  /**
   * @param reportData - 64 bytes of the guest's choice
   * @throws EnarxError `simulator/report-data`
   */
  report(reportData: Uint8Array): Promise<Evidence>;
}

/** A secure processor in software. It speaks AMD's formats under a root of its own. */
export interface SimulatedProcessor {
  /** The root certificate, which whoever shall accept this processor's evidence must be given by name. */
  readonly anchorPem: string;
  /**
   * Begins to measure a loader, or takes the digest (48 bytes) of what was measured elsewhere; reports wait for it.
   * @param unwanted - for attack tests only
   */
  launch(image: LoaderImage | Promise<Uint8Array>, unwanted?: UnwantedReport): SimulatedLaunch;
}

const materials = new WeakMap<SimulatedProcessor, ProcessorMaterial>();

/** The certificates that come with its evidence. @throws TypeError for a processor that this module did not make */
export function certificatesOf(processor: SimulatedProcessor): Certificates {
  const { ark, ask, vcek } = materialOf(processor);
  return { ark, ask, vcek };
}

/** @throws TypeError for a processor that this module did not make */
export function materialOf(processor: SimulatedProcessor): ProcessorMaterial {
  const material = materials.get(processor);
  if (material === undefined) throw new TypeError('not a simulated processor');
  return material;
}

/** Puts a processor together. The one key that it needs is imported; certificates are only bytes to it. */
export async function processorOf(material: ProcessorMaterial): Promise<SimulatedProcessor> {
  const key = await crypto.subtle.importKey(
    'pkcs8',
    material.vcekKey,
    { name: 'ECDSA', namedCurve: 'P-384' },
    false,
    ['sign'],
  );
  const endorsements = encodeCertificateTable([
    { kind: 'vcek', certificate: material.vcek },
    { kind: 'ask', certificate: material.ask },
    { kind: 'ark', certificate: material.ark },
  ]);
  const processor: SimulatedProcessor = {
    get anchorPem() {
      return writePem('CERTIFICATE', material.ark);
    },
    launch: (image, unwanted = {}) => {
      const measuring = image instanceof Promise ? image : loaderMeasurement(image);
      // Whoever asks for a report learns of a failure.
      measuring.catch(() => undefined);
      const reportId = crypto.getRandomValues(new Uint8Array(32));
      return {
        report: async (reportData) => {
          if (reportData.length !== reportDataLength) {
            throw simulatorProblem('simulator/report-data', {
              found: `${String(reportData.length)} bytes`,
            });
          }
          const { alter, ...fields } = unwanted;
          const body = encodeReportBody({
            ...ordinaryReport(material.chipId),
            measurement: await measuring,
            reportId,
            reportData,
            ...fields,
          });
          alter?.(body);
          const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, key, body);
          return { format: 'snp', report: encodeReport(body, new Uint8Array(signature)), endorsements };
        },
      };
    },
  };
  materials.set(processor, material);
  return processor;
}

function ordinaryReport(chipId: Uint8Array): Omit<ReportFields, 'measurement' | 'reportId' | 'reportData'> {
  return {
    version: chip.reportVersion,
    guestSvn: 0,
    policy: ordinaryPolicy,
    familyId: new Uint8Array(16),
    imageId: new Uint8Array(16),
    vmpl: 0,
    signatureAlgorithm: 1,
    currentTcb: chip.tcb,
    platformInfo: chip.platformInfo,
    keyInfo: 0,
    hostData: new Uint8Array(32),
    idKeyDigest: new Uint8Array(48),
    authorKeyDigest: new Uint8Array(48),
    reportIdMa: new Uint8Array(32).fill(0xff),
    reportedTcb: chip.tcb,
    cpuid: chip.cpuid,
    chipId,
    committedTcb: chip.tcb,
    currentFirmware: chip.firmware,
    committedFirmware: chip.firmware,
    launchTcb: chip.tcb,
    launchMitigations: chip.mitigations,
    currentMitigations: chip.mitigations,
  };
}
