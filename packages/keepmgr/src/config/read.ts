// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import * as v from 'valibot';

import { keepmgrProblem } from '../problems.ts';
import { configuration, type Configuration } from './schema.ts';

const largest = 1_048_576;

/**
 * Reads a configuration file. Paths in it come back absolute.
 * @throws EnarxError `keepmgr/config-invalid`
 */
export async function readConfiguration(path: string): Promise<Configuration> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > largest) throw new Error(`${String(text.length)} characters`);
    const { parse } = await import('smol-toml');
    return checked(parse(text), dirname(resolve(path)));
  } catch (cause) {
    // What follows in a message of the parser's is the file's own text, which is not for logs.
    const [first = ''] = (cause as Error).message.split('\n');
    throw keepmgrProblem('keepmgr/config-invalid', { found: `${path}: ${first}`, cause });
  }
}

/** @throws Error that says which key, what is wrong with it, and what was expected */
export function checked(value: unknown, directory: string): Configuration {
  const result = v.safeParse(configuration, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw new Error(`${v.getDotPath(issue) ?? 'the file'}: ${messageOf(issue)}`);
  }
  const config = result.output;
  const { kind, ...unitsOnly } = config.launcher ?? { kind: 'child' };
  const [misplaced] = kind === 'child' ? Object.keys(unitsOnly) : [];
  if (misplaced !== undefined) throw new Error(`launcher.${misplaced}: only for kind = "systemd"`);
  const tenants = Object.entries(config.tenants ?? {});
  for (const [name, { certificate, subject }] of tenants) {
    if (name === 'local') throw new Error('tenants.local: the name of this machine’s users');
    if (certificate === undefined && subject === undefined)
      throw new Error(`tenants.${name}: neither a certificate nor a subject, so nobody could be it`);
  }
  for (const key of ['certificate', 'subject'] as const) {
    const values = tenants.map(([, tenant]) => tenant[key]).filter((given) => given !== undefined);
    if (new Set(values).size !== values.length) throw new Error(`tenants: two with the same ${key}`);
  }
  return withAbsolutePaths(config, directory);
}

/** What the validator says in its own terms is said in those of the file. */
function messageOf({ type, expected, received, message }: v.BaseIssue<unknown>): string {
  if (type !== 'strict_object') return message;
  if (expected === 'never') return 'no key here; docs/keepmgr-config.md lists them all';
  return received === 'undefined' ? 'must be there' : message;
}

function withAbsolutePaths(config: Configuration, directory: string): Configuration {
  const { tls, oidc } = config;
  const at = (path: string): string => resolve(directory, path);
  return {
    ...config,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            certificate: at(tls.certificate),
            key: at(tls.key),
            ...(tls.clientAuthorities === undefined ? {} : { clientAuthorities: at(tls.clientAuthorities) }),
          },
        }),
    ...(oidc === undefined
      ? {}
      : { oidc: { ...oidc, keys: oidc.keys.startsWith('https://') ? oidc.keys : at(oidc.keys) } }),
  };
}
