// SPDX-License-Identifier: Apache-2.0
import { execPath, getuid } from 'node:process';

import { cutText } from '@enarx/protocol';

import type { Probe } from '../probe.ts';
import { argumentsFor, type Confinement, type ConfinedCommand } from './confinement.ts';
import { findTool, tryCommand } from './tool.ts';

/**
 * No new privileges, no capability in any set, and death with the parent. Files and network are left to Node's
 * permission model.
 */
export function setpriv(tool: string | undefined = findTool('setpriv')): Confinement {
  return {
    name: 'setpriv',
    command: (program) =>
      command(tool ?? 'setpriv', [program.node, ...argumentsFor(program, program.release)]),
    probe: () => probe(tool),
  };
}

function command(tool: string, rest: readonly string[]): ConfinedCommand {
  // Only root may drop from the bounding set; to everybody else no-new-privs makes it moot.
  const root = getuid?.() === 0;
  return {
    file: tool,
    args: [
      '--no-new-privs',
      ...['--pdeathsig', 'KILL'],
      ...['--inh-caps', '-all', '--ambient-caps', '-all'],
      ...(root ? ['--bounding-set', '-all'] : []),
      ...rest,
    ],
    inputs: [],
  };
}

async function probe(tool: string | undefined): Promise<Probe> {
  const id = 'sandbox-setpriv';
  if (tool === undefined) {
    return { id, pass: false, found: 'setpriv is not installed', remedy: 'apt install util-linux' };
  }
  const failure = await tryCommand(command(tool, [execPath, '--eval', '0']));
  if (failure === undefined) return { id, pass: true, found: tool };
  return {
    id,
    pass: false,
    found: cutText(`${tool} ${failure}`, 512),
    remedy: 'Install util-linux 2.33 or later.',
  };
}
