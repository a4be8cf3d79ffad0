// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { encodeCbor } from '@enarx/protocol';

import { readBundle } from '../../../packages/attestation/src/bundle/bundle.ts';
import { readCmw } from '../../../packages/attestation/src/cmw/read.ts';
import { readCbor } from '../../../packages/attestation/src/cose/cbor.ts';
import { readSign1 } from '../../../packages/attestation/src/cose/sign1.ts';
import { readCollateral } from '../../../packages/attestation/src/intel/collateral.ts';
import { parseQuote } from '../../../packages/attestation/src/intel/quote.ts';
import { recogniseQuote } from '../../../packages/attestation/src/intel/recognise.ts';
import { readEventLog } from '../../../packages/attestation/src/intel/tdx/event-log.ts';
import { readNitroDocument } from '../../../packages/attestation/src/nitro/document.ts';
import {
  cborClaims,
  jsonClaims,
  readCborClaims,
  readJsonClaims,
} from '../../../packages/attestation/src/results/claims-set.ts';
import {
  earProfile,
  earProfiles,
  type AttestationResult,
} from '../../../packages/attestation/src/results/ear.ts';
import { KeyCache } from '../../../packages/attestation/src/x509/key-cache.ts';
import { vectorPath, withoutVectors } from '../../../packages/attestation/test/support/vectors.ts';
import type { FuzzTarget } from '../target.ts';

interface Entry {
  readonly file: string;
  readonly kind?: string;
}

/** Small files of another vendor's collection whose kind or name is such. */
function real(vendor: string, kinds: RegExp, longest = 16_384, most = 12): Uint8Array[] {
  if (withoutVectors !== false) return [];
  const directory = join(dirname(dirname(vectorPath('INDEX.json'))), vendor);
  const index = JSON.parse(readFileSync(join(directory, 'INDEX.json'), 'utf8')) as
    readonly Entry[] | { readonly files: readonly Entry[] };
  const entries = 'files' in index ? index.files : index;
  return entries
    .filter(({ file, kind = '' }) => kinds.test(kind) || kinds.test(file))
    .map(({ file }) => new Uint8Array(readFileSync(join(directory, file))))
    .filter(({ length }) => length <= longest)
    .slice(0, most);
}

/** No result in CBOR was published: two of ours to start from. */
const smallResult: AttestationResult = {
  profile: earProfile,
  issuedAt: 1_780_000_000,
  expires: undefined,
  verifier: { developer: 'https://enarx.example', build: 'enarx' },
  status: undefined,
  nonces: [],
  rawEvidence: undefined,
  submodules: new Map([['platform', { status: 'none', vector: {}, policyIds: [] }]]),
};
const result: AttestationResult = {
  ...smallResult,
  expires: 1_790_000_000,
  status: 'contraindicated',
  nonces: [new Uint8Array(32).fill(7)],
  rawEvidence: new Uint8Array(64).fill(1),
  submodules: new Map([
    [
      'platform',
      { status: 'warning', vector: { hardware: 32, configuration: 2 }, policyIds: ['ni:///sha-256;AA'] },
    ],
    [
      'keep',
      {
        status: 'contraindicated',
        vector: { 'instance-identity': 99, executables: 33, 'runtime-opaque': -1 },
        policyIds: [],
      },
    ],
  ]),
};

/** Of a real trust domain, and its first events alone, which the fuzzer gets through sooner. */
const eventLog = new Uint8Array(
  readFileSync(
    join(import.meta.dirname, '../../../packages/attestation/test/intel/fixtures/cos-113-ccel.bin'),
  ),
);
const firstEvents = 1615;

const decoder = new TextDecoder();
const longest = 16_384;
const quotes = (): Uint8Array[] => [...real('sgx', /quote/), ...real('tdx', /quote/)];
const coses = (): Uint8Array[] => [...real('nitro', /cose|doc|bin|cbor/i), ...real('rats', /cose|cwt|cbor/i)];

const targets: readonly FuzzTarget[] = [
  { name: 'real-intel-quote', run: parseQuote, seeds: quotes, longest },
  { name: 'intel-recognition', run: recogniseQuote, seeds: quotes, longest },
  {
    name: 'real-intel-collateral',
    run: (input) => readCollateral([input], new KeyCache()),
    seeds: () => [
      ...real('sgx', /collateral|tcb|identity|json|pem|crl/i),
      ...real('tdx', /tcb|identity|crl/i),
    ],
    longest,
    tokens: [
      '"tcbInfo":{',
      '"enclaveIdentity":{',
      '"signature":"',
      '"fmspc":"',
      '"tcbLevels":[',
      '"__proto__":',
    ],
  },
  {
    name: 'tdx-event-log',
    run: readEventLog,
    seeds: () => [eventLog, eventLog.subarray(0, firstEvents)],
    longest: 65_536,
  },
  { name: 'cose-cbor', run: (input) => readCbor(input, 65_536), seeds: coses, longest },
  { name: 'cose-sign1', run: (input) => readSign1(input, 65_536), seeds: coses, longest },
  {
    name: 'nitro-document',
    // The payload of an envelope, or the bytes themselves.
    run: (input) => {
      let payload = input;
      try {
        payload = readSign1(input, 65_536).payload;
      } catch {
        // Then the document stands alone.
      }
      return readNitroDocument(payload);
    },
    seeds: () => real('nitro', /doc|cose|bin|cbor/i),
    longest,
    tokens: [
      'module_id',
      'digest',
      'SHA384',
      'timestamp',
      'pcrs',
      'certificate',
      'cabundle',
      'public_key',
      'user_data',
      'nonce',
    ],
  },
  { name: 'cmw', run: readCmw, seeds: () => real('rats', /cmw/i), longest },
  {
    name: 'collateral-bundle',
    run: readBundle,
    seeds: () => [
      new Uint8Array(Buffer.from('8272656e6172782d636f6c6c61746572616c2f3181820043300100', 'hex')),
    ],
  },
  {
    name: 'attestation-result-cbor',
    run: (input) => {
      const claims = readCborClaims(readCbor(input, longest));
      // One nonce is written; several may be read.
      const again = readCborClaims(readCbor(encodeCbor(cborClaims(claims)), 2 * longest));
      if (!isDeepStrictEqual(again, { ...claims, nonces: claims.nonces.slice(0, 1) }))
        throw new Error('written and read again, the claims are others');
      return claims;
    },
    seeds: () => [encodeCbor(cborClaims(result)), encodeCbor(cborClaims(smallResult))],
    longest,
    tokens: [...earProfiles, 'SIMULATED platform'],
  },
  {
    name: 'attestation-result-json',
    run: (input) => readJsonClaims(decoder.decode(input)),
    seeds: () => [new TextEncoder().encode(jsonClaims(result)), ...real('rats', /ear|claims/i)],
    longest,
    tokens: [
      '"eat_profile":',
      '"submods":{',
      '"ear.status":',
      '"ear.trustworthiness-vector":{',
      '"__proto__":{',
    ],
  },
];
export default targets;
