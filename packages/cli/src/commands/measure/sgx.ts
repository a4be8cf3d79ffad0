// SPDX-License-Identifier: Apache-2.0
import { maxLoadLogLength, mrEnclaveOf, verifySigstruct, type Sigstruct } from '@enarx/attestation/measure';
import { compareBytes, toHex } from '@enarx/protocol';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { readNamedBytes } from '../../named-file.ts';
import { table } from '../../output.ts';
import { cliProblem } from '../../problems.ts';

export interface SgxFlags extends OutputFlags {
  readonly loadLog: string | undefined;
  readonly sigstruct: string | undefined;
}

const mostSigstructBytes = 4096;

/** MRENCLAVE of an enclave as it is loaded, what its signer says of it, or both, which must agree. */
export async function measureSgx(this: EnarxContext, { loadLog, sigstruct }: SgxFlags): Promise<void> {
  const measured =
    loadLog === undefined
      ? undefined
      : await mrEnclaveOf(await readNamedBytes(loadLog, maxLoadLogLength + 1));
  const signed =
    sigstruct === undefined
      ? undefined
      : await verifySigstruct(await readNamedBytes(sigstruct, mostSigstructBytes));
  if (signed === undefined) {
    if (measured === undefined)
      throw cliProblem('cli/usage', {
        found: 'neither --load-log nor --sigstruct',
        expected: 'one of them, or both to compare them',
      });
    const measurement = toHex(measured);
    this.output.result({ measurement }, () => measurement);
    return;
  }
  if (measured !== undefined && compareBytes(measured, signed.mrEnclave) !== 0)
    throw cliProblem('cli/enclave-mismatch', { found: toHex(measured), expected: toHex(signed.mrEnclave) });
  const told = tell(signed);
  this.output.result(told, () => table(Object.entries(told)));
}

/** Under the names that a policy’s `[sgx]` has for them, where it has one. */
function tell(signed: Sigstruct): Readonly<Record<string, string>> {
  // A bit that the mask leaves out is chosen by whoever starts the enclave (Intel SDM, EINIT).
  const debugFixed = ((signed.attributesMask[0] as number) & 0x02) !== 0;
  return {
    measurement: toHex(signed.mrEnclave),
    mrsigner: toHex(signed.mrSigner),
    'isv-prod-id': String(signed.isvProdId),
    'isv-svn': String(signed.isvSvn),
    'family-id': toHex(signed.isvFamilyId),
    attributes: toHex(signed.attributes.raw),
    'attributes-mask': toHex(signed.attributesMask),
    debug: signed.attributes.debug ? 'on' : debugFixed ? 'off' : 'up to whoever starts it',
    date: signed.date,
  };
}
