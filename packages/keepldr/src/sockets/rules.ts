// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIP, isIPv4 } from 'node:net';

import { keepldrProblem } from '../problems.ts';

/** What an operator lets programs in Keeps do with the host's network. Nothing is the default. */
export interface SocketRules {
  /** `ADDRESS:PORTS`: addresses of the host on which it may listen for a program. */
  readonly listen: readonly string[];
  /** `HOST:PORTS`: where it may connect a program to. */
  readonly dial: readonly string[];
}

interface Rule {
  /** Address or name in its one spelling, or `*`. */
  readonly host: string;
  readonly first: number;
  readonly last: number;
}

const mostPort = 65_535;
/** Every address of the host, both families where it has them. */
const anyAddress = '::';

/**
 * `127.0.0.1:8080`, `[::1]:8000-8999`, `localhost:*`, `*:443`.
 * @throws EnarxError `keepldr/socket-rule`
 */
export function parseSocketRule(text: string): Rule {
  const [, bracketed, bare, ports = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):([\d*-]+)$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(ports) ?? [];
  const first = from === undefined ? 0 : Number(from);
  const last = from === undefined ? mostPort : Number(to ?? from);
  if (host === undefined || (from === undefined && ports !== '*') || first > last || last > mostPort)
    throw keepldrProblem('keepldr/socket-rule', { found: text, expected: 'HOST:PORTS' });
  return { host: canonical(host), first, last };
}

/** @returns where to listen: the address that was asked for, or the first that a rule gives; `undefined` where no rule allows it */
export function listenAddress(
  rules: readonly string[],
  asked: { readonly address?: string | undefined; readonly port: number },
): string | undefined {
  const wanted = asked.address === undefined ? undefined : canonical(asked.address);
  for (const rule of rules.map(parseSocketRule)) {
    if (!coversPort(rule, asked.port)) continue;
    if (wanted === undefined) return rule.host === '*' ? anyAddress : socketAddress(rule.host);
    if (rule.host === '*' || rule.host === wanted) return socketAddress(wanted);
  }
  return undefined;
}

/** Whether a connection may be made: to whatever the name stands for, only where it stands for a public address, or not at all. */
export function mayDial(
  rules: readonly string[],
  { host, port }: { readonly host: string; readonly port: number },
): 'anywhere' | 'public' | undefined {
  const wanted = canonical(host);
  const matching = rules.map(parseSocketRule).filter((rule) => rule.first <= port && port <= rule.last);
  if (matching.some((rule) => rule.host === wanted)) return 'anywhere';
  // An operator who allows every name does not mean the services of his own machine and network, which many names can lead to.
  return matching.some((rule) => rule.host === '*') ? 'public' : undefined;
}

/** Any free port is allowed where all are. */
function coversPort({ first, last }: Rule, port: number): boolean {
  return port === 0 ? first === 0 && last === mostPort : first <= port && port <= last;
}

function socketAddress(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

/** One spelling for each name and address, so that they can be compared. */
function canonical(host: string): string {
  const lower = host.toLowerCase();
  if (isIP(lower) === 6) return new URL(`http://[${lower}]/`).hostname.slice(1, -1);
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** IANA's special-purpose address registries: what is not globally reachable, and multicast. */
const notPublic = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  notPublic.addSubnet(network, prefix, 'ipv4');

const publicIpv6 = new BlockList();
publicIpv6.addSubnet('2000::', 3, 'ipv6');
/** Addresses of IPv6 that stand for one of IPv4 (6to4), and those for protocols (Teredo among them). */
const tunnels = new BlockList();
tunnels.addSubnet('2002::', 16, 'ipv6');
tunnels.addSubnet('2001::', 23, 'ipv6');

/** Whether an address is one of the public network. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !notPublic.check(address, 'ipv4');
  return publicIpv6.check(address, 'ipv6') && !tunnels.check(address, 'ipv6');
}
