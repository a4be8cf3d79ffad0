// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from 'node:path';

import { probePlatform, withImage } from '@enarx/keepldr/platform';
import { parseSocketRule, type SocketRules } from '@enarx/keepldr/socket-rules';
import type { Platform } from '@enarx/protocol';

import { Doors } from './api/doors.ts';
import { parseListen, type Place } from './api/listen.ts';
import type { ApiSubject } from './api/routes.ts';
import { Collateral } from './collateral.ts';
import type { Configuration } from './config/schema.ts';
import { jsonLinesLog } from './daemon-log.ts';
import { Changes } from './keeps/changes.ts';
import { Keeps } from './keeps/keeps.ts';
import { launchPlanner } from './keeps/launch-plan.ts';
import { configuredLauncher } from './launchers/configured.ts';
import type { Launcher } from './launchers/launcher.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { listenForLoaders } from './links/loader-socket.ts';
import { Metrics } from './metrics.ts';
import { keepmgrProblem } from './problems.ts';
import { readRelease } from './release.ts';
import {
  ensureSimulatedProcessor,
  ensureSimulatedSevPlatform,
  type ProcessorFiles,
  type SimulatedAnchor,
} from './simulated-processor.ts';
import { writeBundle } from './support/bundle.ts';
import { RecentLines } from './support/recent-lines.ts';
import { openStateDirectory, type StateDirectory } from './state/state-directory.ts';
import { Store } from './state/store.ts';

export interface KeepmgrOptions {
  /** `http://127.0.0.1:3030` (port 0 for any) or `unix:/path` for the users of this machine; `https://…` for tenants. */
  readonly listen: string | readonly string[];
  /** Tenants, their authentication and limits. */
  readonly config?: Configuration | undefined;
  /** Where everything is kept. Made if it does not exist; one daemon at a time. */
  readonly stateDirectory: string;
  /** Where `keepldr.js`, `wasmldr.cjs`, `runner.cjs` and `release.json` are. */
  readonly releaseDirectory: string;
  /** The simulated processor, made if it does not exist; without this in the state directory. */
  readonly simulator?: ProcessorFiles | undefined;
  /** The simulated SEV platform, made when the first Keep needs it; without this in the state directory. */
  readonly sevPlatform?: ProcessorFiles | undefined;
  /** Directory of the guest image for machines; without this `image` in the state directory. */
  readonly image?: string | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** How loaders are started; as child processes where it is left out. */
  readonly launcher?: Launcher | undefined;
  /** Sockets that this host opens for programs in its Keeps; none without it. */
  readonly sockets?: SocketRules | undefined;
  /** Milliseconds since 1970. */
  readonly clock?: (() => number) | undefined;
  /** Receives the daemon's events, one line of JSON each. Nothing of a tenant's is among them. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface Keepmgr {
  /** Where it listens, in the form of {@link KeepmgrOptions.listen}, and everywhere else that it does. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** Resolves when simulated Keeps can be made; rejects with `keepmgr/simulator-unreadable`. */
  readonly simulator: Promise<SimulatedAnchor>;
  /** @param fate - `destroy` (the default) ends all Keeps; `leave` leaves them to the next daemon, which has ten seconds */
  close(fate?: 'destroy' | 'leave'): Promise<void>;
  /**
   * Takes other tenants, limits and certificates, without touching a Keep or a connection. Where to listen stays.
   * @param read - gives the configuration; asked when earlier reloads are over, so that the newest counts
   * @throws EnarxError `keepmgr/config-invalid`; everything is then as it was, and the log tells
   */
  reload(read: Configuration | (() => Promise<Configuration>)): Promise<void>;
}

/**
 * Starts a host daemon.
 * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-locked`, `keepmgr/release-unreadable`, `keepmgr/listen-refused`, `keepmgr/listen-failed`
 */
export async function startKeepmgr(options: KeepmgrOptions): Promise<Keepmgr> {
  const places = [options.listen].flat().map(parseListen);
  refuseUnguarded(places, options.config);
  const directory = openStateDirectory(options.stateDirectory);
  try {
    return await start(options, places, directory);
  } catch (error) {
    directory.release();
    throw error;
  }
}

async function start(
  options: KeepmgrOptions,
  places: readonly Place[],
  directory: StateDirectory,
): Promise<Keepmgr> {
  const { clock = Date.now } = options;
  const sockets = checkedRules(options.sockets);
  // One object for the daemon's life, whose values a reload replaces.
  const limits = { ...defaultLimits, ...options.limits, ...given(options.config?.limits) };
  let config = options.config ?? {};
  const lines = new RecentLines();
  const log = jsonLinesLog((line) => {
    lines.add(line);
    options.log?.(line);
  }, clock);
  const releaseDirectory = resolve(options.releaseDirectory);
  const { version: release, description } = await readRelease(releaseDirectory);

  const store = new Store(directory.path, directory.keeps);
  const simulator = ensureSimulatedProcessor(
    options.simulator ?? {
      file: join(directory.path, 'simulator.cbor'),
      anchorFile: join(directory.path, 'anchor.pem'),
    },
  );
  simulator.catch((error: unknown) => {
    log('simulator-unreadable', { detail: (error as Error).message });
  });
  const sevPlatform = once(() =>
    ensureSimulatedSevPlatform(
      options.sevPlatform ?? {
        file: join(directory.path, 'sev-platform.cbor'),
        anchorFile: join(directory.path, 'sev-anchor.pem'),
      },
    ),
  );
  const image = resolve(options.image ?? join(directory.path, 'image'));
  const probed = once(probePlatform);
  // An image may be built while the daemon runs.
  const platform = async (): Promise<Platform['backends']> => withImage(await probed(), image);
  // Whoever asks is told.
  platform().catch(() => undefined);

  const metrics = new Metrics();
  const changes = new Changes();
  const launcher =
    options.launcher ??
    (await configuredLauncher(options.config?.launcher, {
      release: releaseDirectory,
      keeps: directory.keeps,
      limits,
      log,
      clock,
    }));
  const surroundings = {
    store,
    launcher,
    limits,
    log,
    metrics,
    clock,
    release: releaseDirectory,
  };
  const plan = launchPlanner({
    limits,
    manager: directory.loaderSocketFromKeep,
    release: description,
    image,
    sockets,
    platform,
    simulator,
    sevPlatform,
  });
  const keeps = new Keeps(surroundings, plan, changes);
  const restored = async (): Promise<Awaited<ReturnType<typeof listenForLoaders>>> => {
    await keeps.restore();
    // Bound before anything is launched: a loader never has to wait for it, nor find somebody else's.
    return listenForLoaders(
      directory.loaderSocket,
      limits,
      log,
      (hello, socket) => keeps.loaded(hello.id)?.welcome(hello, socket) ?? false,
    );
  };
  const loaders = await restored().catch((error: unknown) => {
    launcher.close?.();
    store.close();
    throw error;
  });

  let closed: Promise<void> | undefined;
  const obstacles = async (): Promise<readonly string[]> => {
    const usable = (await platform()).some((backend) => backend.usable);
    const state = await simulator.then(
      () => [],
      () => ['the simulated processor cannot be read'],
    );
    return [
      ...(closed === undefined ? [] : ['the daemon is ending']),
      ...(keeps.cordoned ? ['the host is cordoned'] : []),
      ...(usable ? [] : ['no kind of Keep can be made here']),
      ...state,
      ...((await launcher.obstacles?.()) ?? []),
    ];
  };
  const collateral = new Collateral(simulator, clock);
  const scrape = async (): Promise<string> => metrics.text(keeps.gauges(), await collateral.ages());
  const subject: ApiSubject = {
    keeps,
    changes,
    limits,
    release,
    metrics,
    platform,
    scrape,
    support: () =>
      writeBundle({
        release,
        clock,
        configuration: () => config,
        limits,
        keeps,
        lines,
        platform,
        obstacles,
        metrics: scrape,
      }),
    obstacles,
  };
  const doors = new Doors(subject, log);
  let addresses: readonly string[];
  try {
    addresses = await doors.open(places, options.config);
  } catch (error) {
    await keeps.close('leave');
    launcher.close?.();
    loaders.close();
    store.close();
    throw error;
  }
  keeps.resizePool(options.config?.pool ?? {});
  const [address] = addresses as readonly [string];
  for (const each of addresses) log('listening', { address: each, release });

  const close = async (fate: 'destroy' | 'leave' = 'destroy'): Promise<void> => {
    log('closing', { fate });
    doors.shut();
    await keeps.close(fate);
    launcher.close?.();
    doors.cut();
    loaders.close();
    store.close();
    directory.release();
    log('closed');
  };
  const apply = async (read: Parameters<Keepmgr['reload']>[0]): Promise<void> => {
    try {
      const wanted = typeof read === 'function' ? await read() : read;
      await doors.reload(wanted);
      config = wanted;
    } catch (error) {
      log('reload-refused', { detail: (error as Error).message });
      throw error;
    }
    Object.assign(limits, defaultLimits, options.limits, given(config.limits));
    keeps.quotasChanged();
    keeps.resizePool(config.pool ?? {});
    log('reloaded');
  };
  let reloads = Promise.resolve();
  const reload: Keepmgr['reload'] = (read) => {
    const done = reloads.then(() => apply(read));
    reloads = done.catch(() => undefined);
    return done;
  };
  return { address, addresses, simulator, reload, close: (fate) => (closed ??= close(fate)) };
}

/** A rule that makes no sense is told of now, not when the first program asks. @throws EnarxError `keepldr/socket-rule` */
function checkedRules(rules: SocketRules | undefined): { listen: string[]; dial: string[] } | undefined {
  if (rules === undefined) return undefined;
  for (const rule of [...rules.listen, ...rules.dial]) parseSocketRule(rule);
  return { listen: [...rules.listen], dial: [...rules.dial] };
}

function once<T>(action: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= action());
}

/** Limits that were written down; the others are as they were. */
function given(limits: Configuration['limits']): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits ?? {}).filter(([, value]) => value !== undefined));
}

/** @throws EnarxError `keepmgr/listen-refused` */
function refuseUnguarded(places: readonly Place[], config: Configuration | undefined): void {
  if (!places.some((place) => 'tls' in place && place.tls)) return;
  const { tls, oidc, tenants = {} } = config ?? {};
  const known = Object.values(tenants).some(
    ({ certificate, subject }) =>
      (certificate !== undefined && tls?.clientAuthorities !== undefined) ||
      (subject !== undefined && oidc !== undefined),
  );
  if (tls === undefined || !known) {
    throw keepmgrProblem('keepmgr/listen-refused', {
      found:
        tls === undefined
          ? 'https:// without the section tls'
          : 'https:// without a tenant that could prove who it is',
    });
  }
}
