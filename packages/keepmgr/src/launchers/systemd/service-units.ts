// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';

import { connectionLost, DbusConnection } from '../../dbus/connection.ts';
import type { Message } from '../../dbus/message.ts';
import type { DbusValue, Variant } from '../../dbus/signature.ts';
import { keepmgrProblem } from '../../problems.ts';

const destination = 'org.freedesktop.systemd1';
const managerPath = '/org/freedesktop/systemd1';
const managerInterface = 'org.freedesktop.systemd1.Manager';
const properties = 'org.freedesktop.DBus.Properties';
const bus = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;
/** systemd's own socket speaks D-Bus without a bus, to root. */
export const privateSocket = '/run/systemd/private';
export const systemBus = '/run/dbus/system_bus_socket';
/** Milliseconds until a unit has been started or stopped. */
const longestJob = 15_000;
/** Milliseconds for which a systemd that is executed anew may not be there; and until it is looked for again. */
const longestAbsence = 3000;
const absencePause = 50;
const mostEndedJobs = 256;

export type Property = readonly [name: string, value: Variant];
/** Properties of a service by their names. */
export type ServiceProperties = ReadonlyMap<string, DbusValue>;

/** Services of the machine's systemd, over D-Bus (org.freedesktop.systemd1(5)). The connection is made when it is needed, and again when it broke. */
export class ServiceUnits {
  readonly #path: string;
  #connection: Promise<DbusConnection> | undefined;
  /** Who waits for the end of a job, by its object path. */
  readonly #jobs = new Map<string, Set<(result: string) => void>>();
  readonly #endedJobs = new Map<string, string>();
  readonly #changes = new Map<string, () => void>();
  /** When the connection, or the one of the bus behind it, broke last. */
  #lost = -longestAbsence;
  #closed = false;

  /** @param path - of the socket on which systemd, or the system's bus, listens */
  constructor(path: string) {
    this.#path = path;
  }

  /** Starts a unit that a file describes, and waits until it runs. @throws EnarxError `keepmgr/systemd-unreachable`, `keepmgr/systemd-refused` */
  async start(unit: string): Promise<void> {
    await this.#job(unit, 'StartUnit', 'ss', [unit, 'fail']);
  }

  /** The same of a unit that only these properties describe. */
  async startTransient(unit: string, wanted: readonly Property[]): Promise<void> {
    await this.#job(unit, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'fail', wanted, []]);
  }

  /** Stops a unit and lets systemd forget how it ended. Resolves when nothing of it runs, also when there is no such unit. */
  async end(unit: string): Promise<void> {
    await this.#throughReexecution(async () => {
      try {
        await this.#job(unit, 'StopUnit', 'ss', [unit, 'replace']);
        await this.#call('ResetFailedUnit', 's', [unit]);
      } catch (error) {
        if (!isRefusal(error, 'org.freedesktop.systemd1.NoSuchUnit')) throw error;
      }
    });
  }

  /** Names of the units that fit a pattern, whatever became of them. */
  async list(pattern: string): Promise<string[]> {
    const [units] = await this.#throughReexecution(() =>
      this.#call('ListUnitsByPatterns', 'asas', [[], [pattern]]),
    );
    return (units as readonly (readonly DbusValue[])[]).map(([name]) => name as string);
  }

  async serviceProperties(unit: string): Promise<ServiceProperties> {
    const [table] = await this.#propertiesOf(unit, 'GetAll', 's', ['org.freedesktop.systemd1.Service']);
    return new Map(
      (table as readonly (readonly [string, Variant])[]).map(([name, { value }]) => [name, value]),
    );
  }

  /** Whether a unit of that name could be started: its file, or its template's, is there and makes sense. */
  async loads(unit: string): Promise<boolean> {
    await this.#throughReexecution(() => this.#call('LoadUnit', 's', [unit]));
    const [state] = await this.#propertiesOf(unit, 'Get', 'ss', [
      'org.freedesktop.systemd1.Unit',
      'LoadState',
    ]);
    return (state as Variant).value === 'loaded';
  }

  /** Calls back whenever something of the unit has changed. @returns what ends that */
  async watch(unit: string, changed: () => void): Promise<() => void> {
    const path = pathOf(unit);
    this.#changes.set(path, changed);
    await this.#throughReexecution(async () => this.#match(await this.#connected(), 'AddMatch', path));
    return () => {
      this.#changes.delete(path);
      this.#connection
        ?.then((connection) => this.#match(connection, 'RemoveMatch', path))
        .catch(() => undefined);
    };
  }

  /**
   * Whether systemd was just executed anew, as at each update of its package: it drops its connections then, is away for a moment, and serves the units on. Whether it
   * had heard what was asked for, nobody can tell.
   *
   * @param begun - when that was begun which failed, on the clock of `performance`
   */
  isPassing(error: unknown, begun: number): boolean {
    if (this.#closed) return false;
    if (saysLost(error)) this.#lost = performance.now();
    return this.#lost >= begun || (saysAbsent(error) && performance.now() < this.#lost + longestAbsence);
  }

  close(): void {
    this.#closed = true;
    this.#connection
      ?.then((connection) => {
        connection.close();
      })
      .catch(() => undefined);
  }

  async #call(member: string, signature: string, body: readonly DbusValue[]): Promise<readonly DbusValue[]> {
    const connection = await this.#connected();
    return connection.call({
      destination,
      path: managerPath,
      interface: managerInterface,
      member,
      signature,
      body,
    });
  }

  /** @param work - does no harm when it is done twice */
  async #throughReexecution<T>(work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!this.isPassing(error, begun) || performance.now() > begun + longestAbsence) throw error;
      }
      await sleep(absencePause);
    }
  }

  #propertiesOf(
    unit: string,
    member: 'Get' | 'GetAll',
    signature: string,
    body: readonly DbusValue[],
  ): Promise<readonly DbusValue[]> {
    return this.#throughReexecution(async () => {
      const connection = await this.#connected();
      return connection.call({
        destination,
        path: pathOf(unit),
        interface: properties,
        member,
        signature,
        body,
      });
    });
  }

  /** A call that begins a job, and the job's end. One unit may have several, and others may wait for the same. */
  async #job(unit: string, member: string, signature: string, body: readonly DbusValue[]): Promise<void> {
    const [job] = await this.#call(member, signature, body);
    const result = await this.#endOf(job as string);
    if (result === connectionLost)
      throw keepmgrProblem('keepmgr/systemd-unreachable', { found: connectionLost });
    if (result !== 'done')
      throw keepmgrProblem('keepmgr/systemd-refused', { found: `${member} of ${unit}: ${result}` });
  }

  /** The signal may have come before the answer that names the job. */
  #endOf(job: string): Promise<string> {
    const ended = this.#endedJobs.get(job);
    if (ended !== undefined) return Promise.resolve(ended);
    return new Promise((resolve) => {
      const waiters = this.#jobs.get(job) ?? new Set();
      this.#jobs.set(job, waiters);
      const settle = (result: string): void => {
        clearTimeout(timer);
        waiters.delete(settle);
        if (waiters.size === 0) this.#jobs.delete(job);
        resolve(result);
      };
      const timer = setTimeout(settle, longestJob, 'timeout');
      waiters.add(settle);
    });
  }

  #jobEnded(job: string, result: string): void {
    for (const settle of [...(this.#jobs.get(job) ?? [])]) settle(result);
    this.#endedJobs.set(job, result);
    const [oldest] = this.#endedJobs.keys();
    if (this.#endedJobs.size > mostEndedJobs && oldest !== undefined) this.#endedJobs.delete(oldest);
  }

  #connected(): Promise<DbusConnection> {
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #connect(): Promise<DbusConnection> {
    try {
      const connection = await DbusConnection.open(this.#path, (message) => {
        this.#signalled(message);
      });
      void connection.closed.then(() => {
        this.#connection = undefined;
        this.#lost = performance.now();
        // Signals may have been missed: whoever waits looks again.
        for (const waiters of [...this.#jobs.values()])
          for (const settle of [...waiters]) settle(connectionLost);
        // A systemd that was executed anew may count its jobs from the beginning.
        this.#endedJobs.clear();
        for (const changed of this.#changes.values()) changed();
      });
      if (this.#hasBus) {
        await connection.call({ ...bus, member: 'Hello' });
        const paths = [managerPath, ...this.#changes.keys()];
        await Promise.all(paths.map((path) => this.#match(connection, 'AddMatch', path)));
      }
      await connection.call({
        destination,
        path: managerPath,
        interface: managerInterface,
        member: 'Subscribe',
      });
      connection.unref();
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  get #hasBus(): boolean {
    return !this.#path.endsWith(privateSocket);
  }

  /** A bus passes on what was asked for; systemd itself passes on everything. */
  async #match(connection: DbusConnection, member: 'AddMatch' | 'RemoveMatch', path: string): Promise<void> {
    const name = path === managerPath ? managerInterface : properties;
    const rule = `type='signal',sender='${destination}',path='${path}',interface='${name}'`;
    if (this.#hasBus) await connection.call({ ...bus, member, signature: 's', body: [rule] });
  }

  #signalled({ path, interface: name, member, body }: Message): void {
    if (name === managerInterface && member === 'JobRemoved') {
      const [, job, , result] = body;
      this.#jobEnded(job as string, result as string);
    } else if (name === properties) this.#changes.get(path)?.();
  }
}

/** The connection broke, or a bus says that about the one behind it. */
function saysLost(error: unknown): boolean {
  return (
    (error as { found?: unknown }).found === connectionLost ||
    isRefusal(error, 'org.freedesktop.DBus.Error.NoReply')
  );
}

function saysAbsent(error: unknown): boolean {
  return (
    (error as { code?: unknown }).code === 'keepmgr/systemd-unreachable' ||
    isRefusal(error, 'org.freedesktop.DBus.Error.ServiceUnknown') ||
    isRefusal(error, 'org.freedesktop.DBus.Error.NameHasNoOwner')
  );
}

/** @param name - of the error that systemd, or the bus, answers with */
function isRefusal(error: unknown, name: string): boolean {
  return (error as Error).message.includes(name);
}

/** Object path of a unit: whatever is no letter or digit is spelt out (sd_bus_path_encode(3)). */
export function pathOf(unit: string): string {
  const name = unit.replace(
    /[^A-Za-z0-9]/g,
    (character) => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `${managerPath}/unit/${name}`;
}
