// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';

import {
  attestRequest,
  decodeMessage,
  encodeMessage,
  type EnarxError,
  evidence as evidenceMessage,
  reportData,
  type Evidence,
  type Purpose,
} from '@enarx/protocol';

import { FrameStream } from '../frame-stream.ts';
import type { ClientIdentity } from '../identity.ts';
import { channelProblem } from '../problems.ts';
import { keyDigest } from '../public-key.ts';
import { alpnProtocol, contextOptions, exporterOf } from '../tls.ts';
import { Exchange } from './exchange.ts';

/** Milliseconds. */
export interface OpenTimes {
  readonly handshake: number;
  /** From a request to the end of its answer. */
  readonly answer: number;
}

export const defaultOpenTimes: OpenTimes = { handshake: 20_000, answer: 30_000 };

export interface OpenOptions {
  /** Carries bytes to the Keep, through whomever. The channel owns it from here on and closes it. */
  readonly connection: Duplex;
  readonly identity: ClientIdentity;
  /** 16 bytes: the Keep that was asked for. */
  readonly keepId: Uint8Array;
  readonly times?: Partial<OpenTimes> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sees every message with the name of its rule in enarx.cddl. */
  readonly tap?: ((direction: 'sent' | 'received', rule: string, bytes: Uint8Array) => void) | undefined;
}

/** What the other end presents, and what it must be about. */
export interface Presented {
  readonly evidence: Evidence;
  /** 64 bytes that evidence about this very connection holds; computed here, from this end alone. */
  readonly reportData: Uint8Array;
}

/** Decides whether what was presented is good. It throws where it is not; returning accepts. */
export type Judge = (presented: Presented) => Promise<void>;

/**
 * Opens a TLS 1.3 connection to whoever is at the other end, with every certificate check off and nothing of value sent.
 * Only `attest` leads further.
 *
 * @throws EnarxError `channel/handshake-failed`, `channel/handshake-unfit`, `channel/timeout`, `channel/aborted`
 */
export async function openChannel(options: OpenOptions): Promise<UnattestedChannel> {
  const link = new Link(options);
  return link.guarded(link.times.handshake, async () => {
    await link.shakeHands();
    return new UnattestedChannel(link);
  });
}

/** A connection to nobody in particular. The one thing that can be sent on it is the question for evidence. */
export class UnattestedChannel {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** SHA-256 of the other end's SubjectPublicKeyInfo, 32 bytes. */
  get keepKey(): Uint8Array {
    return this.#link.keepKey;
  }

  /**
   * Asks for evidence with a fresh nonce and has it judged. Whatever goes wrong destroys the connection.
   * @throws EnarxError what the other end reports, any `channel/…`; what `judge` throws
   */
  async attest<P extends Purpose>(purpose: P, judge: Judge): Promise<AttestedChannel<P>> {
    await this.#link.attest(purpose, judge);
    return new AttestedChannel(this.#link, purpose);
  }

  destroy(): void {
    this.#link.destroy();
  }
}

/** A connection to a Keep that was found good for one purpose. */
export class AttestedChannel<P extends Purpose> {
  readonly purpose: P;
  readonly #link: Link;

  constructor(link: Link, purpose: P) {
    this.#link = link;
    this.purpose = purpose;
  }

  /** SHA-256 of the Keep's SubjectPublicKeyInfo, 32 bytes. */
  get keepKey(): Uint8Array {
    return this.#link.keepKey;
  }

  /** The same again with another nonce, before the conversation has begun. */
  attest(judge: Judge): Promise<void> {
    return this.#link.attest(this.purpose, judge);
  }

  /** Turns the connection into the one on which a workload is delivered and heard. */
  deliver(this: AttestedChannel<'deliver'>): Promise<FrameStream> {
    return this.#link.converse('/v1/workload');
  }

  /** Turns the connection into the one on which an owner hears the workload that it delivered before. */
  attach(this: AttestedChannel<'attach'>): Promise<FrameStream> {
    return this.#link.converse('/v1/attach');
  }

  /** Has the Keep end its program. Only its owner may. */
  stop(this: AttestedChannel<'attach'>): Promise<void> {
    return this.#link.stop();
  }

  destroy(): void {
    this.#link.destroy();
  }
}

const nonceLength = 32;

/** What a finished handshake has settled. */
interface Ends {
  readonly keepKey: Uint8Array;
  readonly exporter: Uint8Array;
}

/** The connection under both; every step on it is bounded in time, and a step that fails is its last. */
class Link {
  readonly times: OpenTimes;
  readonly #options: OpenOptions;
  readonly #socket: TLSSocket;
  readonly #exchange: Exchange;
  readonly #abort: () => void;
  #ends: Ends | undefined;

  constructor(options: OpenOptions) {
    this.#options = options;
    this.times = { ...defaultOpenTimes, ...options.times };
    const { connection, identity, signal } = options;
    // Its errors reach the TLS socket, which passes them on.
    connection.on('error', () => undefined);
    // TLS takes this over: in the channel the end of one side is the end.
    connection.allowHalfOpen = false;
    this.#socket = connect({
      ...contextOptions(identity),
      socket: connection,
      ALPNProtocols: [alpnProtocol],
      // What a certificate says proves nothing here; evidence does. `checkServerIdentity` is then never called.
      rejectUnauthorized: false,
    });
    this.#socket.on('error', () => undefined);
    this.#exchange = new Exchange(this.#socket);
    this.#abort = () => {
      this.destroy();
    };
    signal?.addEventListener('abort', this.#abort, { once: true });
    this.#socket.once('close', () => {
      signal?.removeEventListener('abort', this.#abort);
    });
  }

  get keepKey(): Uint8Array {
    return (this.#ends as Ends).keepKey;
  }

  destroy(): void {
    this.#socket.destroy();
    this.#options.connection.destroy();
  }

  async shakeHands(): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', (cause) => {
        reject(channelProblem('channel/handshake-failed', { found: cause.message, cause }));
      });
      socket.once('close', () => {
        reject(channelProblem('channel/handshake-failed', { found: 'a closed connection' }));
      });
      if (socket.destroyed)
        reject(channelProblem('channel/handshake-failed', { found: 'a closed connection' }));
    });
    this.#ends = { keepKey: this.#presentedKey(), exporter: exporterOf(socket) };
  }

  /** A resumed session shows no certificate, so "none" must never pass for "nothing to object to". */
  #presentedKey(): Uint8Array {
    const socket = this.#socket;
    const unfit = (found: string, expected: string): EnarxError =>
      channelProblem('channel/handshake-unfit', { found, expected });
    const protocol = socket.getProtocol();
    if (protocol !== 'TLSv1.3') throw unfit(String(protocol), 'TLSv1.3');
    if (socket.isSessionReused()) throw unfit('a resumed session', 'a full handshake');
    if (socket.alpnProtocol !== alpnProtocol) throw unfit('another protocol in it', alpnProtocol);
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw unfit('no certificate', 'the certificate of the Keep');
    const digest = keyDigest(certificate.publicKey);
    if (digest === undefined) throw unfit('a key of another sort', 'a P-256 or P-384 key');
    return digest;
  }

  async attest(purpose: Purpose, judge: Judge): Promise<void> {
    const presented = await this.guarded(this.times.answer, async () => {
      const nonce = randomBytes(nonceLength);
      const question = encodeMessage(attestRequest, { nonce, purpose });
      this.#options.tap?.('sent', attestRequest.name, question);
      const answer = await this.#exchange.post('/v1/attest', 200, evidenceMessage.maxBytes, question);
      this.#options.tap?.('received', evidenceMessage.name, answer);
      const { identity, keepId } = this.#options;
      const { keepKey, exporter } = this.#ends as Ends;
      return {
        evidence: decodeMessage(evidenceMessage, answer),
        reportData: await reportData({
          nonce,
          keepKey,
          clientKey: identity.keyDigest,
          exporter,
          keepId,
          purpose,
        }),
      };
    });
    try {
      await judge(presented);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  converse(path: string): Promise<FrameStream> {
    return this.guarded(this.times.answer, async () => new FrameStream(await this.#exchange.upgrade(path)));
  }

  stop(): Promise<void> {
    return this.guarded(this.times.answer, async () => {
      await this.#exchange.post('/v1/stop', 204, 0);
    });
  }

  /** Runs one step; when it fails, is called off or takes too long, the connection is destroyed and the reason named. */
  async guarded<T>(milliseconds: number, step: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      this.destroy();
    }, milliseconds);
    try {
      if (signal?.aborted === true) throw channelProblem('channel/aborted');
      return await step();
    } catch (error) {
      this.destroy();
      if (signal?.aborted === true) throw channelProblem('channel/aborted', { cause: signal.reason });
      if (late.signal.aborted)
        throw channelProblem('channel/timeout', { expected: `an answer within ${String(milliseconds)} ms` });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
