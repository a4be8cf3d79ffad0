// SPDX-License-Identifier: Apache-2.0
import type { Probe } from '../backend.ts';
import { findTool } from '../../sandbox/tool.ts';
import { findEmulator } from './emulator.ts';

/** What a machine in emulation needs; whether there is an image, whoever keeps images knows. */
export async function probeVm(): Promise<readonly Probe[]> {
  const bwrap = findTool('bwrap');
  return [
    await probeEmulator(),
    bwrap === undefined
      ? {
          id: 'qemu-sandbox',
          pass: true,
          found: 'its own seccomp filter only',
          remedy: 'apt install bubblewrap',
        }
      : { id: 'qemu-sandbox', pass: true, found: `${bwrap} and its own seccomp filter` },
  ];
}

async function probeEmulator(): Promise<Probe> {
  try {
    const { path, version } = await findEmulator();
    return { id: 'qemu', pass: true, found: `${path} ${String(version.major)}.${String(version.minor)}` };
  } catch (error) {
    return {
      id: 'qemu',
      pass: false,
      found: (error as Error).message.slice(0, 512),
      remedy: 'apt install qemu-system-x86',
    };
  }
}
