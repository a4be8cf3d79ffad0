// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';
import * as v from 'valibot';

import { defaultLimits, type Limits } from '../limits.ts';

/** A file that the daemon reads; a relative path starts at the configuration's own directory. */
const file = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, . _ -, at most 63'),
);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_000_000_000));
/** Kinds of which a Keep can wait for its owner: where the owner takes part in the launch there is nothing to be made before. */
export const pooledKinds = ['sim', 'vm', 'snp', 'tdx'] as const satisfies readonly Tee[];

const countOrNone = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(64));

const described = <T>(
  schema: v.GenericSchema<T>,
  text: string,
): v.OptionalSchema<v.GenericSchema<T>, undefined> => v.optional(v.pipe(schema, v.description(text)));

/** What each limit bounds. Times are milliseconds. */
const limitTexts: Readonly<Record<keyof Limits, string>> = {
  keeps: 'Keeps that have not ended.',
  createBurst: 'Creations, and renewals, of one tenant at once.',
  createsPerSecond: 'The same each second beyond the burst.',
  launchesAtOnce: 'Keeps that may be launching at the same time; others wait their turn, tenant by tenant.',
  spareLoaders: 'Loaders that are kept booted for the next Keeps, about 14 MiB each; 0 for none.',
  launchQueue: 'Creations of one tenant that may wait for their turn.',
  memoryReserve: 'MiB of memory that must be available beyond what a Keep counts for, for it to be created.',
  memory:
    'MiB that all Keeps together may count for; 0 for what the machine, or the daemon’s control group, has, less `memoryReserve`.',
  processMemory:
    'MiB that a Keep counts for which is a process (`sim`, `sim-sev`). A machine counts for what it is given and 128 more.',
  poolAge: 'How long a Keep of the pool may wait before another takes its place.',
  launchTime: 'From creation to ready.',
  machineLaunchTime: 'The same for Keeps that are machines.',
  machineMemory: 'MiB that a machine may be given.',
  machineVcpus: 'Processors that a machine may be given.',
  absence: 'How long a loader may be away before its Keep counts as lost.',
  stopTime: 'From stop to the end; then everything is killed.',
  lingerTime: 'From the end of its program until a Keep is destroyed.',
  endedKeeps: 'Records of ended Keeps.',
  endedAge: 'Age of records of ended Keeps.',
  readyWait: 'How long a connection waits for a Keep that launches.',
  openWait: 'How long a connection waits for the loader.',
  channelsPerKeep: 'Connections to one Keep.',
  channelIdle: 'Silence after which a connection gives way to another.',
  connections: 'Connections to the API.',
  requestsPerTenant:
    'Requests of one tenant that are being answered at the same time, those that wait for a change included; operators excepted.',
  headersTime: 'Longest time for the head of a request.',
  bodyTime: 'Longest time for its body.',
  frameBurst: 'Frames that a loader may send at once.',
  framesPerSecond: 'Frames that it may send each second beyond that.',
  strangers: 'Connections to the loaders’ socket that have not said who they are.',
  helloTime: 'How long they may take to say it.',
};

/** Where it is not a count. */
const schemas: Readonly<Partial<Record<keyof Limits, v.GenericSchema<number>>>> = {
  spareLoaders: countOrNone,
  memory: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(1_000_000_000)),
};

const limits = v.strictObject(
  Object.fromEntries(
    Object.entries(limitTexts).map(([key, text]) => [
      key,
      described(schemas[key as keyof Limits] ?? count, text),
    ]),
  ) as Record<keyof Limits, v.OptionalSchema<v.GenericSchema<number>, undefined>>,
);

const tenant = v.strictObject({
  certificate: described(
    v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')),
    'SHA-256 of the SubjectPublicKeyInfo of the client’s certificate.',
  ),
  subject: described(
    v.pipe(v.string(), v.minLength(1), v.maxLength(256)),
    'What the tenant claim of a bearer token must be.',
  ),
  operator: described(
    v.boolean(),
    'Whether all Keeps are theirs to see and the host is theirs to cordon and drain.',
  ),
  keeps: described(count, 'Keeps that have not ended.'),
  memory: described(count, 'MiB that its Keeps that have not ended may count for together.'),
  createsPerMinute: described(count, 'Creations in a minute.'),
  longestLease: described(
    v.pipe(v.number(), v.safeInteger(), v.minValue(1000), v.maxValue(31_536_000_000)),
    'Longest lease in milliseconds; also what a Keep gets for which none was asked.',
  ),
});

const launcher = v.strictObject({
  kind: v.pipe(
    v.picklist(['child', 'systemd']),
    v.description(
      'How loaders are started: `child` as processes of the daemon, with no ceiling of their own; `systemd` as units of the machine’s systemd.',
    ),
  ),
  unit: described(
    v.picklist(['template', 'transient']),
    'Of systemd: `template` for instances of `enarx-keep@.service`, whose file also says their ceilings; `transient` for units that the daemon makes, which takes root. `template` where it is left out.',
  ),
  memory: described(
    count,
    'MiB of memory that one Keep may have; a machine’s own come on top. Given to a transient unit, demanded of a template.',
  ),
  processors: described(
    v.pipe(v.number(), v.minValue(0.01), v.maxValue(1024)),
    'Processors that one Keep may keep busy, for example 0.5; a machine’s own come on top.',
  ),
  tasks: described(count, 'Processes and threads that one Keep may have.'),
  unenforced: described(
    v.picklist(['refuse', 'allow']),
    'What becomes of a Keep whose ceilings the kernel does not enforce. `refuse` where it is left out; either way the log tells.',
  ),
});

/** keepmgr's configuration. What is not in here is refused. */
export const configuration = v.strictObject({
  listen: described(
    v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(8)),
    'Where to listen: `http://127.0.0.1:PORT` and the like, `unix:/PATH`, or `https://ADDRESS:PORT` with the section `tls` and tenants.',
  ),
  tls: v.optional(
    v.strictObject({
      certificate: v.pipe(file, v.description('Certificate chain of the host, PEM.')),
      key: v.pipe(file, v.description('Its private key, PEM, mode 0600.')),
      clientAuthorities: described(
        file,
        'Authorities of client certificates, PEM. Without it clients come with bearer tokens only.',
      ),
    }),
  ),
  oidc: v.optional(
    v.strictObject({
      issuer: v.pipe(v.string(), v.url(), v.description('Issuer that bearer tokens must name.')),
      audience: v.pipe(v.string(), v.minLength(1), v.description('Audience that they must be for.')),
      keys: v.pipe(
        v.string(),
        v.minLength(1),
        v.description('Its keys: a file with a JSON Web Key Set, or its `https://` address.'),
      ),
      claim: described(v.string(), 'Claim that names the tenant; `sub` where it is left out.'),
    }),
  ),
  tenants: v.optional(
    v.pipe(v.record(name, tenant), v.description('Who may ask, besides the users of this machine.')),
  ),
  pool: v.optional(
    v.strictObject(
      Object.fromEntries(
        pooledKinds.map((tee) => [
          tee,
          described(
            countOrNone,
            `Keeps of the kind \`${tee}\` that are launched before anybody asks for them.`,
          ),
        ]),
      ) as Record<(typeof pooledKinds)[number], v.OptionalSchema<v.GenericSchema<number>, undefined>>,
    ),
  ),
  launcher: v.optional(launcher),
  limits: v.optional(limits),
});

export type Configuration = v.InferOutput<typeof configuration>;

/** Keys of the sections, for documents: path, what it is, and what holds where it is left out. */
export function configurationRows(): readonly { key: string; text: string; otherwise: string }[] {
  const rows: { key: string; text: string; otherwise: string }[] = [];
  const walk = (prefix: string, entries: Readonly<Record<string, v.GenericSchema>>): void => {
    for (const [key, schema] of Object.entries(entries)) {
      const optional = schema.type === 'optional';
      const inner = optional ? (schema as unknown as { wrapped: v.GenericSchema }).wrapped : schema;
      const nested = (inner as { entries?: Record<string, v.GenericSchema> }).entries;
      if (nested !== undefined) walk(`${prefix}${key}.`, nested);
      else if (`${prefix}${key}` === 'tenants') walk('tenants.NAME.', tenant.entries);
      else {
        const limit =
          prefix === 'limits.' ? defaultLimits[key as keyof Limits] : prefix === 'pool.' ? 0 : undefined;
        rows.push({
          key: `${prefix}${key}`,
          text: v.getDescription(inner) ?? '',
          otherwise: limit === undefined ? (optional ? '' : 'must be there') : String(limit),
        });
      }
    }
  };
  walk('', configuration.entries);
  return rows;
}
