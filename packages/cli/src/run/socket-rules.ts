// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';

import type { File } from '@enarx/protocol';

/** Where a host of one's own listens when the configuration does not say. */
const ownAddress = '127.0.0.1';

/** The rules for a host that opens exactly what a program is configured to have. */
export function socketRules(files: readonly File[]): { readonly listen: string[]; readonly dial: string[] } {
  const listen: string[] = [];
  const dial: string[] = [];
  for (const file of files) {
    if (file.kind === 'listen')
      listen.push(`${hostOf(file.address ?? ownAddress)}:${file.port === 0 ? '*' : String(file.port)}`);
    else if (file.kind === 'connect') dial.push(`${hostOf(file.host)}:${String(file.port)}`);
  }
  return { listen: [...new Set(listen)], dial: [...new Set(dial)] };
}

function hostOf(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
