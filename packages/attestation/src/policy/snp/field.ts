// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { SnpClaims } from '../../snp/claims.ts';
import { fieldsOf, passWhenListed, type Field } from '../field.ts';
import { digests } from '../value-kinds.ts';

export type SnpField = Field<SnpClaims>;
export const snpField = fieldsOf<SnpClaims>('snp');

/** A byte string of the report that must be one of a list. */
export function listedBytes(
  key: string,
  bytes: number,
  of: (claims: SnpClaims) => Uint8Array,
  texts: Pick<SnpField, 'subject' | 'purpose' | 'mend'>,
): SnpField {
  const actual = (claims: SnpClaims): string => toHex(of(claims));
  return snpField({
    ...texts,
    path: [key],
    kind: digests(bytes),
    actual,
    judge: (list, claims) => passWhenListed(list, actual(claims)),
    suggest: (claims) => ({ value: [actual(claims)] }),
  });
}
