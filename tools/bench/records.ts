// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openDatabase } from '../../packages/keepmgr/src/state/database.ts';

/** Writes what a daemon of long standing would have: so many records of Keeps that have ended. */
export function fillWithRecords(path: string, records: number): void {
  const database = openDatabase(join(path, 'state.db'));
  database.exec('BEGIN');
  const insert = database.prepare(
    `INSERT INTO keeps (id, tenant, tee, state, created, ended, token_digest, boot, processes)
     VALUES (?, 'local', 'sim', 'exited', ?, ?, ?, 'b', '[]')`,
  );
  for (let index = 0; index < records; index += 1)
    insert.run(randomBytes(16), Date.now(), Date.now(), new Uint8Array(32));
  database.exec('COMMIT');
  database.close();
}

/** A release without anything in it, for daemons that launch nothing. @returns its directory */
export function emptyRelease(path: string): string {
  const release = join(path, 'release');
  mkdirSync(release);
  for (const name of ['keepldr.js', 'wasmldr.cjs', 'runner.cjs']) writeFileSync(join(release, name), '');
  writeFileSync(join(release, 'release.json'), '{"release":"bench"}');
  return release;
}
