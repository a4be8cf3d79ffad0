// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bootId, isAlive, referenceTo } from '@enarx/keepldr/processes';

import { keepmgrProblem } from '../problems.ts';

/** Who holds the directory. `mark` is random, so that no two holders are ever mistaken for each other. */
interface Holder {
  readonly pid: number;
  readonly start: number;
  readonly boot: string;
  readonly mark: string;
}

const mostTries = 100;
const longestChain = 64;

/**
 * Takes the lock of a state directory, for this process.
 *
 * Node has no flock, and a lock file whose holder died must be taken over by exactly one of those who find it. So
 * nothing is ever overwritten: `lock` names a holder, and the successor of a dead holder M is whoever manages to link
 * `lock.M`, which succeeds once. The holder is the end of that chain. Whoever takes over moves its own entry to the
 * head and removes what lies behind; one who was still following the old chain sees that the head has changed, and
 * begins again.
 *
 * @returns gives the lock back
 * @throws EnarxError `keepmgr/state-locked` with the process that holds it, `keepmgr/state-unusable`
 */
export function lockStateDirectory(directory: string): () => void {
  const me = self();
  const mine = join(directory, `lock-${me.mark}.new`);
  try {
    write(mine, JSON.stringify(me));
    for (let tries = 0; tries < mostTries; tries += 1) {
      if (tryLock(directory, mine))
        return () => {
          unlock(directory, me);
        };
    }
    throw keepmgrProblem('keepmgr/state-locked', { found: 'many processes that want it at once' });
  } finally {
    rmSync(mine, { force: true });
  }
}

function tryLock(directory: string, mine: string): boolean {
  const headPath = join(directory, 'lock');
  const head = read(headPath);
  if (head === undefined) return link(mine, headPath);
  const chain = [];
  for (let holder: Holder | undefined = head; holder !== undefined;) {
    if (lives(holder)) {
      throw keepmgrProblem('keepmgr/state-locked', { found: `process ${String(holder.pid)}` });
    }
    if (chain.length === longestChain) {
      throw keepmgrProblem('keepmgr/state-unusable', { found: 'lock files that name each other' });
    }
    const successor: string = join(directory, `lock.${holder.mark}`);
    chain.push(successor);
    holder = read(successor);
  }
  const last = chain.at(-1) as string;
  if (!link(mine, last)) return false;
  if (read(headPath)?.mark !== head.mark) {
    // Somebody tidied the chain meanwhile, and this link hangs in the air.
    rmSync(last, { force: true });
    return false;
  }
  renameSync(mine, headPath);
  for (const successor of chain) rmSync(successor, { force: true });
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (/^lock-[0-9a-f]{32}\.new$/.test(name) && !lives(read(path))) rmSync(path, { force: true });
  }
  return true;
}

function unlock(directory: string, me: Holder): void {
  const path = join(directory, 'lock');
  if (read(path)?.mark === me.mark) rmSync(path, { force: true });
}

function self(): Holder {
  const reference = referenceTo(process.pid);
  if (reference === undefined) throw keepmgrProblem('keepmgr/state-unusable', { found: 'no /proc' });
  return {
    pid: reference[0],
    start: reference[1],
    boot: bootId(),
    mark: randomBytes(16).toString('hex'),
  };
}

function lives(holder: Holder | undefined): boolean {
  return holder?.boot === bootId() && isAlive([holder.pid, holder.start]);
}

/** Links are made of files that were written whole, so one that cannot be read was damaged, and its holder is nobody. */
function read(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw keepmgrProblem('keepmgr/state-unusable', { found: (error as Error).message, cause: error });
  }
  const nobody: Holder = { pid: 0, start: 0, boot: '', mark: 'damaged' };
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const { pid, start, boot, mark } = holder ?? {};
    const whole =
      typeof pid === 'number' &&
      typeof start === 'number' &&
      typeof boot === 'string' &&
      typeof mark === 'string' &&
      /^[0-9a-f]{32}$/.test(mark);
    return whole ? { pid, start, boot, mark } : nobody;
  } catch {
    return nobody;
  }
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw keepmgrProblem('keepmgr/state-unusable', { found: (error as Error).message, cause: error });
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw keepmgrProblem('keepmgr/state-unusable', { found: (error as Error).message, cause: error });
  }
}
