// SPDX-License-Identifier: Apache-2.0
//
// keepmgr [--listen URL]… [--config FILE] [--state DIR] [--simulator FILE --anchor FILE] [--sev-platform FILE --sev-anchor FILE] [--image DIR] [--allow-listen ADDRESS:PORTS]… [--allow-dial HOST:PORTS]… [--until-stdin-ends]
//
// Writes one line of JSON to standard output when it is ready, and its events to standard error, one line of JSON each.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { env, exit, pid, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';

import { EnarxError } from '@enarx/protocol';

import { runDaemon } from './daemon.ts';

/** EX_USAGE and EX_UNAVAILABLE of sysexits(3). */
const usage = 64;
const unavailable = 69;

/** A relative XDG_STATE_HOME counts as none, as its specification says. */
function stateDirectory(): string {
  const home = env['XDG_STATE_HOME'];
  return join(home !== undefined && isAbsolute(home) ? home : join(homedir(), '.local', 'state'), 'enarx');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', multiple: true },
      config: { type: 'string' },
      state: { type: 'string', default: stateDirectory() },
      simulator: { type: 'string' },
      anchor: { type: 'string' },
      'allow-listen': { type: 'string', multiple: true, default: [] },
      'allow-dial': { type: 'string', multiple: true, default: [] },
      'sev-platform': { type: 'string' },
      'sev-anchor': { type: 'string' },
      image: { type: 'string' },
      'until-stdin-ends': { type: 'boolean', default: false },
    },
  });
  const { simulator: file, anchor: anchorFile } = values;
  if ((file === undefined) !== (anchorFile === undefined))
    throw new TypeError('--simulator and --anchor belong together');
  const { 'sev-platform': sevFile, 'sev-anchor': sevAnchorFile, image } = values;
  if ((sevFile === undefined) !== (sevAnchorFile === undefined))
    throw new TypeError('--sev-platform and --sev-anchor belong together');
  await runDaemon({
    listen: values.listen,
    configFile: values.config,
    untilInputEnds: values['until-stdin-ends'],
    stateDirectory: values.state,
    releaseDirectory: import.meta.dirname,
    ...(file === undefined || anchorFile === undefined ? {} : { simulator: { file, anchorFile } }),
    ...(sevFile === undefined || sevAnchorFile === undefined
      ? {}
      : { sevPlatform: { file: sevFile, anchorFile: sevAnchorFile } }),
    image,
    sockets: { listen: values['allow-listen'], dial: values['allow-dial'] },
    log: (line) => stderr.write(line),
    onReady: ({ address }, simulator) => {
      const { anchorFile: anchor, fingerprint } = simulator;
      const ready = { event: 'ready', address, pid, simulator: { anchor, fingerprint } };
      stdout.write(`${JSON.stringify(ready)}\n`);
    },
  });
  exit(0);
}

try {
  await main();
} catch (error) {
  const known = error instanceof EnarxError ? (error as EnarxError) : undefined;
  stderr.write(
    `${JSON.stringify({
      event: 'failed',
      ...(known === undefined ? {} : { code: known.code, mend: known.mend }),
      detail: (error as Error).message,
    })}\n`,
  );
  exit(known !== undefined && known.kind !== 'usage' ? unavailable : usage);
}
