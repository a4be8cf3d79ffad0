// SPDX-License-Identifier: Apache-2.0
import { chmodSync, chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { libraryMounts } from '../../sandbox/bubblewrap.ts';
import { findTool } from '../../sandbox/tool.ts';

/** Where QEMU finds things inside its confinement; without one they are where they are. */
export interface ConfinedPaths {
  readonly image: string;
  readonly keep: string;
}

export interface ConfinedEmulator {
  readonly file: string;
  readonly paths: ConfinedPaths;
  /** @param args - QEMU's own */
  readonly args: (args: readonly string[]) => string[];
}

export interface EmulatorPlace {
  readonly qemu: string;
  /** Directory of the image, only read. */
  readonly image: string;
  /** The Keep's own directory, in which QEMU makes its sockets. */
  readonly keep: string;
  /** Devices that QEMU opens, for example `/dev/kvm`. */
  readonly devices: readonly string[];
  /** Sockets of the host's services that QEMU connects to. */
  readonly services?: readonly string[];
}

/** nobody, on every Linux. */
const unprivileged = 65_534;
const qemuData = '/usr/share';

/**
 * QEMU in namespaces of its own: no network, no files but its own, the image and the Keep's directory, no capability, and an unprivileged user where keepmgr is
 * root. Its own seccomp filter comes on top. Without bubblewrap it runs as it is, and `enarx platform` says so.
 */
export function confinedEmulator(place: EmulatorPlace, bwrap = findTool('bwrap')): ConfinedEmulator {
  if (bwrap === undefined)
    // Its working directory is the Keep's: a socket path is limited to 107 bytes.
    return { file: place.qemu, paths: { image: place.image, keep: '.' }, args: (args) => [...args] };
  const setpriv = process.getuid?.() === 0 ? findTool('setpriv') : undefined;
  if (setpriv !== undefined) {
    // QEMU makes its sockets there as nobody; bubblewrap enters it as a root without any capability.
    chownSync(place.keep, 0, unprivileged);
    chmodSync(place.keep, 0o730);
  }
  const { services = [] } = place;
  return {
    file: bwrap,
    paths: { image: '/image', keep: '/keep' },
    args: (args) => [
      ...(setpriv === undefined ? ['--unshare-all'] : namespaces),
      ...isolation,
      ...['--cap-drop', 'ALL', ...(setpriv === undefined ? [] : dropping)],
      // bubblewrap gives parents that it makes to their owner alone.
      ...[
        '--perms',
        '0755',
        '--dir',
        '/usr',
        '--ro-bind',
        '/usr/bin',
        '/usr/bin',
        ...libraryMounts(),
        '--ro-bind',
        qemuData,
        qemuData,
      ],
      ...place.devices.flatMap((path) => bound('--dev-bind-try', path)),
      ...services.flatMap((path) => bound('--bind-try', path)),
      ...['--ro-bind', place.image, '/image', '--bind', place.keep, '/keep', '--chdir', '/keep'],
      ...['--remount-ro', '/', '--'],
      ...(setpriv === undefined ? [] : [setpriv, ...becoming(groupsOf([...place.devices, ...services]))]),
      place.qemu,
      ...args,
    ],
  };
}

const isolation = [
  ...['--die-with-parent', '--new-session', '--clearenv', '--hostname', 'keep'],
  ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
];
/** Root needs no user namespace, and in one it could not become anybody else. */
const namespaces = [
  '--unshare-ipc',
  '--unshare-pid',
  '--unshare-net',
  '--unshare-uts',
  '--unshare-cgroup-try',
];
/** What becoming nobody takes; setpriv gives it up with the same step. */
const dropping = ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP'];
const becoming = (groups: readonly number[]): string[] => [
  `--reuid=${String(unprivileged)}`,
  `--regid=${String(unprivileged)}`,
  groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`,
  '--inh-caps=-all',
  '--bounding-set=-all',
  '--no-new-privs',
  '--',
];

/** Where it is outside, with directories above it that anybody may enter. */
function bound(how: '--dev-bind-try' | '--bind-try', path: string): string[] {
  const parts = dirname(path).split('/').slice(1);
  const parents = parts.map((_part, depth) => `/${parts.slice(0, depth + 1).join('/')}`);
  return [...parents.flatMap((parent) => ['--perms', '0755', '--dir', parent]), how, path, path];
}

/** Groups that may open these, kvm as a rule: nobody alone could open none. root's is not given away. */
function groupsOf(paths: readonly string[]): number[] {
  const groups = paths.map((path) => statSync(path, { throwIfNoEntry: false })?.gid ?? 0);
  return [...new Set(groups.filter((group) => group !== 0))];
}
