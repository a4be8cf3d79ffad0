// SPDX-License-Identifier: Apache-2.0
import {
  compareBytes,
  formatKeepId,
  keep as keepMessage,
  keepLog,
  renewKeep,
  type Keep as KeepSummary,
  type LogEntry,
} from '@enarx/protocol';

import type { ClientIdentity } from '@enarx/channel';

import { anyOf, type HostApi } from './host-api.ts';
import type { LaunchTrust } from './launch-secret.ts';
import type { SealedLaunch } from './sealed-launch.ts';
import { clientProblem } from './problems.ts';
import type { Steps } from './steps.ts';
import type { OpenOptions, UnattestedKeep } from './unattested-keep.ts';

export interface LaunchOptions extends LaunchTrust {
  /** The client's own key, who alone may deliver. */
  readonly identity: ClientIdentity;
  readonly signal?: AbortSignal | undefined;
}

/** One Keep on a host, as far as the host tells. Nothing that the methods here return is proof; `open` leads to proof. */
export class Keep {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly #api: HostApi;
  readonly #steps: Steps;
  #removedByHost = false;

  constructor(api: HostApi, id: Uint8Array, steps: Steps) {
    this.#api = api;
    this.id = id;
    this.#steps = steps;
  }

  /** The id as people write it. */
  get name(): string {
    return formatKeepId(this.id);
  }

  async show(): Promise<KeepSummary> {
    return sameKeep(this.id, await this.#api.get(this.#path(), keepMessage));
  }

  /** The host's own events, oldest first. What the program prints is never among them. */
  log(): Promise<LogEntry[]> {
    return this.#api.get(this.#path('/log'), keepLog);
  }

  /** Has the host grant it so many milliseconds from now; at their end it is stopped. */
  async renew(lease: number): Promise<KeepSummary> {
    return sameKeep(
      this.id,
      await this.#api.post(this.#path('/renew'), keepMessage, 200, [renewKeep, { lease }]),
    );
  }

  /** Has the host end the Keep. Anyone who reaches the host may. */
  async stop(): Promise<KeepSummary> {
    return sameKeep(this.id, await this.#api.post(this.#path('/stop'), keepMessage, 200));
  }

  /** Has the host end the Keep and forget it. */
  remove(): Promise<void> {
    return this.#api.delete(this.#path());
  }

  /** The same, unless the host does so by itself: a connection with `removeAfter` was opened, and has been closed since. */
  async giveUp(): Promise<void> {
    if (!this.#removedByHost) await this.remove();
  }

  /**
   * Opens a TLS connection to the Keep through the host. It proves nothing yet, and nothing of value can be sent on it:
   * attest it first. Waits, bounded, for a Keep that is still launching.
   */
  async open(options: OpenOptions): Promise<UnattestedKeep> {
    const { openKeep } = await import('./unattested-keep.ts');
    return openKeep(this.#api, this.id, this.#path('/channel'), this.#steps, {
      ...options,
      onRelayed: () => {
        this.#removedByHost ||= options.removeAfter === true;
      },
    });
  }

  /**
   * Takes the owner's part in a launch with a secret: kinds `sev`, `sev-es` and `sim-sev` come to nothing without it. Once, before `open`.
   * @throws RejectedError for a platform that is not good; EnarxError `sev/…`, `client/…`
   */
  async launch({ identity, signal, ...trust }: LaunchOptions): Promise<SealedLaunch> {
    const { launchWithSecret } = await import('./launch-secret.ts');
    this.#steps.launchWithSecret();
    const session = { steps: this.#steps, signal: anyOf(this.#api.signal, signal), tap: this.#api.tap };
    const connection = await this.#api.channel(this.#path('/launch'), 'enarx-launch/1', signal);
    return launchWithSecret(connection, identity, trust, session);
  }

  #path(rest = ''): string {
    return `/v1/keeps/${this.name}${rest}`;
  }
}

function sameKeep(id: Uint8Array, summary: KeepSummary): KeepSummary {
  if (compareBytes(id, summary.id) === 0) return summary;
  throw clientProblem('client/host-answer', {
    found: `an answer about Keep ${formatKeepId(summary.id)}`,
    expected: formatKeepId(id),
  });
}
