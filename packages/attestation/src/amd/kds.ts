// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { tcbLayoutOf, type AmdProduct } from '../snp/product.ts';
import { readTcb } from '../snp/tcb.ts';

const service = 'https://kdsintf.amd.com';

/**
 * Where AMD's key distribution service has the VCEK certificate of a report. By the reported TCB: the key is derived
 * from that one, not from the current.
 * @param chipId - 64 bytes
 * @param reportedTcb - 8 bytes
 */
export function vcekUrl(product: AmdProduct, chipId: Uint8Array, reportedTcb: Uint8Array): string {
  const { fmc, bootloader, tee, snp, microcode } = readTcb(reportedTcb, tcbLayoutOf(product));
  const id = toHex(product === 'Turin' ? chipId.subarray(0, 8) : chipId);
  const levels = Object.entries({
    fmcSPL: fmc,
    blSPL: bootloader,
    teeSPL: tee,
    snpSPL: snp,
    ucodeSPL: microcode,
  }).flatMap(([name, level]) => (level === undefined ? [] : [`${name}=${String(level).padStart(2, '0')}`]));
  return `${service}/vcek/v1/${product}/${id}?${levels.join('&')}`;
}

/** Intermediate and root, PEM. @param kind - which intermediate */
export function chainUrl(product: AmdProduct, kind: 'vcek' | 'vlek'): string {
  return `${service}/${kind}/v1/${product}/cert_chain`;
}
