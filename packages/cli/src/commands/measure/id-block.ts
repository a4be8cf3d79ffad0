// SPDX-License-Identifier: Apache-2.0
import { binaryOf } from '@enarx/attestation';
import { encodeIdBlock, idAuthenticationLength, verifyIdBlock } from '@enarx/attestation/measure';
import { fromHex, toHex } from '@enarx/protocol';

import { readNamedBytes } from '../../named-file.ts';
import { cliProblem } from '../../problems.ts';
import type { SnpFlags } from './flags.ts';
import { numberOf } from './number.ts';

/** Room for base64 with line ends. */
const mostAuthenticationBytes = 2 * idAuthenticationLength;

/**
 * The ID block for a launch digest, in base64 as QEMU's `id-block` takes it; with `--id-auth` also who signed it, as reports will say.
 * `undefined` where no ID block is asked for.
 * @throws EnarxError `cli/usage`, `cli/file-unreadable`, `measure/id-block-malformed`, `measure/id-block-rejected`
 */
export async function idBlockOf(
  { guestPolicy, familyId, imageId, guestSvn, idAuth }: SnpFlags,
  launchDigest: Uint8Array,
): Promise<Record<string, string> | undefined> {
  if (guestPolicy === undefined) {
    if ([familyId, imageId, guestSvn, idAuth].every((flag) => flag === undefined)) return undefined;
    throw cliProblem('cli/usage', {
      found: '--family-id, --image-id, --guest-svn or --id-auth without --guest-policy',
      expected: '--guest-policy NUMBER, which an ID block always holds',
    });
  }
  const block = encodeIdBlock({
    launchDigest,
    familyId: idOf('--family-id', familyId),
    imageId: idOf('--image-id', imageId),
    guestSvn: Number(numberOf('--guest-svn', guestSvn ?? '0', 1n << 32n)),
    policy: numberOf('--guest-policy', guestPolicy, 1n << 64n),
  });
  const made = { measurement: toHex(launchDigest), idBlock: Buffer.from(block).toString('base64') };
  if (idAuth === undefined) return made;
  const { keys } = await verifyIdBlock(
    block,
    binaryOf(await readNamedBytes(idAuth, mostAuthenticationBytes)),
  );
  return {
    ...made,
    idKey: toHex(keys.idKey),
    ...(keys.authorKey === undefined ? {} : { authorKey: toHex(keys.authorKey) }),
  };
}

/** Zero where it is left out, as QEMU and the firmware have it. */
function idOf(flag: string, text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(16);
  const id = fromHex(text);
  if (id?.length !== 16)
    throw cliProblem('cli/usage', {
      found: `${flag} ${text}`,
      expected: '16 bytes, 32 hexadecimal digits',
    });
  return id;
}
