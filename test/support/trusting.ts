// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { anchorFromPem, releasePolicy } from '@enarx/attestation';
import type { Trust } from '@enarx/client';
import { fromHex } from '@enarx/protocol';

import type { TestHost } from './enarx.ts';
import { release } from './sandbox.ts';

/** What the command trusts when it is given the anchor of a host: that anchor, and the loader of the built release. */
export async function trusting({ anchor }: Pick<TestHost, 'anchor'>): Promise<Trust> {
  const { measurements } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
    measurements: { sim: string };
  };
  return {
    anchors: [await anchorFromPem(readFileSync(anchor))],
    policy: releasePolicy({ measurements: [fromHex(measurements.sim) as Uint8Array] }),
    at: Date.now(),
  };
}
