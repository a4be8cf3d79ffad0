// SPDX-License-Identifier: Apache-2.0
import { generateHelpTextForAllCommands, type Application, type CommandContext } from '@stricli/core';

import { enarxApplication, routes } from '../../packages/cli/src/app.ts';
import {
  exitStatus,
  exitStatusMeanings,
  runExitStatus,
  runExitStatusMeanings,
} from '../../packages/cli/src/exit-status.ts';
import { Output } from '../../packages/cli/src/output.ts';
import { generatedNote, markdownTable } from './markdown.ts';

/** docs/cli.md. */
export function commandsDocument(): Promise<string> {
  const nowhere = { write: () => undefined };
  const output = new Output({ stdout: nowhere, stderr: nowhere, env: {} }, false);
  const { application } = enarxApplication({ output, release: () => Promise.resolve('') });
  const help = generateHelpTextForAllCommands(
    // It reads the definitions only; no command is called.
    application as unknown as Application<CommandContext>,
  );
  return Promise.resolve(
    [
      '# The command `enarx`',
      '',
      generatedNote('the definitions in packages/cli/src'),
      '',
      'Nouns, then verbs. Results go to standard output and everything else to standard error. `--json`, which every command has, makes a result one JSON document and each',
      'event and error one line of JSON. On a terminal there is colour and progress (`NO_COLOR` and `TERM=dumb` turn them off); a pipe or a file gets plain text. With `run` and',
      "`keep run` the three standard streams are the program's, so whatever the command itself has to say goes to standard error.",
      '',
      '`bin/enarx` is a shell script that finds the Node 26 that npm installed with it, wherever npm put it; elsewhere Node 26 must be on `PATH`.',
      '',
      '## Hosts on the network',
      '',
      'Commands that speak to a host take `--host`, and for one at `https://` what it is known by and who you are. The same words stand in the environment:',
      '',
      markdownTable(
        ['flag', 'variable', 'what'],
        [
          ['`--host URL`', '`ENARX_HOST`', 'the host'],
          [
            '`--host-ca FILE`',
            '`ENARX_HOST_CA`',
            'authorities (PEM) of its certificate; without it the public ones that Node ships',
          ],
          [
            '`--host-cert FILE`',
            '`ENARX_HOST_CERT`',
            'your certificate (PEM), with the intermediates that lead to its authority',
          ],
          ['`--host-key FILE`', '`ENARX_HOST_KEY`', 'its private key (PEM, without a passphrase)'],
          [
            '`--host-token-file FILE`',
            '`ENARX_HOST_TOKEN_FILE`',
            'your bearer token, read anew for each request',
          ],
          [
            '',
            '`ENARX_HOST_TOKEN`',
            'the token itself; no command line takes one, since every user of the machine could read it there',
          ],
        ],
      ),
      '',
      'A flag goes before its variable. With `--host`, nothing of the environment counts: credentials go only to the host beside which they stand. They go over TLS 1.3 only, with the certificate of the host checked, and stand in',
      'no output and no log. With `ENARX_HOST`, `enarx run` and `enarx platform` use that host instead of this machine.',
      '',
      '## Commands',
      '',
      markdownTable(['command', 'does'], commandRows()),
      '',
      '## Exit status',
      '',
      statuses(exitStatus, exitStatusMeanings),
      '',
      "`run` and `keep run` end with the program's exit code; one above 255 becomes 255, since cutting it to eight bits could turn a failure into 0. What goes wrong besides:",
      '',
      statuses(runExitStatus, runExitStatusMeanings),
      '',
      'A program may exit with any of these numbers itself. With `--json` the last line on standard error tells them apart: it is `{"event":"ended",…}` if the program ended, `{"event":"error",…}` if not.',
      '',
      '## Help',
      '',
      ...help.map(([command, text]) => `### ${command}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n`),
    ].join('\n'),
  );
}

type Target = ReturnType<typeof routes.getAllEntries>[number]['target'];

function commandRows(): string[][] {
  const rows: string[][] = [];
  const walk = (prefix: string, target: Target): void => {
    if (!('getAllEntries' in target)) {
      rows.push([`\`${prefix}\``, target.brief]);
      return;
    }
    for (const { name, target: next, hidden } of target.getAllEntries())
      if (!hidden) walk(`${prefix} ${name['convert-camel-to-kebab']}`, next);
  };
  walk('enarx', routes);
  return rows;
}

function statuses<Name extends string>(
  table: Readonly<Record<Name, number>>,
  meanings: Readonly<Record<Name, string>>,
): string {
  const rows = (Object.entries(table) as [Name, number][]).map(([name, status]) => [
    String(status),
    meanings[name],
  ]);
  return markdownTable(['status', 'meaning'], rows);
}
