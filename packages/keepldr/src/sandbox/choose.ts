// SPDX-License-Identifier: Apache-2.0
import type { Sandbox } from '@enarx/protocol';

import type { Probe } from '../probe.ts';
import { keepldrProblem } from '../problems.ts';
import { bubblewrap } from './bubblewrap.ts';
import type { Confinement } from './confinement.ts';
import { plain } from './plain.ts';
import { setpriv } from './setpriv.ts';

const confinements: Readonly<Record<Sandbox, () => Confinement>> = { bubblewrap, setpriv, plain };

export function confinementNamed(name: Sandbox): Confinement {
  return confinements[name]();
}

/** Every way to confine a process, tried here and now. */
export interface SandboxProbes {
  /** The strongest that works, or `undefined`. */
  readonly strongest: Sandbox | undefined;
  readonly probes: readonly Probe[];
}

let tried: Promise<SandboxProbes> | undefined;

/** Tries all sandboxes, strongest first. A process tries once: a machine does not change while it runs. */
export function probeSandboxes(): Promise<SandboxProbes> {
  tried ??= tryAll();
  return tried;
}

async function tryAll(): Promise<SandboxProbes> {
  const all = Object.values(confinements).map((make) => make());
  const probes = await Promise.all(all.map((confinement) => confinement.probe()));
  const first = probes.findIndex((probe) => probe.pass);
  return { strongest: all[first]?.name, probes };
}

/** @throws EnarxError `keepldr/sandbox-unusable` when not even the weakest works */
export async function strongestSandbox(): Promise<Sandbox> {
  const { strongest, probes } = await probeSandboxes();
  if (strongest === undefined) {
    throw keepldrProblem('keepldr/sandbox-unusable', {
      found: probes.map(({ found }) => found).join('; '),
    });
  }
  return strongest;
}
