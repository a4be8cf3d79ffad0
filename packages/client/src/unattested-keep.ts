// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';

import {
  openChannel,
  ReportedError,
  type ClientIdentity,
  type OpenTimes,
  type UnattestedChannel,
} from '@enarx/channel';
import { toHex, type Evidence, type Purpose } from '@enarx/protocol';

import { AttestedKeep } from './attested-keep.ts';
import { anyOf, type HostApi } from './host-api.ts';
import { judgement, type Trust } from './judgement.ts';
import type { SealedLaunch } from './sealed-launch.ts';
import type { Session } from './session.ts';
import type { Steps } from './steps.ts';

export interface OpenOptions {
  /** The client's own key. Whoever delivers first owns the Keep, and only that key may come back. */
  readonly identity: ClientIdentity;
  /** Milliseconds. */
  readonly times?: Partial<OpenTimes & { readonly launch: number }> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Has the host remove the Keep when this connection has closed, however that came, as `Keep.remove` would. */
  readonly removeAfter?: boolean | undefined;
}

export interface AttestOptions<P extends Purpose> extends Trust {
  /** What is to be done with the Keep: `deliver` a workload, `attach` to one's own (or stop it), or only `verify`. */
  readonly purpose: P;
}

/** A TLS connection to whoever answers for the Keep. All that one can do with it is to ask for evidence. */
export class UnattestedKeep {
  readonly #channel: UnattestedChannel;
  readonly #session: Session;

  constructor(channel: UnattestedChannel, session: Session) {
    this.#channel = channel;
    this.#session = session;
  }

  /**
   * Asks for evidence about this very connection and judges it. Where it is not accepted the connection is destroyed, and nothing
   * but the question was sent on it.
   *
   * @throws RejectedError with the verdict; ReportedError; EnarxError any `channel/…`
   */
  async attest<const P extends Purpose>({ purpose, ...trust }: AttestOptions<P>): Promise<AttestedKeep<P>> {
    const { judge, verdict } = judgement(trust, this.#session.steps);
    const channel = await this.#channel.attest(purpose, judge);
    return new AttestedKeep(channel, verdict(), this.#session);
  }

  /**
   * The same for a Keep that one has launched with a secret: it is good when it has the key that was sealed for it.
   * @throws RejectedError with the verdict; ReportedError; EnarxError any `channel/…`
   */
  async attestSealed<const P extends Purpose>(purpose: P, launch: SealedLaunch): Promise<AttestedKeep<P>> {
    const { sealedJudgement } = await import('./sealed-launch.ts');
    const { judge, verdict } = sealedJudgement(launch, this.#session.steps, this.#channel.keepKey);
    const channel = await this.#channel.attest(purpose, judge);
    return new AttestedKeep(channel, verdict(), this.#session);
  }

  /**
   * Asks for evidence and judges nothing: for whoever wants to read it, or to write a policy from it. The connection is destroyed afterwards, so that nothing is ever sent to a Keep
   * that nobody judged.
   *
   * @throws ReportedError; EnarxError any `channel/…`
   */
  async evidence(): Promise<Evidence> {
    const received = Promise.withResolvers<Evidence>();
    try {
      await this.#channel.attest('verify', ({ evidence }) => {
        received.resolve(evidence);
        return Promise.resolve();
      });
      return await received.promise;
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    this.#channel.destroy();
  }
}

const channelToken = 'enarx-channel/1';
/** Milliseconds that a Keep may take to become ready. The host waits for less at a time; a machine in emulation takes longer. */
const longestLaunch = 310_000;

async function channelWhenReady(
  api: HostApi,
  path: string,
  signal: AbortSignal | undefined,
  longest = longestLaunch,
): Promise<Socket> {
  const deadline = performance.now() + longest;
  for (;;) {
    try {
      return await api.channel(path, channelToken, signal);
    } catch (error) {
      const waiting = error instanceof ReportedError && error.code === 'keep/not-ready';
      if (!waiting || performance.now() > deadline) throw error;
    }
  }
}

export async function openKeep(
  api: HostApi,
  keepId: Uint8Array,
  path: string,
  steps: Steps,
  {
    identity,
    signal,
    times,
    removeAfter = false,
    onRelayed,
  }: OpenOptions & { readonly onRelayed: () => void },
): Promise<UnattestedKeep> {
  const session: Session = { steps, signal: anyOf(api.signal, signal), tap: api.tap };
  const full = removeAfter ? `${path}?then=remove` : path;
  steps.take(3, `upgrade to ${channelToken} asked of ${api.url}`);
  const connection = await channelWhenReady(api, full, session.signal, times?.launch);
  onRelayed();
  steps.take(4, 'the host answered the upgrade with 101');
  // The Keep says nothing before it is spoken to: until the handshake is over there is only the host's word for it.
  steps.take(5, 'no more than the 101 says so; TLS handshake begins');
  const channel = await openChannel({
    connection,
    identity,
    keepId,
    times,
    signal: session.signal,
    tap: session.tap,
  });
  steps.take(6, `TLS 1.3, key ${toHex(channel.keepKey)}`);
  return new UnattestedKeep(channel, session);
}
