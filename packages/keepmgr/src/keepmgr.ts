// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from 'node:path';

import { probePlatform, withImage } from '@enarx/keepldr/platform';
import { parseSocketRule, type SocketRules } from '@enarx/keepldr/socket-rules';
import type { Platform } from '@enarx/protocol';

import { Doors } from './api/doors.ts';
import { parseListen, refuseUnguarded, type Place } from './api/listen.ts';
import { InForce } from './config/in-force.ts';
import type { Configuration } from './config/schema.ts';
import { jsonLinesLog } from './daemon-log.ts';
import { Changes } from './keeps/changes.ts';
import { Keeps } from './keeps/keeps.ts';
import { launchPlanner } from './keeps/launch-plan.ts';
import { configuredLauncher } from './launchers/configured.ts';
import type { Launcher } from './launchers/launcher.ts';
import type { Limits } from './limits.ts';
import { listenForLoaders } from './links/loader-socket.ts';
import { Metrics } from './metrics.ts';
import { Opened } from './opened.ts';
import { operations } from './operations.ts';
import { readRelease } from './release.ts';
import { reloader, type ConfigurationSource } from './reload.ts';
import { simulatedHardware, type ProcessorFiles, type SimulatedAnchor } from './simulated-processor.ts';
import { RecentLines } from './support/recent-lines.ts';
import { openStateDirectory } from './state/state-directory.ts';
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
  reload(read: ConfigurationSource): Promise<void>;
}

/**
 * Starts a host daemon.
 * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-locked`, `keepmgr/release-unreadable`, `keepmgr/listen-refused`, `keepmgr/listen-failed`
 */
export async function startKeepmgr(options: KeepmgrOptions): Promise<Keepmgr> {
  const places = [options.listen].flat().map(parseListen);
  refuseUnguarded(places, options.config);
  const opened = new Opened(openStateDirectory(options.stateDirectory));
  try {
    return await start(options, places, opened);
  } catch (error) {
    await opened.close('leave');
    throw error;
  }
}

async function start(options: KeepmgrOptions, places: readonly Place[], opened: Opened): Promise<Keepmgr> {
  const { clock = Date.now, config = {} } = options;
  const { directory } = opened;
  const sockets = checkedRules(options.sockets);
  const inForce = new InForce(config, options.limits);
  const { limits } = inForce;
  const lines = new RecentLines();
  const log = jsonLinesLog((line) => {
    lines.add(line);
    options.log?.(line);
  }, clock);

  const release = resolve(options.releaseDirectory);
  const { version, description } = await readRelease(release);
  const store = new Store(directory.path, directory.keeps);
  opened.store = store;
  const { simulator, sevPlatform } = simulatedHardware(directory.path, options);
  simulator.catch((error: unknown) => {
    log('simulator-unreadable', { detail: (error as Error).message });
  });
  const image = resolve(options.image ?? join(directory.path, 'image'));
  const platform = platformWith(image);
  const launcher =
    options.launcher ??
    (await configuredLauncher(config.launcher, { release, keeps: directory.keeps, limits, log, clock }));
  opened.launcher = launcher;

  const metrics = new Metrics();
  const changes = new Changes();
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
  const keeps = new Keeps({ store, launcher, limits, log, metrics, clock, release }, plan, changes);
  await keeps.restore();
  // Bound before anything is launched: a loader never has to wait for it, nor find somebody else's.
  opened.loaders = await listenForLoaders(
    directory.loaderSocket,
    limits,
    log,
    (hello, socket) => keeps.loaded(hello.id)?.welcome(hello, socket) ?? false,
  );
  opened.keeps = keeps;

  let closed: Promise<void> | undefined;
  const told = operations({
    release: version,
    clock,
    inForce,
    keeps,
    launcher,
    metrics,
    lines,
    platform,
    simulator,
    ending: () => closed !== undefined,
  });
  const doors = new Doors({ keeps, changes, limits, release: version, metrics, platform, ...told }, log);
  const addresses = await doors.open(places, options.config);
  opened.doors = doors;
  keeps.resizePool(config.pool ?? {});
  const [address] = addresses as readonly [string];
  for (const each of addresses) log('listening', { address: each, release: version });

  const close = async (fate: 'destroy' | 'leave' = 'destroy'): Promise<void> => {
    log('closing', { fate });
    await opened.close(fate);
    log('closed');
  };
  return {
    address,
    addresses,
    simulator,
    reload: reloader({ inForce, doors, keeps, log }),
    close: (fate) => (closed ??= close(fate)),
  };
}

/** A rule that makes no sense is told of now, not when the first program asks. @throws EnarxError `keepldr/socket-rule` */
function checkedRules(rules: SocketRules | undefined): { listen: string[]; dial: string[] } | undefined {
  if (rules === undefined) return undefined;
  for (const rule of [...rules.listen, ...rules.dial]) parseSocketRule(rule);
  return { listen: [...rules.listen], dial: [...rules.dial] };
}

/** What this host can do: probed once, but for the image, which may be built while the daemon runs. */
function platformWith(image: string): () => Promise<Platform['backends']> {
  const probed = probePlatform();
  // Whoever asks is told.
  probed.catch(() => undefined);
  return async () => withImage(await probed, image);
}
