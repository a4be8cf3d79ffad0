// SPDX-License-Identifier: Apache-2.0
import type { TLSSocket } from 'node:tls';

import { EnarxError, reportData, type Evidence, type Purpose } from '@enarx/protocol';

import { channelProblem } from '../problems.ts';
import { keyDigest } from '../public-key.ts';
import { exporterOf } from '../tls.ts';

const mostRequests = 16;

/** What is asked for on a connection, once at a time, and what was proved on it. */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #exporter: Uint8Array;
  readonly #deadline: NodeJS.Timeout;
  #clientKey: Uint8Array | undefined;
  #requests = 0;
  #answering = false;
  #purpose: Purpose | undefined;
  #proved = false;

  /** @param longest - milliseconds until a connection is closed on which no conversation has begun */
  constructor(socket: TLSSocket, longest: number) {
    this.#socket = socket;
    this.#exporter = exporterOf(socket);
    this.#deadline = setTimeout(() => {
      socket.destroy();
    }, longest);
  }

  /**
   * To be called at each request, before anything else.
   * @returns the digest of the client's key
   * @throws EnarxError `channel/resumed`, `channel/client-key`, `channel/too-many-requests`
   */
  begin(): Uint8Array {
    this.#requests += 1;
    if (this.#answering || this.#requests > mostRequests) throw channelProblem('channel/too-many-requests');
    this.#answering = true;
    return (this.#clientKey ??= clientKeyOf(this.#socket));
  }

  /** The answer has been sent. */
  answered(): void {
    this.#answering = false;
  }

  /**
   * Evidence for this connection. It serves one purpose from here on.
   * @throws EnarxError `channel/purpose-other`, `channel/evidence-unavailable`
   */
  async attest(
    { nonce, purpose }: { readonly nonce: Uint8Array; readonly purpose: Purpose },
    { keepKey, keepId }: { readonly keepKey: Uint8Array; readonly keepId: Uint8Array },
    report: (reportData: Uint8Array) => Promise<Evidence>,
  ): Promise<Evidence> {
    this.#purpose ??= purpose;
    if (this.#purpose !== purpose)
      throw channelProblem('channel/purpose-other', { found: purpose, expected: this.#purpose });
    const clientKey = this.#clientKey as Uint8Array;
    const bound = await reportData({ nonce, keepKey, clientKey, exporter: this.#exporter, keepId, purpose });
    let evidence: Evidence;
    try {
      evidence = await report(bound);
    } catch (cause) {
      // Of what the host says of itself a client learns the code only.
      throw channelProblem('channel/evidence-unavailable', {
        found: cause instanceof EnarxError ? String(cause.code) : undefined,
        cause,
      });
    }
    this.#proved = true;
    return evidence;
  }

  /** @throws EnarxError `channel/not-attested` */
  require(purpose: Purpose): void {
    if (!this.#proved || this.#purpose !== purpose)
      throw channelProblem('channel/not-attested', {
        found: this.#proved ? `evidence for ${this.#purpose as string}` : 'none',
        expected: `evidence for ${purpose}`,
      });
  }

  /** It is upgraded. From here on silence is no fault: a program may compute for days. */
  converse(): void {
    clearTimeout(this.#deadline);
    this.#socket.setTimeout(0);
  }

  closed(): void {
    clearTimeout(this.#deadline);
  }
}

/** OpenSSL has checked that the client holds the key of whatever certificate it showed (RFC 8446 section 4.4.3); nobody else has to vouch for it. */
function clientKeyOf(socket: TLSSocket): Uint8Array {
  if (socket.isSessionReused()) throw channelProblem('channel/resumed');
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw channelProblem('channel/client-key', { found: 'no certificate' });
  const { publicKey } = certificate;
  const digest = keyDigest(publicKey);
  if (digest === undefined)
    throw channelProblem('channel/client-key', {
      found: `a key of type ${String(publicKey.asymmetricKeyType)}`,
    });
  return digest;
}
