// SPDX-License-Identifier: Apache-2.0
import { readCollateral } from '../../../packages/attestation/src/intel/collateral.ts';
import { parseQuote } from '../../../packages/attestation/src/intel/quote.ts';
import { readCertifiedQuote } from '../../../packages/attestation/src/intel/ra-tls.ts';
import { readLoadLog } from '../../../packages/attestation/src/intel/sgx/load-log.ts';
import { readEventLog } from '../../../packages/attestation/src/intel/tdx/event-log.ts';
import { KeyCache } from '../../../packages/attestation/src/x509/key-cache.ts';
import { createSimulatedIntelPlatform } from '../../../packages/simulator/src/intel/index.ts';
import type { FuzzTarget } from '../target.ts';

let made: ReturnType<typeof createSimulatedIntelPlatform> | undefined;
/** Not made before it is wanted: Node aborts when a thread ends in the middle of making a key, as those of other targets would. */
const platform = (): ReturnType<typeof createSimulatedIntelPlatform> =>
  (made ??= createSimulatedIntelPlatform());
const quotes = async (): Promise<Uint8Array[]> => {
  const simulated = await platform();
  return Promise.all([
    simulated.enclave().quote(new Uint8Array(64)),
    simulated.trustDomain({}, 4).quote(new Uint8Array(64)),
    simulated.trustDomain({}, 5).quote(new Uint8Array(64)),
  ]);
};

const quote: FuzzTarget = {
  name: 'intel-quote',
  run: (input) => {
    const { signed, body } = parseQuote(input);
    if (signed.length < 48 + body.length) throw new Error('a body that is not signed');
  },
  seeds: quotes,
};

const collateral: FuzzTarget = {
  name: 'intel-collateral',
  run: (input) => {
    readCollateral([input], new KeyCache());
  },
  seeds: async () => [...(await platform()).collateral],
};

const certificate: FuzzTarget = {
  name: 'intel-ra-tls',
  run: (input) => {
    readCertifiedQuote(input);
  },
  seeds: () => [Uint8Array.of(0x30, 0)],
};

const logs: FuzzTarget = {
  name: 'intel-logs',
  run: (input) => {
    if (input[0] === 0x45) readLoadLog(input);
    else readEventLog(input);
  },
  seeds: () => [new TextEncoder().encode('ECREATE\0'.padEnd(64, '\0'))],
};

export default [quote, collateral, certificate, logs] satisfies readonly FuzzTarget[];
