// SPDX-License-Identifier: Apache-2.0
import { lstatSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type ListenOptions } from 'node:net';
import { resolve } from 'node:path';

import type { Configuration } from '../config/schema.ts';
import { keepmgrProblem } from '../problems.ts';
import { isThisMachine } from './refusals.ts';

export type Place =
  | { readonly descriptor: number }
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly tls: boolean };

const longestSocketPath = 107;

/**
 * Where to listen: `http://127.0.0.1:3030` and the like, or `unix:/path`, where nobody is authenticated, so only places
 * that nobody but this machine can reach are taken; or `https://…` anywhere, where everybody is. `fd:3` is a socket that
 * whoever started the daemon listens on for it, and whose access is that one's affair: systemd's unit makes a Unix socket.
 *
 * @throws EnarxError `keepmgr/listen-refused`
 */
export function parseListen(text: string): Place {
  if (text.startsWith('fd:')) {
    const descriptor = /^fd:([3-9])$/.exec(text)?.[1];
    if (descriptor === undefined) throw keepmgrProblem('keepmgr/listen-refused', { found: text });
    return { descriptor: Number(descriptor) };
  }
  if (text.startsWith('unix:')) {
    const path = resolve(text.slice('unix:'.length));
    if (text === 'unix:' || Buffer.byteLength(path) > longestSocketPath)
      throw keepmgrProblem('keepmgr/listen-refused', {
        found: text,
        expected: 'a path of at most 107 bytes',
      });
    return { path };
  }
  const url = URL.parse(text);
  const tls = url?.protocol === 'https:';
  if (
    url === null ||
    !(tls || url.protocol === 'http:') ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  )
    throw keepmgrProblem('keepmgr/listen-refused', { found: text });
  if (!tls && !isThisMachine(url.host)) throw keepmgrProblem('keepmgr/listen-refused', { found: url.host });
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: url.port === '' ? (tls ? 443 : 80) : Number(url.port), tls };
}

/**
 * A place that everybody can reach needs a certificate, and somebody who can prove who it is.
 * @throws EnarxError `keepmgr/listen-refused`
 */
export function refuseUnguarded(places: readonly Place[], config: Configuration | undefined): void {
  if (!places.some((place) => 'tls' in place && place.tls)) return;
  const { tls, oidc, tenants = {} } = config ?? {};
  const known = Object.values(tenants).some(
    ({ certificate, subject }) =>
      (certificate !== undefined && tls?.clientAuthorities !== undefined) ||
      (subject !== undefined && oidc !== undefined),
  );
  if (tls === undefined || !known) {
    throw keepmgrProblem('keepmgr/listen-refused', {
      found:
        tls === undefined
          ? 'https:// without the section tls'
          : 'https:// without a tenant that could prove who it is',
    });
  }
}

/**
 * Listens, and says where: port 0 has become a real one.
 * @throws EnarxError `keepmgr/listen-failed`
 */
export async function listen(server: Server, place: Place): Promise<string> {
  try {
    if ('path' in place) await removeStaleSocket(place.path);
    await new Promise<void>((resolveListening, reject) => {
      server.once('error', reject);
      // Whoever can connect can create Keeps: the same user only, from the first moment on. The bind happens within the call.
      const mask = process.umask(0o177);
      server.listen(whereOf(place), () => {
        server.off('error', reject);
        server.on('error', () => undefined);
        resolveListening();
      });
      process.umask(mask);
    });
  } catch (cause) {
    throw keepmgrProblem('keepmgr/listen-failed', { found: (cause as Error).message, cause });
  }
  if ('descriptor' in place) return `fd:${String(place.descriptor)}`;
  if ('path' in place) return `unix:${place.path}`;
  const { address, family, port } = server.address() as AddressInfo;
  return `${place.tls ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`;
}

function whereOf(place: Place): ListenOptions & { fd?: number } {
  if ('descriptor' in place) return { fd: place.descriptor };
  return 'path' in place ? { path: place.path } : { host: place.host, port: place.port };
}

/** A socket that a killed daemon left may go; one that answers, or anything else at that path, may not. */
async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const code = await new Promise<string | undefined>((resolveCode) => {
    const probe = connect({ path });
    probe.on('connect', () => {
      probe.destroy();
      resolveCode(undefined);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => {
      resolveCode(error.code);
    });
  });
  if (code === 'ECONNREFUSED') rmSync(path, { force: true });
}
