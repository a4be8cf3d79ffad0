// SPDX-License-Identifier: Apache-2.0
import type { Platform } from '@enarx/protocol';

/**
 * What a keepmgr of one's own on this machine could make.
 * @param image - directory of the guest image
 */
export async function ownBackends(image: string): Promise<Platform['backends']> {
  const { probePlatform, withImage } = await import('@enarx/keepldr/platform');
  return withImage(await probePlatform(), image);
}
