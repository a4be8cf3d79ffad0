// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';

import type { Authenticate } from '../auth/authenticate.ts';
import type { Configuration } from '../config/schema.ts';
import type { DaemonLog } from '../daemon-log.ts';
import { keepmgrProblem } from '../problems.ts';
import { InProgress } from './in-progress.ts';
import { listen, type Place } from './listen.ts';
import type { ApiSubject } from './routes.ts';
import { apiServer } from './server.ts';

interface Guard {
  readonly tls: SecureContextOptions;
  readonly authenticate: Authenticate;
}

/** Every place where the API is served. */
export class Doors {
  readonly #subject: ApiSubject;
  readonly #log: DaemonLog;
  readonly #open: Server[] = [];
  readonly #guarded: TlsServer[] = [];
  #guard: Guard | undefined;
  /** At all doors together. */
  readonly #inProgress: InProgress;

  constructor(subject: ApiSubject, log: DaemonLog) {
    this.#subject = subject;
    this.#log = log;
    this.#inProgress = new InProgress(() => subject.limits.requestsPerTenant);
  }

  /** @throws EnarxError `keepmgr/config-invalid`, `keepmgr/listen-failed`; then none is open */
  async open(places: readonly Place[], config: Configuration | undefined): Promise<readonly string[]> {
    const addresses: string[] = [];
    try {
      for (const place of places) {
        const tls = 'tls' in place && place.tls;
        const server = await (tls ? this.#guardedServer(config ?? {}) : apiServer(this.#subject, this.#log));
        addresses.push(await listen(server, place));
        this.#open.push(server);
      }
      return addresses;
    } catch (error) {
      this.shut();
      this.cut();
      throw error;
    }
  }

  /** @throws EnarxError `keepmgr/config-invalid`; then all is as it was */
  async reload(config: Configuration): Promise<void> {
    if (this.#guarded.length === 0) return;
    const guard = await guardOf(config);
    for (const server of this.#guarded) server.setSecureContext(guard.tls);
    this.#guard = guard;
  }

  /** Takes no new connections. */
  shut(): void {
    for (const server of this.#open) server.close();
  }

  /** Ends those that there are. */
  cut(): void {
    for (const server of this.#open) server.closeAllConnections();
  }

  async #guardedServer(config: Configuration): Promise<Server> {
    this.#guard ??= await guardOf(config);
    const { tls } = this.#guard;
    const server = await apiServer(this.#subject, this.#log, {
      tls,
      clientCertificates: config.tls?.clientAuthorities !== undefined,
      authenticate: () => (this.#guard as Guard).authenticate,
      inProgress: this.#inProgress,
    });
    this.#guarded.push(server as unknown as TlsServer);
    return server;
  }
}

/** @throws EnarxError `keepmgr/config-invalid` */
async function guardOf(config: Configuration): Promise<Guard> {
  const { authenticator } = await import('../auth/authenticate.ts');
  const authenticate = await authenticator(config);
  const { tls } = config;
  if (tls === undefined) throw keepmgrProblem('keepmgr/config-invalid', { found: 'no section tls' });
  try {
    const [cert, key, ca] = await Promise.all([
      readFile(tls.certificate),
      readFile(tls.key),
      tls.clientAuthorities === undefined ? undefined : readFile(tls.clientAuthorities),
    ]);
    const options = { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.3' as const };
    // What cannot be used is found out here and not at the first connection.
    (await import('node:tls')).createSecureContext(options);
    return { tls: options, authenticate };
  } catch (cause) {
    throw keepmgrProblem('keepmgr/config-invalid', { found: `tls: ${(cause as Error).message}`, cause });
  }
}
