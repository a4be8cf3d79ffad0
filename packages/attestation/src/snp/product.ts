// SPDX-License-Identifier: Apache-2.0
import type { TcbLayout } from './tcb.ts';

/** Product lines as AMD's key distribution service names them. Bergamo and Siena are `Genoa` there. */
export type AmdProduct = 'Milan' | 'Genoa' | 'Turin';

export const amdProducts: readonly AmdProduct[] = ['Milan', 'Genoa', 'Turin'];

/** Family and model combined with their extensions, as CPUID Fn00000001 EAX spells them. */
export interface Cpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

/** @returns `undefined` for a processor for which AMD has published no root yet */
export function productOfCpuid({ family, model }: Cpuid): AmdProduct | undefined {
  if (family === 0x19 && model <= 0x0f) return 'Milan';
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)))
    return 'Genoa';
  if (family === 0x1a && model <= 0x11) return 'Turin';
  return undefined;
}

export function tcbLayoutOf(product: AmdProduct): TcbLayout {
  return product === 'Turin' ? 'family-1ah' : 'family-19h';
}
