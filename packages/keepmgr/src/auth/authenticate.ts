// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

import type { JWTVerifyGetKey } from 'jose';

import type { Caller } from '../api/caller.ts';
import { InProgress } from '../api/in-progress.ts';
import type { Configuration } from '../config/schema.ts';
import { keepmgrProblem } from '../problems.ts';

/** Who sends a request. @throws EnarxError `api/unauthenticated`, `api/too-many-requests` */
export type Authenticate = (request: IncomingMessage) => Promise<Caller>;

type Tenant = NonNullable<Configuration['tenants']>[string];

/** Signatures only, and none with a secret that both sides would know. */
const algorithms = ['ES256', 'ES384', 'EdDSA', 'PS256', 'PS384', 'RS256'];
const clockTolerance = 30;
const longestToken = 8192;
/** Tokens that are looked at at once: where the issuer does not answer, each has its connection for as long as it is waited for. */
const mostTokens = 128;

/**
 * Tells tenants by their client certificate, else by their bearer token. Who is in neither table is nobody: no answer says
 * whether a token was bad or its owner unknown.
 *
 * @throws EnarxError `keepmgr/config-invalid` when the keys of the issuer cannot be read
 */
export async function authenticator(config: Configuration): Promise<Authenticate> {
  const byCertificate = new Map<string, Caller>();
  const bySubject = new Map<string, Caller>();
  for (const [name, tenant] of Object.entries(config.tenants ?? {})) {
    const caller = callerOf(name, tenant);
    if (tenant.certificate !== undefined) byCertificate.set(tenant.certificate, caller);
    if (tenant.subject !== undefined) bySubject.set(tenant.subject, caller);
  }
  const subjectOf = config.oidc === undefined ? undefined : await tokenReader(config.oidc);
  const tokens = new InProgress(() => mostTokens);
  return async (request) => {
    const fingerprint = fingerprintOf(request);
    const known = fingerprint === undefined ? undefined : byCertificate.get(fingerprint);
    if (known !== undefined) return known;
    const token = bearerOf(request);
    if (token === undefined || subjectOf === undefined) throw keepmgrProblem('api/unauthenticated');
    const end = tokens.begin('nobody yet');
    const subject = await subjectOf(token).finally(end);
    const caller = subject === undefined ? undefined : bySubject.get(subject);
    if (caller === undefined) throw keepmgrProblem('api/unauthenticated');
    return caller;
  };
}

function callerOf(tenant: string, { operator, ...limited }: Tenant): Caller {
  const { keeps, memory, createsPerMinute, longestLease } = limited;
  return { tenant, operator: operator ?? false, quota: { keeps, memory, createsPerMinute, longestLease } };
}

/** SHA-256 of the public key of a client certificate that an authority of ours issued. */
function fingerprintOf({ socket }: IncomingMessage): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  const spki = certificate?.publicKey.export({ type: 'spki', format: 'der' });
  return spki === undefined ? undefined : createHash('sha256').update(spki).digest('hex');
}

function bearerOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  if (authorization === undefined || authorization.length > longestToken) return undefined;
  return /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1];
}

/** The tenant claim of a token that verifies, or `undefined`. */
async function tokenReader(
  oidc: NonNullable<Configuration['oidc']>,
): Promise<(token: string) => Promise<string | undefined>> {
  const { jwtVerify, createLocalJWKSet, createRemoteJWKSet } = await import('jose');
  const { audience, claim = 'sub', issuer } = oidc;
  let keys: JWTVerifyGetKey;
  try {
    keys = oidc.keys.startsWith('https://')
      ? createRemoteJWKSet(new URL(oidc.keys), { timeoutDuration: 5000, cooldownDuration: 30_000 })
      : createLocalJWKSet(
          JSON.parse(await readFile(oidc.keys, 'utf8')) as Parameters<typeof createLocalJWKSet>[0],
        );
  } catch (cause) {
    throw keepmgrProblem('keepmgr/config-invalid', {
      found: `${oidc.keys}: ${(cause as Error).message}`,
      cause,
    });
  }
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        clockTolerance,
        requiredClaims: ['exp', claim],
      });
      const value = payload[claim];
      return typeof value === 'string' ? value : undefined;
    } catch {
      return undefined;
    }
  };
}
