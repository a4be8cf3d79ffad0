// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';

/** Where QEMU passes a trust domain's requests for quotes on to Intel's quote generation service (QGS) of this host. */
export type QuoteService =
  | { readonly type: 'unix'; readonly path: string }
  | { readonly type: 'vsock'; readonly cid: string; readonly port: string };

/** Where QGS listens as a rule (Intel's qgs_server and its test client name it). */
export const quoteServiceSocket = '/run/tdx-qgs/qgs.socket';
/** Where it does with a `port` in /etc/qgs.conf: the host itself, and the port of Intel's manual. */
const overVsock: QuoteService = { type: 'vsock', cid: '2', port: '4050' };

/** The service answers guests when they ask; a launch does not need it, so whether it is there is for `enarx platform` to say. */
export function findQuoteService(socket = quoteServiceSocket): QuoteService {
  return existsSync(socket) ? { type: 'unix', path: socket } : overVsock;
}

/** What of it QEMU has to see inside its confinement. AF_VSOCK has no file. */
export function quoteServiceFiles(service = findQuoteService()): readonly string[] {
  return service.type === 'unix' ? [service.path] : [];
}
