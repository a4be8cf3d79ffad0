// SPDX-License-Identifier: Apache-2.0
import {
  anchorFromPem,
  KeyCache,
  vendorAnchors,
  verifyEvidence,
  type VerifyOptions,
} from '@enarx/attestation';
import { createSimulatedProcessor } from '@enarx/simulator';

import { readEndorsements } from '../../../packages/attestation/src/endorsements.ts';
import { readPem } from '../../../packages/attestation/src/pem.ts';
import { vekKindOf } from '../../../packages/attestation/src/amd/vek.ts';
import { samples, vector, withoutVectors } from '../../../packages/attestation/test/support/vectors.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

type Evidence = Omit<VerifyOptions, 'keys'>;

/** A real Turin report with its whole chain in DER; where the vectors are not, one that a simulated processor made. */
async function sample(): Promise<Evidence & { readonly origin: string }> {
  if (withoutVectors !== false) {
    const processor = await createSimulatedProcessor();
    const { report, endorsements } = await processor
      .launch(Promise.resolve(new Uint8Array(48)))
      .report(new Uint8Array(64));
    const anchors = [await anchorFromPem(processor.anchorPem)];
    return {
      evidence: report,
      endorsements: [endorsements],
      anchors,
      at: Date.UTC(2026, 5, 1),
      origin: 'a SIMULATED report',
    };
  }
  const { report, vek, at } = samples.turin;
  const files = [vek, 'google+go-sev-guest/verify/trust/ask_ark_turin_vcek.pem'];
  return {
    evidence: new Uint8Array(vector(report)),
    endorsements: files.flatMap((file) => readPem(vector(file).toString()).map(({ content }) => content)),
    anchors: vendorAnchors,
    at: Date.parse(at),
    origin: 'a real Turin report',
  };
}

/** The signature of a report as WebCrypto takes it: what any verifier has to do at least. */
async function bareVerify({ evidence, endorsements }: Evidence): Promise<() => Promise<boolean>> {
  const vek = readEndorsements(endorsements).certificates.find((one) => vekKindOf(one) !== undefined);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
  const spki = Uint8Array.from(vek?.publicKey ?? []);
  const key = await crypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
  const number = (at: number): number[] => [...evidence.subarray(at, at + 48)].reverse();
  const signature = Uint8Array.from([...number(0x2a0), ...number(0x2a0 + 72)]);
  const signed = Uint8Array.from(evidence.subarray(0, 0x2a0));
  return () => crypto.subtle.verify(algorithm, key, signature, signed);
}

/** Evidence per second, one after the other. */
async function rate(times: number, once: () => Promise<boolean>): Promise<number> {
  const started = performance.now();
  for (let left = times; left > 0; left -= 1)
    if (!(await once())) throw new Error('the evidence is not genuine');
  return (times / (performance.now() - started)) * 1000;
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const { origin, ...evidence } = await sample();
  const keys = new KeyCache();
  const verify = async (cache?: KeyCache): Promise<boolean> =>
    (await verifyEvidence(cache === undefined ? evidence : { ...evidence, keys: cache })).verified !==
    undefined;
  const bare = await bareVerify(evidence);
  const times = short ? 20 : 200;
  const samplesTaken = short ? 3 : 15;
  // Warm, as a server is that has seen evidence before.
  await rate(times * 2, () => verify(keys));
  await rate(times, bare);
  const cached = await inPairs(
    samplesTaken,
    () => rate(times, () => verify(keys)),
    () => rate(times, bare),
  );
  const cold = await inPairs(
    samplesTaken,
    () => rate(times, () => verify()),
    () => rate(times, bare),
  );
  const row = (
    id: string,
    goal: number,
    { ratio, samples: taken, subject, baseline }: typeof cached,
  ): BenchRow => ({
    id,
    ratio,
    goal,
    better: 'higher',
    samples: taken,
    detail: `${subject.toFixed(0)} evidence/s over ${baseline.toFixed(0)} P-384 verifies/s, ${origin}`,
  });
  return [row('attestation-snp-cached', 0.9, cached), row('attestation-snp-cold', 0.4, cold)];
}

export default {
  title: 'SNP evidence verified one after the other, over the bare P-384 verify of its report',
  measure,
} satisfies BenchModule;
