// SPDX-License-Identifier: Apache-2.0
import {
  createKeep,
  formatKeepId,
  keep as keepMessage,
  keepList,
  managerInfo,
  parseKeepId,
  platform,
  supportBundle,
  type Keep as KeepSummary,
  type ManagerInfo,
  type Platform,
  type Resources,
  type Tee,
} from '@enarx/protocol';

import type { HostAccess } from './host-access.ts';
import { HostApi, type HostTimes } from './host-api.ts';
import { Keep } from './keep.ts';
import { clientProblem } from './problems.ts';
import { Steps, type Step } from './steps.ts';
import type { Tap } from './tap.ts';

export interface ConnectOptions {
  /** `http://NAME:PORT`, `https://NAME:PORT` or `unix:/PATH`. */
  readonly url: string;
  /** What a host on the network is known by, and oneself there. For `https://` only. */
  readonly access?: HostAccess | undefined;
  /** Calls everything off that goes through this host. */
  readonly signal?: AbortSignal | undefined;
  readonly times?: Partial<HostTimes> | undefined;
  readonly onStep?: ((step: Step) => void) | undefined;
  readonly tap?: Tap | undefined;
}

export interface NewKeep {
  readonly tee: Tee;
  /** For machines; the host's own measure where it is left out. */
  readonly resources?: Resources | undefined;
  /** Milliseconds after which the host stops it, unless it is renewed. */
  readonly lease?: number | undefined;
  /** Called when the request has left this process: a good moment to compute what the Keep will be judged by. */
  readonly onSent?: (() => void) | undefined;
}

/** A host that offers Keeps: a keepmgr. Nothing that it says is trusted. */
export class Host {
  readonly #api: HostApi;
  readonly #onStep: ((step: Step) => void) | undefined;

  constructor(options: ConnectOptions) {
    this.#api = new HostApi(options);
    this.#onStep = options.onStep;
  }

  get url(): string {
    return this.#api.url;
  }

  info(): Promise<ManagerInfo> {
    return this.#api.get('/v1/', managerInfo);
  }

  platform(): Promise<Platform> {
    return this.#api.get('/v1/platform', platform);
  }

  /** Has the host take no new Keeps, or take them again. For operators of the host. */
  cordon(cordoned: boolean): Promise<ManagerInfo> {
    return this.#api.post(cordoned ? '/v1/cordon' : '/v1/uncordon', managerInfo, 200);
  }

  /** Has the host take no new Keeps and stop those that it has; resolves when nothing runs there any more. For operators of the host. */
  drain(): Promise<ManagerInfo> {
    return this.#api.post('/v1/drain', managerInfo, 200);
  }

  /** What an operator may hand to whoever is to help: JSON, without secrets. For operators of the host. */
  async supportBundle(): Promise<string> {
    return (await this.#api.get('/v1/support', supportBundle)).json;
  }

  keeps(): Promise<KeepSummary[]> {
    return this.#api.get('/v1/keeps', keepList);
  }

  /** Has the host launch a Keep. Returns as soon as the host has begun; `open` waits until it is ready. */
  async createKeep({ tee, resources, lease, onSent }: NewKeep): Promise<Keep> {
    const steps = new Steps(this.#onStep);
    const wanted = {
      tee,
      ...(resources === undefined ? {} : { resources }),
      ...(lease === undefined ? {} : { lease }),
    };
    const summary = await this.#api.post('/v1/keeps', keepMessage, 201, [createKeep, wanted], onSent);
    if (summary.tee !== tee)
      throw clientProblem('client/host-answer', { found: `a Keep of kind ${summary.tee}`, expected: tee });
    steps.take(1, `kind ${tee}, at ${this.url}`);
    steps.take(2, `Keep ${formatKeepId(summary.id)}, ${summary.state}`);
    return new Keep(this.#api, summary.id, steps);
  }

  /**
   * A Keep that was created before. Nothing is asked of the host yet.
   * @throws EnarxError `client/keep-id-invalid`
   */
  keep(name: string): Keep {
    const id = parseKeepId(name);
    if (id === undefined) throw clientProblem('client/keep-id-invalid', { found: name });
    return new Keep(this.#api, id, new Steps(this.#onStep));
  }

  /** Lets go of idle connections. */
  close(): void {
    this.#api.close();
  }
}

/**
 * A host by its address. No connection is made before something is asked.
 * @throws EnarxError `client/address-invalid`, `client/access-insecure`
 */
export function connect(options: ConnectOptions): Host {
  return new Host(options);
}
