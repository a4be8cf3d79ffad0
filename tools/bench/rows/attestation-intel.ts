// SPDX-License-Identifier: Apache-2.0
import { KeyCache, vendorAnchors, verifyEvidence } from '@enarx/attestation';

import { parseQuote } from '../../../packages/attestation/src/intel/quote.ts';
import { importPoint, verifyP256 } from '../../../packages/attestation/src/intel/signature.ts';
import {
  collateralOf,
  intelFile,
  intelVectors,
  withoutVectors,
  type IntelVector,
} from '../../../packages/attestation/test/intel/vectors.ts';
import { phala, phalaCollateral } from '../../differential/phala.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

/** A genuine quote with collateral that the peer can read and finds up to date, as we do. */
function sample(): IntelVector {
  const found = intelVectors.find(
    ({ file, class: sort, level }) =>
      file.endsWith('cos-113-tdx-quote.dat') && sort === undefined && level === 'full',
  );
  if (found === undefined) throw new Error('no quote of TDX among the vectors');
  return found;
}

/** Milliseconds for one run of many. */
async function timed(runs: number, run: () => unknown): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < runs; index += 1) await run();
  return (performance.now() - start) / runs;
}

export default {
  title: 'quotes of TDX verified, against @phala/dcap-qvl and against the bare signature checks',
  async measure({ short }) {
    if (withoutVectors !== false) return [];
    const vector = sample();
    const evidence = new Uint8Array(intelFile(vector.tee, vector.file));
    const endorsements = collateralOf(vector).map((file) => new Uint8Array(file));
    const at = Date.parse(vector.verifyAt as string);
    const theirs = phalaCollateral(vector);
    const keys = new KeyCache();
    const verify = async (cache: KeyCache | undefined): Promise<void> => {
      const options = { evidence, endorsements, anchors: vendorAnchors, at };
      const { verified } = await verifyEvidence(cache === undefined ? options : { ...options, keys: cache });
      if (verified === undefined) throw new Error('the quote is not verified');
    };
    // What a check cannot do without when everything but the quote is known: its own signature and the QE report's, one after the other.
    const quote = parseQuote(evidence);
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'sign',
      'verify',
    ]);
    const attestationKey = await importPoint(quote.attestationKey);
    if (attestationKey === undefined) throw new Error('no attestation key');
    const bare = async (): Promise<void> => {
      await verifyP256(pair.publicKey, quote.qeReportSignature, quote.qeReport);
      await verifyP256(attestationKey, quote.signature, quote.signed);
    };
    // With nothing but the keys known it is six: TCB info, enclave identity and two revocation lists are signed as well.
    const bareWithCollateral = async (): Promise<void> => {
      for (const file of endorsements.slice(0, 4)) await verifyP256(pair.publicKey, quote.signature, file);
      await bare();
    };
    const [samples, runs] = short ? [1, 5] : [9, 60];
    const cold = await inPairs(
      samples,
      () => timed(runs, () => verify(undefined)),
      () =>
        timed(runs, () => {
          phala.verify(evidence, theirs, Math.floor(at / 1000));
        }),
    );
    await verify(keys);
    const warm = await inPairs(
      samples,
      () => timed(runs, () => verify(keys)),
      () => timed(runs, bare),
    );
    const withCollateral = await inPairs(
      samples,
      () => timed(runs, () => verify(keys)),
      () => timed(runs, bareWithCollateral),
    );
    const rows: BenchRow[] = [
      {
        id: 'attestation-intel-peer',
        ratio: cold.baseline / cold.subject,
        goal: 3,
        better: 'higher',
        samples,
        detail: `${(1000 / cold.subject).toFixed(0)} quotes a second, nothing cached, against ${(1000 / cold.baseline).toFixed(0)} of @phala/dcap-qvl`,
      },
      {
        id: 'attestation-intel-bare',
        ratio: withCollateral.baseline / withCollateral.subject,
        goal: 0.8,
        better: 'higher',
        samples,
        detail: `${(1000 / withCollateral.subject).toFixed(0)} quotes a second, keys and collateral cached, against ${(1000 / withCollateral.baseline).toFixed(0)} times the six signature checks of quote and collateral`,
      },
      {
        id: 'attestation-intel-bare-quote',
        ratio: warm.baseline / warm.subject,
        goal: 0.8,
        better: 'higher',
        samples,
        detail: `${(1000 / warm.subject).toFixed(0)} quotes a second, keys and collateral cached, against ${(1000 / warm.baseline).toFixed(0)} times the two signature checks of a quote`,
      },
    ];
    return rows;
  },
} satisfies BenchModule;
