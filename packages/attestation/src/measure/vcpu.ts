// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';

/** EAX of CPUID function 1 (AMD publication 25481). @param family - combined with the extended family, as is the model */
export function vcpuSignature(family: number, model: number, stepping: number): number {
  const [low, extended] = family > 0xf ? [0xf, family - 0xf] : [family, 0];
  return (
    (((extended & 0xff) << 20) |
      (((model >> 4) & 0xf) << 16) |
      (low << 8) |
      ((model & 0xf) << 4) |
      (stepping & 0xf)) >>>
    0
  );
}

const naples = vcpuSignature(23, 1, 2);
const rome = vcpuSignature(23, 49, 0);
const milan = vcpuSignature(25, 1, 1);
const genoa = vcpuSignature(25, 17, 0);
const turin = vcpuSignature(26, 0, 0);

/** QEMU's models (target/i386/cpu.c) that SEV guests are launched with; a version changes features, not the signature. */
const models: ReadonlyMap<string, number> = new Map([
  ['EPYC', naples],
  ...versions('EPYC', 5, naples),
  ['EPYC-IBPB', naples],
  ['EPYC-Rome', rome],
  ...versions('EPYC-Rome', 5, rome),
  ['EPYC-Milan', milan],
  ...versions('EPYC-Milan', 3, milan),
  ['EPYC-Genoa', genoa],
  ...versions('EPYC-Genoa', 2, genoa),
  ['EPYC-Turin', turin],
  ...versions('EPYC-Turin', 1, turin),
]);

/** Names that {@link vcpuSignatureOf} knows. */
export const vcpuModels: readonly string[] = [...models.keys()];

/**
 * Signature of one of QEMU's CPU models.
 * @param model - `EPYC-v4` for example, as in `-cpu`
 * @throws EnarxError `measure/vcpu-unknown`
 */
export function vcpuSignatureOf(model: string): number {
  const signature = models.get(model);
  if (signature !== undefined) return signature;
  const near = nearestWord(model, vcpuModels);
  throw attestationProblem('measure/vcpu-unknown', {
    found: model,
    expected: near === undefined ? `one of ${vcpuModels.join(', ')}` : `${near}, perhaps`,
  });
}

function versions(model: string, last: number, signature: number): [string, number][] {
  return Array.from({ length: last }, (_, i) => [`${model}-v${String(i + 1)}`, signature]);
}
