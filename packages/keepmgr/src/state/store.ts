// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';

import type { ProcessReference } from '@enarx/keepldr/processes';
import { formatKeepId, keepStates, parseKeepId, tees, type KeepState, type Tee } from '@enarx/protocol';

import { keepmgrProblem } from '../problems.ts';
import { asStateProblem, openDatabase } from './database.ts';
import type { KeepRecord } from './record.ts';

const columns = [
  'id',
  'tenant',
  'request',
  'tee',
  'state',
  'created',
  'ended',
  'reason',
  'lease',
  'expires',
  'token_digest',
  'boot',
  'loader',
  'processes',
  'pool',
  'asked',
  'memory',
] as const;

type Row = Readonly<Record<(typeof columns)[number], SQLOutputValue>>;

/**
 * Keeps on disk: a row each, and a directory each. A write returns when a daemon started anew would know it, so nothing is ever told that
 * would then be unmade.
 */
export class Store {
  readonly #keeps: string;
  readonly #database: DatabaseSync;
  /** Directories of Keeps that are no more. */
  readonly #uncleared = new Set<string>();
  readonly #write: StatementSync;
  readonly #remove: StatementSync;
  readonly #set: StatementSync;

  /**
   * @param path - the state directory
   * @param keeps - directory of the Keeps' directories
   * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged`, `keepmgr/state-newer`
   */
  constructor(path: string, keeps: string) {
    this.#keeps = keeps;
    this.#database = openDatabase(join(path, 'state.db'));
    this.#write = this.#database.prepare(
      `INSERT OR REPLACE INTO keeps (${columns.join()}) VALUES (${columns.map(() => '?').join()})`,
    );
    this.#remove = this.#database.prepare('DELETE FROM keeps WHERE id = ?');
    this.#set = this.#database.prepare('INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)');
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
    try {
      await mkdir(this.directoryOf(id), { mode: 0o700 });
      await mkdir(this.guestDirectoryOf(id), { mode: 0o700 });
    } catch (cause) {
      throw keepmgrProblem('keepmgr/state-unusable', { found: (cause as Error).message, cause });
    }
  }

  /** Returns when the record is on disk. @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged` */
  write(record: KeepRecord): void {
    attempt(() => this.#write.run(...valuesOf(record)));
  }

  /**
   * The same, but for the sync of the disk, for which the daemon would stand still with all the connections that it carries: for what a machine that
   * lost its power would find to be over anyway. The next `write` brings it to the disk, too.
   * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged`
   */
  writeSoon(record: KeepRecord): void {
    attempt(() => {
      this.#database.exec('PRAGMA synchronous = NORMAL');
      try {
        this.#write.run(...valuesOf(record));
      } finally {
        this.#database.exec('PRAGMA synchronous = FULL');
      }
    });
  }

  /** Removes what the guest left. The record stays. */
  async clear(id: Uint8Array): Promise<void> {
    const own = this.directoryOf(id);
    this.#uncleared.add(own);
    // What could not be removed before, for want of a descriptor or of a disk, is tried again with it.
    const others = [...this.#uncleared].filter((path) => path !== own);
    await this.#removeDirectory(own);
    await Promise.allSettled(others.map((path) => this.#removeDirectory(path)));
  }

  async #removeDirectory(path: string): Promise<void> {
    // What was killed a moment ago may still be writing.
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    this.#uncleared.delete(path);
  }

  /** Forgets Keeps, all or none. Their directories have gone before. @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged` */
  forget(...ids: readonly Uint8Array[]): void {
    attempt(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const id of ids) this.#remove.run(id);
        this.#database.exec('COMMIT');
      } catch (error) {
        // Some failures have rolled it back already.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Every record, oldest first. @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged` */
  load(): KeepRecord[] {
    return attempt(() =>
      this.#database
        .prepare(`SELECT ${columns.join()} FROM keeps ORDER BY created, id`)
        .all()
        .map((row) => recordOf(row as Row)),
    );
  }

  /** Ids of Keeps' directories. Names that are no ids are not ours and are left alone. */
  async directories(): Promise<Uint8Array[]> {
    const names = await readdir(this.#keeps);
    return names.map((name) => parseKeepId(name)).filter((id) => id !== undefined);
  }

  /** A setting of the operator's, such as a host that takes no more Keeps. */
  setting(name: string): string | undefined {
    const row = attempt(() => this.#database.prepare('SELECT value FROM settings WHERE name = ?').get(name));
    return typeof row?.['value'] === 'string' ? row['value'] : undefined;
  }

  /** Returns when it is on disk. */
  set(name: string, value: string): void {
    attempt(() => this.#set.run(name, value as SQLInputValue));
  }

  close(): void {
    this.#database.close();
  }
}

function valuesOf(record: KeepRecord): SQLInputValue[] {
  return [
    record.id,
    record.tenant,
    record.request ?? null,
    record.tee,
    record.state,
    record.created,
    record.ended ?? null,
    record.reason ?? null,
    record.lease ?? null,
    record.expires ?? null,
    record.tokenDigest,
    record.boot,
    record.loader === undefined ? null : JSON.stringify(record.loader),
    JSON.stringify(record.processes),
    record.pool ?? null,
    record.asked ?? null,
    record.memory,
  ];
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asStateProblem(error);
  }
}

/** What the tables do not already guarantee of a row that this or an earlier release wrote. */
function recordOf(row: Row): KeepRecord {
  const text = (value: SQLOutputValue): string | undefined => (typeof value === 'string' ? value : undefined);
  const number = (value: SQLOutputValue): number | undefined =>
    typeof value === 'number' ? value : undefined;
  const bytes = (value: SQLOutputValue): Uint8Array | undefined =>
    value instanceof Uint8Array ? value : undefined;
  const { id, tenant, tee, state, created, boot, token_digest: tokenDigest } = row;
  if (!tees.includes(tee as Tee) || !keepStates.includes(state as KeepState)) {
    throw keepmgrProblem('keepmgr/state-damaged', {
      found: `a Keep of kind ${String(tee)} in state ${String(state)}`,
    });
  }
  const pool = text(row.pool);
  if ((pool === undefined) === (tenant === ''))
    throw keepmgrProblem('keepmgr/state-damaged', {
      found: 'a Keep that is nobody’s and not of the pool, or both',
    });
  return {
    id: bytes(id) as Uint8Array,
    tenant: text(tenant) as string,
    pool,
    request: bytes(row.request),
    asked: bytes(row.asked),
    tee: tee as Tee,
    memory: number(row.memory) as number,
    state: state as KeepState,
    created: number(created) as number,
    ended: number(row.ended),
    reason: text(row.reason),
    lease: number(row.lease),
    expires: number(row.expires),
    tokenDigest: bytes(tokenDigest) as Uint8Array,
    boot: text(boot) as string,
    loader: row.loader === null ? undefined : reference(JSON.parse(text(row.loader) ?? 'null')),
    processes: (JSON.parse(text(row.processes) ?? 'null') as unknown[]).map(reference),
  };
}

function reference(value: unknown): ProcessReference {
  const [id, start] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(start) || (id as number) < 2)
    throw keepmgrProblem('keepmgr/state-damaged', { found: 'a process that is none' });
  return [id as number, start as number];
}
