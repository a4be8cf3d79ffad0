// SPDX-License-Identifier: Apache-2.0
import { readPem } from '../../packages/attestation/src/pem.ts';
import { readCertificate } from '../../packages/attestation/src/x509/certificate.ts';
import { vector, vectors, type Vector } from '../../packages/attestation/test/support/vectors.ts';

/** A report and an endorsement key certificate that may or may not belong together, at a time at which the certificate is valid. */
export interface Question {
  readonly name: string;
  readonly report: Uint8Array;
  /** DER. */
  readonly vek: Uint8Array;
  readonly kind: 'vcek' | 'vlek';
  /** Of the certificate's issuer. */
  readonly product: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface NamedVek {
  readonly file: string;
  readonly vek: Uint8Array;
  readonly kind: 'vcek' | 'vlek';
  readonly product: string;
  readonly at: number;
}

const decoder = new TextDecoder();

function readVekFile({ file, kind }: Vector): NamedVek {
  const bytes = new Uint8Array(vector(file));
  const vek = bytes[0] === 0x30 ? bytes : (readPem(decoder.decode(bytes))[0]?.content ?? bytes);
  const certificate = readCertificate(vek);
  const product = certificate.issuer.commonName.split('-').at(-1) as string;
  return {
    file,
    vek,
    kind: kind === 'snp-vlek-cert' ? 'vlek' : 'vcek',
    product,
    at: certificate.notBefore + 30 * 86_400_000,
  };
}

/** Every report with every certificate of the corpus; every mutation of one report; every byte of one report flipped. */
export function* questions(): Generator<Question> {
  const veks = vectors
    .filter(({ kind }) => /^snp-v[cl]ek-cert(-with-chain)?$/.test(kind))
    .map((entry) => readVekFile(entry));
  const reports = vectors.filter(({ kind }) => kind === 'snp-report');
  for (const { file } of reports)
    for (const { file: vekFile, ...vek } of veks)
      yield { name: `${file} with ${vekFile}`, report: new Uint8Array(vector(file)), ...vek };
  for (const { file, expected } of reports) {
    const vek = veks.find((one) => one.file === expected['vek_file']);
    if (
      vek === undefined ||
      !/sevsnp-tsm-report|certs_data\/report_milan|milan_attestation_report/.test(file)
    )
      continue;
    const good = new Uint8Array(vector(file));
    for (let at = 0; at < good.length; at += 1) {
      const report = Uint8Array.from(good);
      report[at] = (report[at] as number) ^ (1 << (at % 8));
      yield { ...vek, name: `${file}, bit ${String(at % 8)} of byte 0x${at.toString(16)} flipped`, report };
    }
    for (let at = 0; at < vek.vek.length; at += 1) {
      const changed = Uint8Array.from(vek.vek);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      yield {
        ...vek,
        name: `${file}, bit ${String(at % 8)} of byte 0x${at.toString(16)} of its certificate flipped`,
        report: good,
        vek: changed,
      };
    }
  }
}
