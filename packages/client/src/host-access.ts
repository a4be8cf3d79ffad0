// SPDX-License-Identifier: Apache-2.0
import type { Address } from './address.ts';
import { clientProblem } from './problems.ts';

/**
 * By what a host on the network is known, and how one says there who one is. None of it makes a Keep trustworthy: a Keep is
 * judged by its evidence, whoever its host is.
 */
export interface HostAccess {
  /** Authorities in which the host's certificate must end, PEM; those that Node ships where it is left out. */
  readonly authorities?: string | undefined;
  /** Client certificate, with what stands between it and the authority that the host knows, PEM. */
  readonly certificate?: string | undefined;
  /** Its private key, PEM without a passphrase. */
  readonly key?: string | undefined;
  /** Gives the bearer token. Asked before each request, since a token may be renewed meanwhile. */
  readonly token?: (() => string | Promise<string>) | undefined;
}

/** The host takes a header `Authorization` of at most 8192 bytes. */
const longestToken = 8185;

/**
 * A token in the clear is everybody's, and an authority that is not asked protects nobody.
 * @throws EnarxError `client/access-insecure`
 */
export function refuseInsecure(address: Address, access: HostAccess | undefined): void {
  if ('secure' in address || access === undefined) return;
  const given = (Object.keys(access) as (keyof HostAccess)[]).filter((key) => access[key] !== undefined);
  if (given.length > 0) throw clientProblem('client/access-insecure', { found: given.join(', ') });
}

/**
 * The token of this moment. What was given instead of one is never repeated: it may be a secret of another kind.
 * @throws EnarxError `client/access-unusable`
 */
export async function tokenOf({ token }: HostAccess): Promise<string | undefined> {
  if (token === undefined) return undefined;
  const text = (await token()).trim();
  // RFC 6750 section 2.1, b64token
  if (text.length > 0 && text.length <= longestToken && /^[\w.~+/-]+=*$/.test(text)) return text;
  throw clientProblem('client/access-unusable', {
    found: `a token of ${String(text.length)} characters`,
    expected: `1 to ${String(longestToken)} of those that a bearer token has`,
  });
}

/** Seconds since 1970 at which a token says that it is over, if it is a JWT and says so. Nothing is verified. */
export function expiryOf(token: string): number | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const { exp } = payload as { readonly exp?: unknown };
    return typeof exp === 'number' ? exp : undefined;
  } catch {
    return undefined;
  }
}
