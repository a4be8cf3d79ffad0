// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import { EnarxError, type KeepState, type LdrLaunch, type LdrState } from '@enarx/protocol';

import type { InstanceEnd, LaunchOptions, TeeInstance } from './backends/backend.ts';
import { backendFor } from './backends/backends.ts';
import { refuseOwner } from './backends/launch-secret/conversation.ts';
import { ManagerLink } from './manager-link.ts';
import { relay } from './relay.ts';
import { GuestSockets } from './sockets/guest-sockets.ts';

/** A guest that has ended its program stays for its owner to come back for the result, but not for ever. */
const longestLingering = 600_000;
/** A guest that says it failed has nothing left to give. */
const longestFailing = 5000;
const mostRelays = 32;
/** The guest's last words may still be on their way through us when it has ended. */
const longestDraining = 10_000;
/** Who asked for the end does not wait for a client that keeps its side open. */
const longestDrainingWhenStopped = 1000;

/**
 * One Keep from launch to end. Resolves when nothing of it is left and the manager was told, if there is one.
 *
 * @param launch - what keepmgr wants; the working directory is the Keep's own
 * @param release - directory of the release
 */
export async function runKeep(launch: LdrLaunch, release: string): Promise<void> {
  // Spawning comes first: the guest starts while everything else is set up.
  const notes: { keep?: KeepLoader } = {};
  const sockets = new GuestSockets(launch.sockets ?? { listen: [], dial: [] });
  const launching = launchInstance(launch, release, sockets, {
    onEvent: (event, detail) => notes.keep?.note(event, detail),
    onEvidence: (took) => notes.keep?.gaveEvidence(took),
  });
  const keep = (notes.keep = new KeepLoader(launch, launching, sockets));
  await keep.run();
}

async function launchInstance(
  launch: LdrLaunch,
  release: string,
  sockets: GuestSockets,
  told: Pick<LaunchOptions, 'onEvent' | 'onEvidence'>,
): Promise<TeeInstance> {
  return backendFor(launch.tee).launch({
    id: launch.id,
    release,
    guestDirectory: join(launch.directory, 'guest'),
    simulator: launch.simulator,
    sandbox: launch.sandbox,
    image: launch.image,
    sevPlatform: launch['sev-platform'],
    resources: launch.resources,
    sockets,
    ...told,
  });
}

class KeepLoader {
  readonly #manager: ManagerLink;
  #instance: TeeInstance | undefined;
  readonly #launching: Promise<TeeInstance>;
  #state: LdrState = { state: 'launching' };
  #stopped = false;
  #lost = false;
  readonly #relays = new Set<Promise<void>>();
  readonly #sockets: GuestSockets;

  constructor(
    { manager, id, token, request }: LdrLaunch,
    launching: Promise<TeeInstance>,
    sockets: GuestSockets,
  ) {
    this.#launching = launching;
    this.#sockets = sockets;
    this.#manager = new ManagerLink({ path: manager, id, token, request }, this.#state, {
      open: (stream, to) => {
        this.#open(stream, to);
      },
      stop: () => {
        this.#stopped = true;
        void this.#instance?.stop();
      },
      lost: () => {
        this.#lost = true;
        void this.#instance?.stop();
      },
    });
  }

  /** Something that an operator may want to know, after which the instance may have other processes. */
  note(event: string, detail: string): void {
    this.#manager.log({ event, detail });
    const processes = this.#instance?.processes;
    if (processes === undefined) return;
    this.#state = { ...this.#state, processes: processes.map(([id, start]) => [id, start]) };
    this.#manager.state(this.#state);
  }

  /** The guest has asked its processor: a client attests. */
  gaveEvidence(took: number): void {
    this.#manager.logOften({ source: 'wasmldr', event: 'evidence-given' });
    this.#manager.moment({ moment: 'evidence', took: Math.round(took) });
  }

  async run(): Promise<void> {
    const end = await this.#supervise();
    this.#manager.log({ event: 'guest-ended', detail: end.detail });
    const { state } = this.#state;
    if (state !== 'exited' && state !== 'failed') {
      if (this.#stopped || this.#lost)
        this.#report('exited', this.#lost ? 'keepldr/manager-lost' : undefined);
      else this.#report('failed', end.problem ?? 'keepldr/guest-died');
    }
    if (!this.#lost) {
      const longest = this.#stopped ? longestDrainingWhenStopped : longestDraining;
      await within(longest, Promise.all([...this.#relays, this.#sockets.drained()]));
    }
    await this.#manager.close();
  }

  async #supervise(): Promise<InstanceEnd> {
    try {
      const instance = await this.#launching;
      this.#instance = instance;
      this.#state = { state: 'launching', processes: instance.processes.map(([id, start]) => [id, start]) };
      this.#manager.state(this.#state);
      if (this.#stopped || this.#lost) await instance.stop();
      await this.#follow(instance);
      return await instance.exited;
    } catch (error) {
      await this.#instance?.stop();
      const code = error instanceof EnarxError ? (error as EnarxError).code : 'keepldr/launch-failed';
      this.#report('failed', code);
      return { detail: (error as Error).message };
    }
  }

  async #follow(instance: TeeInstance): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    for await (const word of instance.states) {
      this.#report(word, word === 'failed' ? 'keepldr/guest-failed' : undefined);
      this.#manager.log({ source: 'wasmldr', event: word });
      if (word !== 'exited' && word !== 'failed') continue;
      limit = setTimeout(
        () => {
          this.#manager.log({ event: 'guest-lingered' });
          void instance.stop();
        },
        word === 'exited' ? longestLingering : longestFailing,
      );
    }
    clearTimeout(limit);
  }

  #report(state: KeepState, reason?: string): void {
    const { processes } = this.#state;
    this.#state = {
      state,
      ...(reason === undefined ? {} : { reason }),
      ...(processes === undefined ? {} : { processes }),
    };
    this.#manager.state(this.#state);
  }

  #open(stream: number, to: 'guest' | 'loader'): void {
    if (this.#relays.size >= mostRelays) return;
    if (to === 'loader') {
      void this.#provision(this.#manager.openRelay(stream));
      return;
    }
    if (this.#instance === undefined) return;
    let guest: Duplex;
    try {
      guest = this.#instance.connect();
    } catch (error) {
      // keepmgr goes by this word: whoever waits for the stream is told at once, instead of when its time is over.
      this.#manager.logOften({ event: 'relay-failed', detail: (error as Error).message, stream });
      return;
    }
    const carried = relay(this.#manager.openRelay(stream), guest).then(() => {
      this.#relays.delete(carried);
    });
    this.#relays.add(carried);
  }

  /** The owner may come before the instance is made. */
  async #provision(connection: Duplex): Promise<void> {
    const instance = await this.#launching.catch(() => undefined);
    if (instance?.provision === undefined) await refuseOwner(connection);
    else instance.provision(connection);
  }
}

async function within(milliseconds: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
