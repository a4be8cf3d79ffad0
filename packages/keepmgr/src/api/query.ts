// SPDX-License-Identifier: Apache-2.0
import { keepStates, parseKeepId, tees, type KeepState, type Tee } from '@enarx/protocol';

import { keepmgrProblem } from '../problems.ts';

export interface ListQuery {
  readonly state: KeepState | undefined;
  readonly tee: Tee | undefined;
  /** Id of the Keep after which to go on. */
  readonly after: Uint8Array | undefined;
  readonly limit: number;
}

/** As many as one answer may hold. */
const mostKeeps = 16_384;

/** @throws EnarxError `api/query-malformed` */
export function parseListQuery(query: string): ListQuery {
  const { state, tee, after, limit } = parameters(query, ['state', 'tee', 'after', 'limit']);
  if (state !== undefined && !keepStates.includes(state as KeepState)) throw malformed('state');
  if (tee !== undefined && !tees.includes(tee as Tee)) throw malformed('tee');
  const id = after === undefined ? undefined : parseKeepId(after);
  if (after !== undefined && id === undefined) throw malformed('after');
  const most = limit === undefined ? mostKeeps : Number(limit);
  if ((limit !== undefined && !/^[1-9]\d{0,4}$/.test(limit)) || most > mostKeeps) throw malformed('limit');
  return {
    state: state as KeepState | undefined,
    tee: tee as Tee | undefined,
    after: id,
    limit: most,
  };
}

/** The cursor, or nothing. @throws EnarxError `api/query-malformed` */
export function parseChangesQuery(query: string): string {
  const { after } = parameters(query, ['after']);
  if (after !== undefined && !/^[0-9a-f]{16}-\d{1,15}$/.test(after)) throw malformed('after');
  return after ?? '';
}

/** Nothing is decoded: no value that is wanted here needs it, so there is one spelling of each. */
function parameters<const Name extends string>(
  query: string,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  if (query === '') return found;
  let next = 0;
  for (const part of query.split('&')) {
    const [name = '', value = '', ...rest] = part.split('=');
    const index = names.indexOf(name as Name);
    if (index < next || value === '' || rest.length > 0) throw malformed(name);
    found[name as Name] = value;
    next = index + 1;
  }
  return found;
}

function malformed(found: string): Error {
  return keepmgrProblem('api/query-malformed', { found });
}
