// SPDX-License-Identifier: Apache-2.0
import { configurationRows } from '../../packages/keepmgr/src/config/schema.ts';
import { generatedNote } from './markdown.ts';

/** docs/keepmgr-config.md. */
export function keepmgrConfigDocument(): Promise<string> {
  const rows = configurationRows().map(
    ({ key, text, otherwise }) => `| \`${key}\` | ${text} | ${otherwise} |`,
  );
  return Promise.resolve(
    [
      '# Configuration of keepmgr',
      '',
      generatedNote('packages/keepmgr/src/config/schema.ts'),
      '',
      '`enarx keepmgr --config FILE`. It is TOML 1.0; a key that does not stand here is refused, and so is the whole file. Times are milliseconds. A relative path starts at the',
      'directory of the file. On SIGHUP the daemon reads it again: tenants, limits, pool and certificates are replaced and no Keep that is somebody’s is touched; where to listen, how loaders are started, whether clients are asked for certificates, and the limits `connections`, `headersTime`, `bodyTime` and `spareLoaders` stay until a restart. A file',
      'that cannot be used changes nothing and is told in the log.',
      '',
      'Whoever reaches a loopback address or a Unix socket is a user of this machine: tenant `local`, and an operator. On `https://` everybody is authenticated, first by client',
      'certificate, then by bearer token, and who is in neither table is refused; so is the whole place to listen when no tenant could prove who it is.',
      '',
      '```toml',
      'listen = ["unix:/run/enarx/api.sock", "https://0.0.0.0:3031"]',
      '',
      '[tls]',
      'certificate = "host.pem"',
      'key = "host.key"',
      'clientAuthorities = "clients.pem"',
      '',
      '[tenants.alice]',
      'certificate = "0f5a…64 digits…"',
      'keeps = 4',
      'memory = 4096',
      'longestLease = 3600000',
      '',
      '[launcher]',
      'kind = "systemd"',
      '',
      '[pool]',
      'sim = 4',
      '```',
      '',
      'The number of a certificate: `openssl x509 -in alice.pem -pubkey -noout | openssl pkey -pubin -outform der | sha256sum`.',
      '',
      '| key | what it says | without it |',
      '|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  );
}
