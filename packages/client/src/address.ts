// SPDX-License-Identifier: Apache-2.0
import { clientProblem } from './problems.ts';

/** Where a host listens, in the form that node:http takes. */
export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** `sun_path` of Linux holds 108 bytes, the last of which is a zero. */
const longestSocketPath = 107;

/** @throws EnarxError `client/address-invalid` */
export function parseAddress(url: string): Address {
  const invalid = (expected: string): Error =>
    clientProblem('client/address-invalid', { found: url, expected });
  if (url.startsWith('unix:')) {
    const socketPath = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (!socketPath.startsWith('/') || socketPath.includes('\0')) throw invalid('unix: and an absolute path');
    if (Buffer.byteLength(socketPath) > longestSocketPath) throw invalid('a path of at most 107 bytes');
    return { socketPath };
  }
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:') throw invalid('http://NAME:PORT or unix:/PATH');
  const { hostname, port, pathname, search, hash, username, password } = parsed;
  if (pathname !== '/' || `${search}${hash}${username}${password}` !== '')
    throw invalid('name and port only');
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
}
