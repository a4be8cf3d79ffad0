// SPDX-License-Identifier: Apache-2.0
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { keepmgrProblem } from '../problems.ts';

/** "ENRX": tells our file from any other database. */
const applicationId = 0x454e_5258;

/**
 * Each step leads from one version of the tables to the next; the version is what `PRAGMA user_version` says. A step that
 * was released is never changed.
 */
const steps: readonly string[] = [
  `CREATE TABLE keeps (
     id BLOB PRIMARY KEY CHECK (length(id) = 16),
     tenant TEXT NOT NULL,
     request BLOB CHECK (length(request) = 16),
     tee TEXT NOT NULL,
     state TEXT NOT NULL,
     created INTEGER NOT NULL,
     ended INTEGER,
     reason TEXT,
     lease INTEGER,
     expires INTEGER,
     token_digest BLOB NOT NULL CHECK (length(token_digest) = 32),
     boot TEXT NOT NULL,
     loader TEXT,
     processes TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX requests ON keeps (tenant, request) WHERE request IS NOT NULL;
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE keeps ADD COLUMN pool TEXT;
   ALTER TABLE keeps ADD COLUMN asked BLOB CHECK (length(asked) = 8);
   ALTER TABLE keeps ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;`,
];

/**
 * Opens, or makes, the database of a state directory. Every commit is on disk when it returns (WAL, with a sync for each), unless whoever commits says otherwise.
 *
 * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged`, `keepmgr/state-newer`
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    makePrivate(path);
    database = new DatabaseSync(path, { timeout: 1000 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    bringUpToDate(database);
    return database;
  } catch (error) {
    database?.close();
    throw asStateProblem(error);
  }
}

/** SQLite makes a file that everybody may read, and gives the files beside it the mode of this one: whoever copies the directory copies that. */
function makePrivate(path: string): void {
  try {
    const descriptor = openSync(path, 'a', 0o600);
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
  } catch (cause) {
    throw keepmgrProblem('keepmgr/state-unusable', { found: (cause as Error).message, cause });
  }
}

function bringUpToDate(database: DatabaseSync): void {
  const version = pragma(database, 'user_version');
  const known = version === 0 || pragma(database, 'application_id') === applicationId;
  if (!known) throw keepmgrProblem('keepmgr/state-damaged', { found: 'a database of another program' });
  if (version > steps.length) {
    throw keepmgrProblem('keepmgr/state-newer', {
      found: `version ${String(version)}`,
      expected: `at most ${String(steps.length)}`,
    });
  }
  if (version === steps.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(
      `PRAGMA application_id = ${String(applicationId)}; PRAGMA user_version = ${String(steps.length)}; COMMIT`,
    );
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, without their extended part. */
const damaged: ReadonlySet<number> = new Set([11, 26]);

/** What SQLite says as a problem of ours. */
export function asStateProblem(error: unknown): Error {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message: string };
  if (code !== 'ERR_SQLITE_ERROR') return error as Error;
  return keepmgrProblem(
    damaged.has((errcode ?? 0) & 0xff) ? 'keepmgr/state-damaged' : 'keepmgr/state-unusable',
    { found: message, cause: error },
  );
}
