// SPDX-License-Identifier: Apache-2.0
import { transitions, type KeepEvent } from '../../packages/keepmgr/src/keeps/states.ts';
import { generatedNote } from './markdown.ts';

const events: readonly KeepEvent[] = ['ready', 'claimed', 'running', 'exited', 'stopped', 'failed'];

/** docs/keep-states.md. */
export function keepStatesDocument(): Promise<string> {
  const rows = Object.entries(transitions).map(
    ([state, following]) => `| \`${state}\` | ${events.map((event) => following[event] ?? '').join(' | ')} |`,
  );
  return Promise.resolve(
    [
      '# States of a Keep',
      '',
      generatedNote('packages/keepmgr/src/keeps/states.ts'),
      '',
      'Each row is a state, each column what can happen, each cell the state after it. What has no cell cannot happen: a loader that reports it is lying, and is destroyed when it does so',
      'again and again. `ready`, `claimed`, `running` and `exited` are reported by the loader, as its guest tells it; `stopped` is a stop, a removal or the end of a lease; `failed` is',
      'everything else that ends a Keep. A change is on the disk of the host before anybody is told of it.',
      '',
      'A Keep of the pool is `launching` or `ready` and nobody’s. A creation that it fits is answered with it: it is then the tenant’s, in the state `ready`, and `created` at that moment.',
      'Being assigned is no event of this table: it changes whose the Keep is, once and for good, and is on the disk before it is told. One that comes to any other state while it is',
      'nobody’s is destroyed, since nobody can have come to it.',
      '',
      `| state | ${events.join(' | ')} |`,
      `|---|${events.map(() => '---|').join('')}`,
      ...rows,
      '',
    ].join('\n'),
  );
}
