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
