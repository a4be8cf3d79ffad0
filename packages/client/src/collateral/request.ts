// SPDX-License-Identifier: Apache-2.0
import { collectBytes, EnarxError } from '@enarx/protocol';

import { collateralProblem } from './problems.ts';

/** What one request came to. */
export type Answer =
  | { readonly files: readonly Uint8Array[] }
  /** Worth another try, perhaps after the time that the service asked for, in milliseconds. */
  | { readonly again: EnarxError; readonly after: number | undefined };

export interface RequestOptions {
  /** For head and body together, in milliseconds. */
  readonly timeout: number;
  /** Largest body in bytes. */
  readonly mostBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Headers in which Intel's services send the chain of a document's signer, percent-encoded. */
const chainHeaders = [
  'tcb-info-issuer-chain',
  'sgx-tcb-info-issuer-chain',
  'sgx-enclave-identity-issuer-chain',
  'sgx-pck-crl-issuer-chain',
  'sgx-pck-certificate-issuer-chain',
] as const;

/**
 * Asks once. Redirects are not followed: where collateral comes from is the caller's choice.
 * @throws EnarxError `collateral/refused`, `collateral/unusable`
 */
export async function requestOnce(url: string, options: RequestOptions): Promise<Answer> {
  const { timeout, now, mostBytes } = options;
  // Its own, so that the time runs until the body is whole and not only until the head is there.
  const limit = AbortSignal.timeout(timeout);
  const signal = AbortSignal.any([limit, options.signal]);
  try {
    const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: '*/*' } });
    const { status, headers } = response;
    if (status !== 200) {
      await response.body?.cancel();
      if (status === 429 || status >= 500)
        return again(`status ${String(status)}`, retryAfter(headers, now()));
      throw collateralProblem('collateral/refused', { found: `status ${String(status)} of ${url}` });
    }
    const body = await bodyOf(response, mostBytes, url);
    const chains = chainHeaders.map((name) => headers.get(name)).filter((value) => value !== null);
    return { files: [body, ...chains.map((chain) => new TextEncoder().encode(chain))] };
  } catch (error) {
    if (error instanceof EnarxError) throw error;
    options.signal.throwIfAborted();
    const reason = limit.aborted ? `no whole answer within ${String(timeout)} ms` : reasonOf(error);
    return again(reason, undefined, error);
  }
}

async function bodyOf(response: Response, most: number, url: string): Promise<Uint8Array> {
  const body = await collectBytes(response.body ?? [], most);
  if (body !== undefined) return body;
  throw collateralProblem('collateral/unusable', { found: `more than ${String(most)} bytes from ${url}` });
}

/** Seconds or a date (RFC 9110 section 10.2.3), as milliseconds from now; `undefined` for what is neither. */
function retryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const time = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(time) ? undefined : Math.max(0, time);
}

function again(found: string, after: number | undefined, cause?: unknown): Answer {
  return { again: collateralProblem('collateral/unreachable', { found, cause }), after };
}

/** Node says "fetch failed"; why stands in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
