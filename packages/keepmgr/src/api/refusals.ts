// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import { keepmgrProblem } from '../problems.ts';

/**
 * Refuses what a web page can make a browser send to a daemon on the same machine. A page of another site sends an
 * Origin or says so in Sec-Fetch-Site; a page whose own name was made to resolve to this machine (DNS rebinding) sends
 * that name as Host.
 *
 * @throws EnarxError `api/cross-site`, `api/host-refused`
 */
export function refuseBrowsers({ headers, socket }: IncomingMessage): void {
  if (headers.origin !== undefined) throw keepmgrProblem('api/cross-site', { found: 'an Origin header' });
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none')
    throw keepmgrProblem('api/cross-site', { found: 'a Sec-Fetch-Site header' });
  // Over TLS the certificate names the host, and a rebound name would not be in it.
  if ('encrypted' in socket) return;
  if (!isThisMachine(headers.host ?? '')) throw keepmgrProblem('api/host-refused');
}

/** Loopback by address or name. The port may be another one, since a forwarded port (`ssh -L`) has another number here. */
export function isThisMachine(host: string): boolean {
  return /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i.test(host);
}
