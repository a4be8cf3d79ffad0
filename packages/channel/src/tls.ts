// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:crypto';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

import { exporterLabel, exporterLength } from '@enarx/protocol';

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

/**
 * What the keys of this very connection are exported to, 32 bytes. To be taken when the handshake is done: a connection that is closed
 * has none any more.
 */
export function exporterOf(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(exporterLength, exporterLabel, noContext);
}

const noContext = Buffer.alloc(0);
