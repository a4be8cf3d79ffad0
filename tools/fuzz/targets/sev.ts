// SPDX-License-Identifier: Apache-2.0
import { decodeIdAuthentication, decodeIdBlock, readFirmware } from '@enarx/attestation/measure';
import { decodeSecretTable, encodeSecretTable, readPlatformChain } from '@enarx/attestation/sev';

import { buildFirmware } from '../../../packages/attestation/test/measure/built-firmware.ts';
import { realFiles } from '../real.ts';
import type { FuzzTarget } from '../target.ts';

const certificates: FuzzTarget = {
  name: 'sev-certificates',
  run: (input) => readPlatformChain([input]),
  seeds: () => {
    const platform = realFiles(/^sev-cert$/, 4);
    const authorities = realFiles(/^sev-ca-cert$/, 11).filter(({ length }) => length > 800);
    return [
      ...platform,
      ...authorities,
      new Uint8Array(Buffer.concat(platform)),
      new Uint8Array(Buffer.concat([...platform, ...authorities.slice(0, 2)])),
    ];
  },
  longest: 16_384,
};

const secrets: FuzzTarget = {
  name: 'sev-secret-table',
  run: decodeSecretTable,
  seeds: () => [
    encodeSecretTable(
      [
        { guid: '736869e5-84f0-4973-92ec-06879ce3da0b', data: new Uint8Array(7) },
        { guid: 'e6f5a162-d67f-4750-a67c-5d065f2a9910', data: new Uint8Array(32) },
      ],
      256,
    ),
  ],
};

const firmware: FuzzTarget = {
  name: 'ovmf-firmware',
  run: readFirmware,
  seeds: () => [new Uint8Array(buildFirmware({})), ...realFiles(/^ovmf-firmware$/)],
};

const idBlock: FuzzTarget = {
  name: 'id-block',
  run: (input) =>
    input.length < 4096 ? decodeIdBlock(input) : decodeIdAuthentication(input.subarray(0, 4096)),
  seeds: () => [
    ...realFiles(/^snp-id-block$/),
    ...realFiles(/^snp-id-auth-base64$/).map(
      (bytes) => new Uint8Array(Buffer.from(Buffer.from(bytes).toString(), 'base64')),
    ),
  ],
};

export default [certificates, secrets, firmware, idBlock];
