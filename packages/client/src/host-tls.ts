// SPDX-License-Identifier: Apache-2.0
//
// TLS to a host on the network. Loaded for such hosts only.
import { X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import type { AgentOptions, ClientRequest, RequestOptions } from 'node:http';
import { createSecureContext } from 'node:tls';

import type { EnarxError } from '@enarx/protocol';

import { expiryOf, tokenOf, type HostAccess } from './host-access.ts';
import type { HostConnection } from './host-connection.ts';
import { clientProblem, type ClientProblemCode } from './problems.ts';

/** What Node and OpenSSL call it, and what it is to us. The first that fits counts. */
const failures: readonly (readonly [RegExp, ClientProblemCode])[] = [
  [/^ERR_TLS_CERT_ALTNAME_INVALID$|^HOSTNAME_MISMATCH$/, 'client/host-name'],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'client/host-certificate-time'],
  [/^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_|PATH_LENGTH_|ERROR_IN_)/, 'client/host-untrusted'],
  [/_ALERT_(\w+_)?(CERTIFICATE(_\w+)?|UNKNOWN_CA|ACCESS_DENIED)$/, 'client/certificate-refused'],
  [/^(ERR_SSL_|EPROTO)/, 'client/host-tls'],
];

/** TLS 1.3 with the host's certificate checked, as nothing here can turn off. */
export class TlsConnection implements HostConnection {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #access: HostAccess;
  readonly #agent: Agent;

  /** @throws EnarxError `client/access-unusable` */
  constructor(
    address: { readonly host: string; readonly port: number },
    access: HostAccess,
    agentOptions: AgentOptions,
  ) {
    const { host, port } = address;
    this.#address = { host, port };
    this.#access = access;
    const options = {
      ...(access.authorities === undefined ? {} : { ca: certificatesIn(access.authorities) }),
      ...(access.certificate === undefined ? {} : { cert: access.certificate }),
      ...(access.key === undefined ? {} : { key: access.key }),
      minVersion: 'TLSv1.3' as const,
    };
    if ((access.certificate === undefined) !== (access.key === undefined))
      throw clientProblem('client/access-unusable', {
        found: access.key === undefined ? 'a certificate without its key' : 'a key without its certificate',
      });
    try {
      createSecureContext(options);
    } catch (cause) {
      throw clientProblem('client/access-unusable', { found: (cause as Error).message, cause });
    }
    this.#agent = new Agent({
      ...agentOptions,
      ...options,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
  }

  async credentials(): Promise<Readonly<Record<string, string>>> {
    const token = await tokenOf(this.#access);
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  request(options: RequestOptions): ClientRequest {
    return request({ ...this.#address, ...options, agent: this.#agent });
  }

  failure({ code = '', message }: NodeJS.ErrnoException, cause: unknown): EnarxError | undefined {
    const found = failures.find(([pattern]) => pattern.test(code));
    return found === undefined ? undefined : clientProblem(found[1], { found: message, cause });
  }

  /** The host says the same to everybody whom it does not know; what is wrong with what one came with can be seen from here. */
  async unauthenticated(reported: EnarxError): Promise<EnarxError> {
    const { certificate } = this.#access;
    const now = Date.now();
    const token = await tokenOf(this.#access);
    if (token === undefined && certificate === undefined)
      return clientProblem('client/credentials-missing', { cause: reported });
    const expiry = token === undefined ? undefined : expiryOf(token);
    if (expiry !== undefined && expiry * 1000 <= now)
      return clientProblem('client/token-expired', {
        found: `over since ${time(expiry * 1000)}`,
        cause: reported,
      });
    const until =
      certificate === undefined ? Infinity : new X509Certificate(certificate).validToDate.getTime();
    if (until <= now)
      return clientProblem('client/certificate-expired', {
        found: `over since ${time(until)}`,
        cause: reported,
      });
    return reported;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Node takes a file without certificates for an empty list. @throws EnarxError `client/access-unusable` */
function certificatesIn(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0)
    throw clientProblem('client/access-unusable', {
      found: 'no certificate among the authorities',
      expected: 'PEM',
    });
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw clientProblem('client/access-unusable', {
        found: `authorities: ${(cause as Error).message}`,
        cause,
      });
    }
  }
  return blocks;
}

/** A token may say any number. */
function time(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString();
}
