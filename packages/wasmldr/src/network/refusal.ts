// SPDX-License-Identifier: Apache-2.0
import { EnarxError, socketRefusals } from '@enarx/protocol';
import type { DialRefusal } from '@enarx/runtime';

const ofHost: Readonly<Partial<Record<(typeof socketRefusals)[number], DialRefusal>>> = {
  'name-unknown': 'name-unknown',
  refused: 'refused',
  unreachable: 'unreachable',
  timeout: 'timeout',
  'too-many': 'too-many',
};

/** What a program that runs is told of a connection that cannot be had. The host's words for it are its own claim. */
export function refusalOf(error: unknown): DialRefusal {
  if (!(error instanceof EnarxError)) return 'failed';
  const { code, found = '' } = error as EnarxError;
  switch (code) {
    case 'network/not-allowed':
      return 'not-allowed';
    case 'network/tls-untrusted':
      return 'tls-untrusted';
    case 'network/tls-failed':
      return 'tls-failed';
  }
  const said = socketRefusals.find((reason) => found.endsWith(`: ${reason}`));
  return (said === undefined ? undefined : ofHost[said]) ?? 'failed';
}
