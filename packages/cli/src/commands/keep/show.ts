// SPDX-License-Identifier: Apache-2.0
import { printable } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { isoTime, keepJson, keepTable } from '../../host/keep-summary.ts';
import { hostOrDefault } from '../../host/named-host.ts';
import { withHost } from '../../host/with-host.ts';
import { table } from '../../output.ts';
import type { KeepFlags } from './flags.ts';

export async function listKeeps(this: EnarxContext, flags: KeepFlags): Promise<void> {
  const host = await hostOrDefault(this.process.env, flags);
  const keeps = await withHost(host, (at) => at.keeps());
  this.output.result(keeps.map(keepJson), () =>
    keeps.length === 0 ? 'There are no Keeps on this host.' : keepTable(keeps),
  );
}

export async function showKeep(this: EnarxContext, flags: KeepFlags, id: string): Promise<void> {
  const host = await hostOrDefault(this.process.env, flags);
  const keep = await withHost(host, (at) => at.keep(id).show());
  this.output.result(keepJson(keep), () => keepTable([keep]));
}

export async function showLog(this: EnarxContext, flags: KeepFlags, id: string): Promise<void> {
  const host = await hostOrDefault(this.process.env, flags);
  const log = await withHost(host, (at) => at.keep(id).log());
  this.output.result(
    log.map(({ time, source, event, detail }) => ({ time: isoTime(time), source, event, detail })),
    () =>
      table(
        log.map(({ time, source, event, detail }) => [
          isoTime(time),
          source,
          printable(event),
          detail === undefined ? '' : printable(detail),
        ]),
      ),
  );
}
