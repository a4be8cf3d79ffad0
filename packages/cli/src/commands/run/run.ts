// SPDX-License-Identifier: Apache-2.0
import { connect, createIdentity, type Step } from '@enarx/client';
import { hasLaunchSecret, type Tee } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { namedHost, type NamedHost } from '../../host/named-host.ts';
import { ownBackends } from '../../host/own-backends.ts';
import { startOwnKeepmgr, sweepLeftovers, type OwnHost } from '../../host/own-keepmgr.ts';
import { isSimulated, parseTee } from '../../host/tee.ts';
import {
  deliver,
  launchTrustFor,
  prepareDelivery,
  statusOfEnd,
  trustFor,
  type Delivery,
} from '../../run/deliver.ts';
import { readNamedFile } from '../../named-file.ts';
import { readNamedTrust, type NamedTrust } from '../../run/named-trust.ts';
import { imageDirectory } from '../../run/image.ts';
import { socketRules } from '../../run/socket-rules.ts';
import { Interruption } from '../../run/interruption.ts';
import { launchSealed } from '../../run/launch.ts';
import { needsPolicy } from '../../run/launch-kinds.ts';
import { reportSimulated, reportStep } from '../../run/report.ts';
import { resourcesOf } from '../../run/resources.ts';
import type { RunFlags } from './flags.ts';

/** All ten steps, on the named host or on one of one's own. */
export async function runProgram(
  this: EnarxContext,
  flags: RunFlags,
  ...[module = '', ...args]: readonly string[]
): Promise<void> {
  const tee = parseTee(flags.tee);
  const [delivery, named, host] = await Promise.all([
    prepareDelivery(this, flags, module, args),
    readNamedTrust(flags),
    namedHost(this.process.env, flags),
  ]);
  if (needsPolicy(tee) && named.policy === undefined) {
    // Nobody can write a policy for what his machine does not have.
    if (host === undefined) await refuseUnusableHere(tee, imageDirectory(flags, this.process.env));
    // Before any host is asked for a Keep that could not be judged.
    await trustFor(this, named, flags, tee);
  }
  // It refuses a policy, which has no say in such a launch.
  if (hasLaunchSecret(tee) && named.policy !== undefined) await launchTrustFor(this, named, flags, tee);
  using interruption = new Interruption(this.output, 'removing the Keep', this.process.unread);
  try {
    if (host !== undefined) {
      this.process.exitCode = await runOn(this, host, { flags, named, tee, delivery }, interruption);
      return;
    }
    // Whoever runs it on his own machine has said in its configuration what it opens.
    const rules = socketRules(delivery.plan.files ?? []);
    const image = imageDirectory(flags, this.process.env);
    const own = await startOwnKeepmgr(this, { rules, image, signal: interruption.signal });
    try {
      // The anchor of one's own processor is the one that the caller would name, unless he names another.
      const ownAnchor = hasLaunchSecret(tee) ? own.sevAnchorFile : own.anchorFile;
      const errand = { flags, named, ownAnchor, tee, delivery };
      this.process.exitCode = await runOn(this, { url: own.url }, errand, interruption);
    } finally {
      await endOwn(own);
    }
  } catch (error) {
    if (interruption.status === undefined) throw error;
    this.process.exitCode = interruption.status;
  }
}

/** What is to be run, and by which rules. */
interface Errand {
  readonly flags: RunFlags;
  readonly named: NamedTrust;
  /** Stands in where the caller named none. It may not be there before the first Keep of its kind is. */
  readonly ownAnchor?: string;
  readonly tee: Tee;
  readonly delivery: Delivery;
}

/** @returns exit status */
async function runOn(
  context: EnarxContext,
  at: NamedHost,
  { flags, named, ownAnchor, tee, delivery }: Errand,
  { signal }: Interruption,
): Promise<number> {
  const { verbose } = flags;
  const { output } = context;
  const onStep = (step: Step): void => {
    // What is still on its way would be drawn over the word that it was interrupted.
    if (signal.aborted) return;
    // The first step is that the host has made a Keep. Before it there is none that anything could vouch for.
    if (isSimulated(tee)) reportSimulated(output);
    reportStep(output, verbose, step);
  };
  const trusted = async (): Promise<NamedTrust> =>
    named.anchor === undefined && ownAnchor !== undefined
      ? { ...named, anchor: { file: ownAnchor, pem: await readNamedFile(ownAnchor) } }
      : named;
  // A host of one's own ends with its Keeps. Another may have begun to make one, and is waited for, lest nobody knew its name.
  const own = ownAnchor !== undefined;
  const host = connect({ ...at, onStep, signal: own ? signal : undefined });
  try {
    signal.throwIfAborted();
    const sent = Promise.withResolvers<undefined>();
    const creating = host.createKeep({
      tee,
      resources: resourcesOf(flags),
      onSent: () => {
        sent.resolve(undefined);
      },
    });
    // Its loader starts while what judges it is loaded here, but not before the request is out; a host that refuses is told of below.
    await Promise.race([creating.catch(() => undefined), sent.promise]);
    const secret = hasLaunchSecret(tee);
    const preparing = Promise.all([
      secret ? undefined : trusted().then((trusting) => trustFor(context, trusting, flags, tee)),
      createIdentity(),
    ]);
    preparing.catch(() => undefined);
    const keep = await creating;
    try {
      signal.throwIfAborted();
      const [evidence, identity] = await preparing;
      const trust =
        evidence ??
        (await launchSealed(context, keep, { flags, named: await trusted(), tee, identity, signal }));
      // The Keep is made for this one program. The host removes it when the program's connection closes, and nobody waits for that.
      const ended = await deliver(context, keep, delivery, {
        identity,
        trust,
        verbose,
        detach: false,
        removeAfter: true,
        signal,
      });
      if (ended === undefined) throw new Error('a run is never left running');
      return statusOfEnd(context, ended);
    } catch (error) {
      if (!own) await keep.giveUp().catch(() => undefined);
      throw error;
    }
  } finally {
    host.close();
  }
}

/** @throws EnarxError `tee/unsupported` */
async function refuseUnusableHere(tee: Tee, image: string): Promise<void> {
  const { refuseUnusable } = await import('@enarx/keepldr/platform');
  refuseUnusable(await ownBackends(image), tee);
}

async function endOwn(own: OwnHost): Promise<void> {
  await Promise.all([own.close(), sweepLeftovers()]);
}
