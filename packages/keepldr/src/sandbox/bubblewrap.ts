// SPDX-License-Identifier: Apache-2.0
import { lstatSync, readlinkSync } from 'node:fs';
import { arch, execPath } from 'node:process';

import { cutText } from '@enarx/protocol';

import type { Probe } from '../probe.ts';
import { argumentsFor, type Confinement, type ConfinedCommand, type ConfinedProgram } from './confinement.ts';
import { seccompFilter } from './seccomp.ts';
import { findTool, tryCommand } from './tool.ts';

const releaseInside = '/release';
const nodeInside = '/node';
const keepInside = '/keep';
const filterDescriptor = '4';

/**
 * Namespaces of every kind (no network but a loopback that is down), an empty root with the system's libraries and the
 * release read-only, no capability, a seccomp filter, and death with the parent. The Keep's directory is the only one
 * that it may write to. Nothing executable is there besides Node.
 */
export function bubblewrap(tool: string | undefined = findTool('bwrap')): Confinement {
  return {
    name: 'bubblewrap',
    command: (program) => command(tool ?? 'bwrap', program),
    probe: () => probe(tool),
  };
}

function command(tool: string, program: ConfinedProgram): ConfinedCommand {
  const filter = seccompFilter(arch);
  return {
    file: tool,
    args: [
      ...isolation,
      ...libraryMounts(),
      ...['--ro-bind', program.node, nodeInside],
      ...program.files.flatMap((name) => [
        '--ro-bind',
        `${program.release}/${name}`,
        `${releaseInside}/${name}`,
      ]),
      ...['--bind', program.directory, keepInside, '--chdir', keepInside],
      ...(filter === undefined ? [] : ['--seccomp', filterDescriptor]),
      // What is written to a tmpfs is memory of the host's, which no limit of a delivery counts.
      ...['/', '/tmp', '/dev'].flatMap((path) => ['--remount-ro', path]),
      ...['--', nodeInside, ...argumentsFor(program, releaseInside)],
    ],
    inputs: filter === undefined ? [] : [filter],
  };
}

const isolation = [
  '--unshare-all',
  '--die-with-parent',
  // Without a session of its own it could push input into the terminal of whoever started it (TIOCSTI).
  '--new-session',
  '--clearenv',
  ...['--cap-drop', 'ALL'],
  ...['--hostname', 'keep'],
  ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
] as const;

/** The dynamic linker and libraries, where Linux has them: directories, or links into /usr. */
export function libraryMounts(): string[] {
  return ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib', '/lib64'].flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return [];
    return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
  });
}

async function probe(tool: string | undefined): Promise<Probe> {
  const id = 'sandbox-bubblewrap';
  if (tool === undefined) {
    return { id, pass: false, found: 'bwrap is not installed', remedy: 'apt install bubblewrap' };
  }
  const program = {
    node: execPath,
    template: ['--eval', '0'],
    release: '/',
    files: [],
    directory: '/tmp',
  };
  const failure = await tryCommand(command(tool, program));
  if (failure === undefined) {
    const filtered = seccompFilter(arch) !== undefined;
    return { id, pass: true, found: `${tool}, ${filtered ? 'with' : 'without'} a seccomp filter` };
  }
  return {
    id,
    pass: false,
    found: cutText(`${tool} ${failure}`, 512),
    remedy: 'Allow unprivileged user namespaces (sysctl user.max_user_namespaces), or run keepmgr as root.',
  };
}
