// SPDX-License-Identifier: Apache-2.0
import { Agent, request, type AgentOptions, type ClientRequest, type RequestOptions } from 'node:http';

import type { EnarxError } from '@enarx/protocol';

import type { Address } from './address.ts';
import type { HostAccess } from './host-access.ts';
import type { HostConnection } from './host-connection.ts';

/** Shorter than any server keeps an idle connection, so that a request never meets one that is being closed. */
const idleTime = 4_000;
const agentOptions: AgentOptions = { keepAlive: true, timeout: idleTime, maxSockets: 16 };

/** What only TLS needs is loaded for it alone. @throws EnarxError `client/access-unusable` */
export async function connectionTo(address: Address, access: HostAccess = {}): Promise<HostConnection> {
  if (!('secure' in address)) return new PlainConnection(address);
  const { TlsConnection } = await import('./host-tls.ts');
  return new TlsConnection(address, access, agentOptions);
}

/** Loopback, a Unix socket, or whatever the caller's own tunnel ends in. */
class PlainConnection implements HostConnection {
  readonly #address: Address;
  readonly #agent = new Agent(agentOptions);

  constructor(address: Address) {
    this.#address = address;
  }

  credentials(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({});
  }

  request(options: RequestOptions): ClientRequest {
    return request({ ...this.#address, ...options, agent: this.#agent });
  }

  failure(): undefined {
    return undefined;
  }

  unauthenticated(reported: EnarxError): Promise<EnarxError> {
    return Promise.resolve(reported);
  }

  close(): void {
    this.#agent.destroy();
  }
}
