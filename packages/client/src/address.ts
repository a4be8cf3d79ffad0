// SPDX-License-Identifier: Apache-2.0
import { clientProblem } from './problems.ts';

/** Where a host listens, in the form that node:http takes. */
export type Address =
  { readonly socketPath: string } | { readonly host: string; readonly port: number; readonly secure?: true };

/** `sun_path` of Linux holds 108 bytes, the last of which is a zero. */
const longestSocketPath = 107;

const portOf: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

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
  const usual = portOf[parsed?.protocol ?? ''];
  if (parsed === null || usual === undefined)
    throw invalid('http://NAME:PORT, https://NAME:PORT or unix:/PATH');
  const { protocol, hostname, port, pathname, search, hash, username, password } = parsed;
  // What stands before an @ would be a secret on a command line, and in this very error.
  if (`${username}${password}` !== '')
    throw clientProblem('client/address-invalid', { expected: 'no user name and no password' });
  if (pathname !== '/' || `${search}${hash}` !== '') throw invalid('name and port only');
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usual : Number(port),
    ...(protocol === 'https:' ? { secure: true } : {}),
  };
}
