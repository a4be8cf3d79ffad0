// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:crypto';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

import { exporterLabel, exporterLength, reportData, type Purpose } from '@enarx/protocol';

import type { OwnCertificate } from './certificate.ts';

export const alpnProtocol = 'http/1.1';
export const workloadToken = 'enarx-workload/1';

/** What both ends insist on: TLS 1.3 and nothing else, and no session that could be taken up again. */
export function contextOptions({ key, certificate }: OwnCertificate): SecureContextOptions {
  return {
    key,
    cert: certificate,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    // No authority vouches for either end, so none is loaded.
    ca: [],
  };
}

export interface Ends {
  readonly keepKey: Uint8Array;
  readonly clientKey: Uint8Array;
  readonly keepId: Uint8Array;
}

/** Report data for this very connection, 64 bytes. The exporter comes from the socket and from nowhere else. */
export function bindingOf(
  socket: TLSSocket,
  ends: Ends,
  nonce: Uint8Array,
  purpose: Purpose,
): Promise<Uint8Array> {
  const exporter = socket.exportKeyingMaterial(exporterLength, exporterLabel, noContext);
  return reportData({ ...ends, nonce, purpose, exporter });
}

const noContext = Buffer.alloc(0);
