// SPDX-License-Identifier: Apache-2.0
//
// Addresses of wasi:sockets 0.2.
import { isIP } from 'node:net';

export type Family = 'ipv4' | 'ipv6';
export type IpAddress =
  | { readonly tag: 'ipv4'; readonly val: readonly number[] }
  | { readonly tag: 'ipv6'; readonly val: readonly number[] };
export interface SocketAddress {
  readonly tag: Family;
  readonly val: { readonly port: number; readonly address: readonly number[] };
}

/** @param text - an address in the notation of its family */
export function ipAddress(text: string): IpAddress {
  if (isIP(text) === 4) return { tag: 'ipv4', val: text.split('.').map(Number) };
  const [left = '', right] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => parseInt(word, 16));
  const head = words(left);
  const tail = right === undefined ? [] : words(right);
  return {
    tag: 'ipv6',
    val: [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail],
  };
}

export function textOf({ tag, val: { address } }: SocketAddress): string {
  if (tag === 'ipv4') return address.join('.');
  return address.map((word) => word.toString(16)).join(':');
}

/** Where a socket is, of which nothing is known but the port. */
export function anyAddress(family: Family, port: number): object {
  return family === 'ipv4'
    ? { tag: family, val: { port, address: [0, 0, 0, 0] } }
    : { tag: family, val: { port, flowInfo: 0, address: [0, 0, 0, 0, 0, 0, 0, 0], scopeId: 0 } };
}
