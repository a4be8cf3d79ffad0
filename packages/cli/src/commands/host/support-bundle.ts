// SPDX-License-Identifier: Apache-2.0
import { version } from 'node:process';

import { EnarxError } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { writeNewFile } from '../../named-file.ts';
import type { SupportBundleFlags } from './flags.ts';

/** Writes the bundle of a host, or what there is without one that answers. */
export async function saveSupportBundle(this: EnarxContext, flags: SupportBundleFlags): Promise<void> {
  const { connect } = await import('@enarx/client');
  const host = connect(await hostOrDefault(this.process.env, flags));
  let bundle: string;
  let complete = true;
  try {
    bundle = await host.supportBundle();
  } catch (error) {
    // One that answers and refuses is no host that is down.
    const known = error instanceof EnarxError ? (error as EnarxError) : undefined;
    if (known?.kind !== 'unavailable') throw error;
    complete = false;
    bundle = await bundleWithoutHost(this.now(), known.code);
  } finally {
    host.close();
  }
  await writeNewFile(flags.out, bundle, 0o600);
  this.output.result({ out: flags.out, complete }, () =>
    complete
      ? `Written to ${flags.out}; read it before you pass it on.`
      : `The host does not answer: ${flags.out} tells of this machine only.`,
  );
}

async function bundleWithoutHost(now: number, code: string): Promise<string> {
  const { probePlatform } = await import('@enarx/keepldr/platform');
  const bundle = {
    format: 'enarx-support/1',
    written: new Date(now).toISOString(),
    node: version,
    host: code,
    platform: await probePlatform(),
  };
  return `${JSON.stringify(bundle, undefined, 1)}\n`;
}
