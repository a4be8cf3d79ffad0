// SPDX-License-Identifier: Apache-2.0
import { openChannel, type ClientIdentity, type OpenTimes, type UnattestedChannel } from '@enarx/channel';
import { toHex, type Purpose } from '@enarx/protocol';

import { AttestedKeep } from './attested-keep.ts';
import { anyOf, type HostApi } from './host-api.ts';
import { judgement, type Trust } from './judgement.ts';
import type { Session } from './session.ts';
import type { Steps } from './steps.ts';

export interface OpenOptions {
  /** The client's own key. Whoever delivers first owns the Keep, and only that key may come back. */
  readonly identity: ClientIdentity;
  /** Milliseconds. */
  readonly times?: Partial<OpenTimes> | undefined;
  readonly signal?: AbortSignal | undefined;
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

  destroy(): void {
    this.#channel.destroy();
  }
}

export async function openKeep(
  api: HostApi,
  keepId: Uint8Array,
  path: string,
  steps: Steps,
  { identity, signal, times }: OpenOptions,
): Promise<UnattestedKeep> {
  const session: Session = { steps, signal: anyOf(api.signal, signal), tap: api.tap };
  const connection = await api.channel(path, signal);
  steps.take(3, '');
  steps.take(4, `relay through ${api.url}`);
  steps.take(5, 'ready');
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
