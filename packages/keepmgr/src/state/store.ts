// SPDX-License-Identifier: Apache-2.0
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { decodeMessage, encodeMessage, formatKeepId, parseKeepId } from '@enarx/protocol';

import { keepmgrProblem } from '../problems.ts';
import { replaceFile, syncDirectory } from './durable.ts';
import { keepRecord, type KeepRecord } from './record.ts';

/** A Keep's directory as it was found at start. */
export interface StoredKeep {
  readonly id: Uint8Array;
  /** The record; `damaged` when it cannot be understood, `absent` when the creation was never acknowledged. */
  readonly record: KeepRecord | 'damaged' | 'absent';
}

/** Keeps on disk: one directory each. */
export class Store {
  readonly #keeps: string;

  /** @param keeps - directory of their directories */
  constructor(keeps: string) {
    this.#keeps = keeps;
  }

  /** The Keep's own directory. The name is made of the id and nothing else. */
  directoryOf(id: Uint8Array): string {
    return join(this.#keeps, formatKeepId(id));
  }

  /** The one directory that the Keep's guest may write to. */
  guestDirectoryOf(id: Uint8Array): string {
    return join(this.directoryOf(id), 'guest');
  }

  /** @throws EnarxError `keepmgr/state-unusable` */
  async make(id: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      await mkdir(this.directoryOf(id), { mode: 0o700 });
      await mkdir(this.guestDirectoryOf(id), { mode: 0o700 });
    });
  }

  /** Resolves when the record is on disk. @throws EnarxError `keepmgr/state-unusable` */
  async write(record: KeepRecord): Promise<void> {
    await this.#attempt(() =>
      replaceFile(join(this.directoryOf(record.id), 'record.cbor'), encodeMessage(keepRecord, record)),
    );
  }

  /** Makes the directory of a new Keep durable too. */
  async sync(): Promise<void> {
    await this.#attempt(() => syncDirectory(this.#keeps));
  }

  /** Removes what the guest left. The record stays. */
  async clear(id: Uint8Array): Promise<void> {
    // What was killed a moment ago may still be writing.
    await rm(this.guestDirectoryOf(id), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  /** Forgets a Keep. The record goes first: what is left without one is tidied away at the next start. */
  async remove(id: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      const directory = this.directoryOf(id);
      await rm(join(directory, 'record.cbor'), { force: true });
      await rm(directory, { recursive: true, force: true });
      await syncDirectory(this.#keeps);
    });
  }

  /** Everything that is there. Names that are no ids are not ours and are left alone. */
  async load(): Promise<StoredKeep[]> {
    const names = await readdir(this.#keeps);
    const found: StoredKeep[] = [];
    for (const name of names) {
      const id = parseKeepId(name);
      if (id !== undefined) found.push({ id, record: await this.#read(id) });
    }
    return found;
  }

  async #read(id: Uint8Array): Promise<StoredKeep['record']> {
    let bytes: Uint8Array;
    try {
      bytes = await readAtMost(join(this.directoryOf(id), 'record.cbor'), keepRecord.maxBytes + 1);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'damaged';
    }
    try {
      const record = decodeMessage(keepRecord, bytes);
      return formatKeepId(record.id) === formatKeepId(id) ? record : 'damaged';
    } catch {
      return 'damaged';
    }
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw keepmgrProblem('keepmgr/state-unusable', { found: (cause as Error).message, cause });
    }
  }
}

async function readAtMost(path: string, most: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const buffer = new Uint8Array(most);
    const { bytesRead } = await file.read(buffer, 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
