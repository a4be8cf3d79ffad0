// SPDX-License-Identifier: Apache-2.0
import type { Platform } from '@enarx/protocol';

/** Something that was looked for on this machine: whether it is there, what was found, and how to mend it. */
export type Probe = Platform['backends'][number]['probes'][number];
