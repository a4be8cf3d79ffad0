// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path';
import { execPath, getgid, getuid } from 'node:process';

import type { DbusValue } from '../../dbus/signature.ts';
import type { Ceilings } from '../ceilings.ts';
import type { LoaderWanted } from '../launcher.ts';
import { loaderFlags } from '../loader-flags.ts';
import { launchSocketName } from './launch-socket.ts';
import type { Property } from './service-units.ts';
import { unbounded } from './unit-ceilings.ts';

const mebibyte = 1_048_576n;

/**
 * A unit for one loader, made of properties. What stands here is what packaging/systemd/enarx-keep@.service says; a test holds one against
 * the other. What is missing would break the sandbox that the loader makes for the guest: it needs namespaces of its own and a whole /proc.
 *
 * @param release - directory of the release
 */
export function unitProperties(release: string, wanted: LoaderWanted, ceilings: Ceilings): Property[] {
  const root = getuid?.() === 0;
  const command = loaderCommand(release);
  return [
    property('Description', 's', 'Loader of a Keep of Enarx'),
    property('Type', 's', 'exec'),
    property('ExecStart', 'a(sasb)', [[command[0] as string, command, false]]),
    property('WorkingDirectory', 's', wanted.directory),
    property('User', 's', String(getuid?.() ?? 0)),
    property('Group', 's', String(getgid?.() ?? 0)),
    property('SyslogIdentifier', 's', 'keepldr'),
    property('Slice', 's', 'enarx.slice'),
    ...isolation,
    // Of the Keeps' directories a loader sees its own.
    property('TemporaryFileSystem', 'a(ss)', [[dirname(wanted.directory), 'ro']]),
    property('BindPaths', 'a(ssbt)', [[wanted.directory, wanted.directory, false, 0n]]),
    property('ReadWritePaths', 'as', [wanted.directory]),
    // Root's own sandbox is made with these; every other user makes it in a user namespace.
    property('CapabilityBoundingSet', 't', root ? sandboxCapabilities : 0n),
    ...(wanted.network
      ? [
          property('RestrictAddressFamilies', '(bas)', [
            true,
            ['AF_UNIX', 'AF_NETLINK', 'AF_INET', 'AF_INET6'],
          ]),
        ]
      : [
          property('PrivateNetwork', 'b', true),
          property('RestrictAddressFamilies', '(bas)', [true, ['AF_UNIX', 'AF_NETLINK']]),
        ]),
    ...ceilingProperties(ceilings),
  ];
}

/** `env -i`: what an administrator has set for all services (`systemctl set-environment`) is no business of a loader's. */
export function loaderCommand(release: string): string[] {
  return ['/usr/bin/env', '-i', execPath, ...loaderFlags, `${release}/keepldr.js`, launchSocketName];
}

function ceilingProperties({ memory, processors, tasks }: Ceilings): Property[] {
  return [
    property('MemoryMax', 't', memory === undefined ? unbounded : BigInt(memory) * mebibyte),
    // Otherwise it could have as much again of swap.
    ...(memory === undefined ? [] : [property('MemorySwapMax', 't', 0n)]),
    property(
      'CPUQuotaPerSecUSec',
      't',
      processors === undefined ? unbounded : BigInt(Math.round(processors * 1e6)),
    ),
    property('TasksMax', 't', tasks === undefined ? unbounded : BigInt(tasks)),
  ];
}

function property(name: string, signature: string, value: DbusValue): Property {
  return [name, { signature, value }];
}

/** capabilities(7): CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, SYS_ADMIN, and SETFCAP, without which nobody maps user 0. */
const sandboxCapabilities = [0, 1, 3, 5, 6, 7, 8, 12, 21, 31].reduce(
  (mask, bit) => mask | (1n << BigInt(bit)),
  0n,
);

const isolation: readonly Property[] = [
  property('StandardInput', 's', 'null'),
  property('StandardOutput', 's', 'journal'),
  property('StandardError', 's', 'journal'),
  property('LogRateLimitIntervalUSec', 't', 30_000_000n),
  property('LogRateLimitBurst', 'u', 200),
  property('UMask', 'u', 0o077),
  property('NoNewPrivileges', 'b', true),
  property('AmbientCapabilities', 't', 0n),
  property('ProtectSystem', 's', 'strict'),
  property('ProtectHome', 's', 'read-only'),
  property('PrivateTmp', 'b', true),
  property('ProtectClock', 'b', true),
  property('ProtectControlGroups', 'b', true),
  property('ProtectKernelModules', 'b', true),
  property('RestrictRealtime', 'b', true),
  property('RestrictSUIDSGID', 'b', true),
  property('LockPersonality', 'b', true),
  property('SystemCallArchitectures', 'as', ['native']),
  property('SystemCallFilter', '(bas)', [
    false,
    ['@clock', '@cpu-emulation', '@debug', '@module', '@obsolete', '@raw-io', '@reboot', '@swap'],
  ]),
  property('SystemCallErrorNumber', 'i', 1),
  property('KeyringMode', 's', 'private'),
  property('RemoveIPC', 'b', true),
  property('DevicePolicy', 's', 'closed'),
  property('DeviceAllow', 'a(ss)', [
    ['/dev/kvm', 'rw'],
    ['/dev/sev', 'rw'],
  ]),
  property('LimitCORE', 't', 0n),
  property('LimitNOFILE', 't', 4096n),
  property('OOMPolicy', 's', 'stop'),
  property('OOMScoreAdjust', 'i', 300),
  property('Restart', 's', 'no'),
  property('KillMode', 's', 'control-group'),
  // The keepmgr asks first; when it comes to this nobody is left to be asked.
  property('KillSignal', 'i', 9),
  property('TimeoutStopUSec', 't', 5_000_000n),
];
