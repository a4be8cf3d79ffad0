// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';

import { cutText, printable, type LogEntry } from '@enarx/protocol';

const journalctl = '/usr/bin/journalctl';
const longestReading = 5000;
const mostBytes = 4_194_304;
/** A log has at most 1024 entries, of which 256 are the daemon's own. */
const mostLines = 512;
/** What units say of themselves as `SyslogIdentifier=`. */
export const loaderIdentifier = 'keepldr';

/**
 * What the journal has of a unit, oldest first: the loader's own words, and systemd's about it. A journal that cannot be read says so in
 * one entry.
 */
export async function readJournal(unit: string, now: () => number): Promise<readonly LogEntry[]> {
  try {
    const lines = (await output(unit)).split('\n').filter((line) => line !== '');
    return lines.flatMap((line) => entryOf(line));
  } catch (error) {
    return [entry(now(), 'keepmgr', 'journal-unreadable', (error as Error).message)];
  }
}

function output(unit: string): Promise<string> {
  const args = ['--quiet', '--no-pager', '--output=json', `--lines=${String(mostLines)}`, `--unit=${unit}`];
  return new Promise((resolve, reject) => {
    const options = { env: {}, timeout: longestReading, maxBuffer: mostBytes, encoding: 'utf8' } as const;
    execFile(journalctl, args, options, (error, stdout, stderr) => {
      const said = stderr.trim();
      // Without any journal that it may read it prints nothing, tells why, and calls that a success.
      if (error !== null || (stdout === '' && said !== ''))
        reject(new Error(said === '' ? error?.message : said));
      else resolve(stdout);
    });
  });
}

/** systemd.journal-fields(7). A message that is no text comes as a list of bytes. */
function entryOf(line: string): LogEntry[] {
  const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const { MESSAGE: message, SYSLOG_IDENTIFIER: identifier, __REALTIME_TIMESTAMP: time } = fields;
  const milliseconds = Math.floor(Number(time) / 1000);
  if (!Number.isSafeInteger(milliseconds) || milliseconds < 0) return [];
  const text = Array.isArray(message) ? Buffer.from(message as number[]).toString('utf8') : message;
  if (typeof text !== 'string' || text === '') return [];
  const own = identifier === loaderIdentifier;
  return [entry(milliseconds, own ? 'keepldr' : 'keepmgr', own ? 'stderr' : 'systemd', text)];
}

function entry(time: number, source: LogEntry['source'], event: string, detail: string): LogEntry {
  return { time, source, event, detail: cutText(printable(detail), 512) };
}
