// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';

import { formatKeepId } from '@enarx/protocol';

import type { DaemonLog } from '../daemon-log.ts';
import type { KeepRecord } from './record.ts';
import type { Store } from './store.ts';

/** The record of one Keep on disk. */
export class WrittenRecord {
  readonly #store: Store;
  readonly #log: DaemonLog;
  readonly #id: Uint8Array;
  readonly #now: () => KeepRecord;
  /** What a sync has brought to the disk, if nothing was written since. */
  #synced: KeepRecord | undefined;

  /** @param now - what is true of the Keep at the moment */
  constructor(store: Store, log: DaemonLog, id: Uint8Array, now: () => KeepRecord) {
    this.#store = store;
    this.#log = log;
    this.#id = id;
    this.#now = now;
  }

  /**
   * What is true now is on disk when this returns, so nobody is told what a crash would unmake. Where it is there already, the disk is not
   * asked: each sync holds up the daemon, and a client may ask again and again.
   * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged`
   */
  write(): void {
    const record = this.#now();
    if (isDeepStrictEqual(record, this.#synced)) return;
    this.#synced = undefined;
    this.#store.write(record);
    this.#synced = record;
  }

  /**
   * The next daemon finds what is true now, unless the machine lost its power meanwhile, and then nothing of the Keep runs any more. A disk that fails does
   * not end the Keep: what is lost is only what the next daemon would know.
   */
  save(): void {
    this.#synced = undefined;
    this.#try('record-not-written', () => {
      this.#store.writeSoon(this.#now());
    });
  }

  forget(): void {
    this.#try('record-not-removed', () => {
      this.#store.forget(this.#id);
    });
  }

  #try(failure: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#log(failure, { keep: formatKeepId(this.#id), detail: (error as Error).message });
    }
  }
}
