// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';

import type { Listening } from '@enarx/client';
import { printable } from '@enarx/protocol';

import type { Output } from '../output.ts';
import type { WorkloadPlan } from './workload.ts';

/**
 * Says where a program listens, and by which key its clients know that they have reached this Keep. The place is what the host says; the key is the attested one.
 *
 * @param key - SHA-256 of the SubjectPublicKeyInfo
 */
export function reportListening(
  output: Output,
  { files = [], names }: WorkloadPlan,
  listening: readonly Listening[],
  key: Uint8Array,
): void {
  for (const { file, address, port } of listening) {
    const described = files[file];
    const name = names[file] ?? '';
    const prot = described?.kind === 'listen' ? described.prot : undefined;
    const place = `${isIP(address) === 6 ? `[${address}]` : printable(address)}:${String(port)}`;
    const sha256 = Buffer.from(key);
    const pin =
      prot === 'tls' ? { key: sha256.toString('hex'), pin: `sha256//${sha256.toString('base64')}` } : {};
    output.event(
      'listening',
      { descriptor: file, name, prot, address, port, ...pin },
      prot === 'tls'
        ? `listening: ${name} (tls) on ${place}, key SHA-256 ${pin.key} (curl --insecure --pinnedpubkey ${pin.pin})`
        : `listening: ${name} (tcp, which the host can read) on ${place}`,
    );
  }
}
