// SPDX-License-Identifier: Apache-2.0
import { buildCommand } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { defaultHost, imageFlag } from '../flags.ts';
import type { KeepmgrFlags } from './flags.ts';

export const keepmgrCommand = buildCommand<KeepmgrFlags, [], EnarxContext>({
  loader: async () => (await import('./keepmgr.ts')).runKeepmgr,
  parameters: {
    flags: {
      listen: {
        kind: 'parsed',
        parse: String,
        optional: true,
        variadic: true,
        brief: `Where to listen: http://127.0.0.1:PORT (0 for any), unix:/PATH, or https:// with --config; ${defaultHost} without it; repeatable`,
        placeholder: 'URL',
      },
      config: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Configuration (docs/keepmgr-config.md): tenants, TLS, quotas; read again at SIGHUP',
        placeholder: 'FILE',
      },
      state: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Where everything is kept; ~/.local/state/enarx without it',
        placeholder: 'DIR',
      },
      simulator: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'File of the simulated processor, made when it is missing; needs --anchor',
        placeholder: 'FILE',
      },
      anchor: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Where its root certificate is written, which clients must be given',
        placeholder: 'FILE',
      },
      allowListen: {
        kind: 'parsed',
        parse: String,
        optional: true,
        variadic: true,
        brief:
          'Let programs in Keeps listen on this host: 127.0.0.1:8080, [::1]:8000-8999, *:443; repeatable',
        placeholder: 'ADDRESS:PORTS',
      },
      allowDial: {
        kind: 'parsed',
        parse: String,
        optional: true,
        variadic: true,
        brief:
          'Let programs in Keeps be connected through this host: db.example:5432, localhost:*; *:443 is every public address; repeatable',
        placeholder: 'HOST:PORTS',
      },
      sevPlatform: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'File of the simulated SEV platform, made when it is missing; needs --sev-anchor',
        placeholder: 'FILE',
      },
      sevAnchor: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Where its root key is written, which clients of sev and sim-sev must be given',
        placeholder: 'FILE',
      },
      ...imageFlag,
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Be a host: make Keeps for clients, until a signal ends it',
    fullDescription: [
      'Be a host: make Keeps for clients, until SIGINT or SIGTERM ends it and all its Keeps.',
      '',
      'It prints where it listens and where the anchor of its simulated processor is. A client is given that file by a way that',
      'it trusts, never through the host itself. Clients on other machines are taken with TLS and as known tenants only: --config.',
      'Programs in Keeps have no network. Only what --allow-listen and --allow-dial say is opened for them, and this host then relays it.',
      'Events go to standard error, one line of JSON each; none holds anything of a tenant.',
    ].join('\n'),
  },
});
