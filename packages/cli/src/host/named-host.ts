// SPDX-License-Identifier: Apache-2.0
import type { HostAccess } from '@enarx/client';

import { defaultHost, type HostFlags } from '../commands/flags.ts';
import type { EnarxContext } from '../context.ts';
import { readNamedFile } from '../named-file.ts';
import { cliProblem } from '../problems.ts';

/** A host, and what one goes there with. */
export interface NamedHost {
  readonly url: string;
  readonly access?: HostAccess | undefined;
}

type Environment = EnarxContext['process']['env'];

/** The same words in the environment. They belong together: what stands there is for the host that stands there. */
const variables = {
  hostCa: 'ENARX_HOST_CA',
  hostCert: 'ENARX_HOST_CERT',
  hostKey: 'ENARX_HOST_KEY',
  hostTokenFile: 'ENARX_HOST_TOKEN_FILE',
} as const;
const tokenVariable = 'ENARX_HOST_TOKEN';

/** The same, or where `enarx keepmgr` listens when nothing names a host. */
export async function hostOrDefault(env: Environment, flags: HostFlags): Promise<NamedHost> {
  return (await namedHost(env, flags)) ?? { url: defaultHost };
}

/**
 * The host that the command line names, else the one of the environment. Credentials of the environment go to the host of the
 * environment only: a token is not to be shown to whatever host a command line happens to name.
 *
 * @returns `undefined` where neither names one
 * @throws EnarxError `cli/usage`, `cli/file-unreadable`
 */
export async function namedHost(env: Environment, flags: HostFlags): Promise<NamedHost | undefined> {
  const url = flags.host ?? given(env['ENARX_HOST']);
  const from = flags.host === undefined ? env : {};
  const file = (key: keyof typeof variables): string | undefined => flags[key] ?? given(from[variables[key]]);
  const [ca, cert, key, tokenFile] = (['hostCa', 'hostCert', 'hostKey', 'hostTokenFile'] as const).map(file);
  const token = flags.hostTokenFile === undefined ? given(from[tokenVariable]) : undefined;
  if (token !== undefined && tokenFile !== undefined)
    throw cliProblem('cli/usage', {
      found: `${tokenVariable} and ${variables.hostTokenFile}`,
      expected: 'one',
    });
  const names = [ca, cert, key, tokenFile, token];
  if (names.every((name) => name === undefined)) return url === undefined ? undefined : { url };
  if (url === undefined)
    throw cliProblem('cli/usage', {
      found: 'a certificate, a token or an authority for no host',
      expected: '--host, or ENARX_HOST',
    });
  const [authorities, certificate, privateKey] = await Promise.all([
    contentOf(ca),
    contentOf(cert),
    contentOf(key),
  ]);
  return {
    url,
    access: {
      authorities,
      certificate,
      key: privateKey,
      // Read each time: whoever renews a token replaces its file.
      token:
        tokenFile === undefined
          ? token === undefined
            ? undefined
            : () => token
          : () => readNamedFile(tokenFile),
    },
  };
}

/** A variable that is empty counts as none, as it does for most. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

async function contentOf(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : readNamedFile(path);
}
