// SPDX-License-Identifier: Apache-2.0
import {
  decodeIdAuthentication,
  decodeIdBlock,
  readFirmware,
  tdxLaunchDigest,
} from '@enarx/attestation/measure';
import { decodeSecretTable, encodeSecretTable, readPlatformChain } from '@enarx/attestation/sev';

import { buildFirmware, guids, words } from '../../../packages/attestation/test/measure/built-firmware.ts';
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

/** Each section of a page: one that is measured, the variables, and memory without contents. */
const tdxFirmware: FuzzTarget = {
  name: 'tdx-metadata',
  run: tdxLaunchDigest,
  seeds: () => [
    new Uint8Array(
      buildFirmware({
        entries: [[guids.tdxMetadata, words(8192 - 0x200)]],
        alter: (image) => {
          image.write('TDVF', 0x200, 'latin1');
          words(112, 1, 3).copy(image, 0x204);
          words(4096, 4096, 0xffff_f000, 0, 4096, 0, 0, 1).copy(image, 0x210);
          words(0, 4096, 0xfffe_0000, 0, 4096, 0, 1, 0).copy(image, 0x230);
          words(0, 0, 0x80_9000, 0, 8192, 0, 2, 0).copy(image, 0x250);
        },
      }),
    ),
  ],
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

export default [certificates, secrets, firmware, tdxFirmware, idBlock];
