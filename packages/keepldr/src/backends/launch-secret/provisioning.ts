// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { refuseOwner, serveOwner } from './conversation.ts';
import type { LaunchFirmware } from './firmware.ts';

/** The launch of one guest with its owner: the first who comes, once. */
export class Provisioning {
  /** Resolves when the secret was injected; rejects when the one owner there can be has not brought it so far. */
  readonly finished: Promise<void>;
  readonly #firmware: LaunchFirmware;
  readonly #settle: PromiseWithResolvers<undefined>;
  #taken = false;

  constructor(firmware: LaunchFirmware) {
    this.#firmware = firmware;
    this.#settle = Promise.withResolvers();
    this.finished = this.#settle.promise;
    this.finished.catch(() => undefined);
  }

  serve(connection: Duplex): void {
    if (this.#taken) {
      void refuseOwner(connection);
      return;
    }
    this.#taken = true;
    void serveOwner(connection, this.#firmware).then((problem) => {
      if (problem === undefined) this.#settle.resolve(undefined);
      else this.#settle.reject(problem);
    });
  }
}
