// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { SnpClaims } from '../../snp/claims.ts';
import { amdProducts } from '../../snp/product.ts';
import { passWhen, passWhenListed } from '../field.ts';
import { digests, texts, word, words } from '../value-kinds.ts';
import { snpField, type SnpField } from './field.ts';

const milan =
  'the root seed of every Milan can be taken out by software (BadFuse, 2026), so its reports prove something only for chips that you know';

/** Which processor it is, and what vouches for it. */
export const chipFields: readonly SnpField[] = [
  snpField({
    path: ['products'],
    subject: 'processor generation',
    purpose: `Generations that are accepted; what is not listed is refused. Think before you list Milan: ${milan}. No minimum of versions helps against that.`,
    mend: 'Use a host of a listed generation.',
    kind: words(amdProducts),
    actual: productName,
    judge: (list, { product }) => passWhenListed<string | undefined>(list, product),
    suggest: ({ product }) =>
      product === undefined
        ? { value: 'any' }
        : { value: [product], ...(product === 'Milan' ? { warning: milan } : {}) },
  }),
  snpField({
    path: ['products-refused'],
    subject: 'refused processor generations',
    purpose: 'Generations that are refused whatever else the policy says; for `products = "any"`.',
    mend: 'Use a host of another generation.',
    open: 'none',
    kind: { ...words(amdProducts), says: (list) => `not ${list.join(', ')}` },
    actual: ({ product }) => product ?? 'unknown',
    judge: (list, { product }) => {
      // An unknown product cannot be told from a refused one.
      if (product === undefined) return { status: 'fail' };
      const index = list.indexOf(product);
      return index < 0 ? { status: 'pass' } : { status: 'fail', at: [index] };
    },
    suggest: () => ({ value: 'none' }),
  }),
  snpField({
    path: ['chips-accepted'],
    subject: 'chip (CHIP_ID)',
    purpose:
      'Chips that are accepted, by their 64 bytes. A report signed by a VLEK, or with a masked chip id, names none and is refused by a list.',
    mend: 'If you know and own the machine, add its chip id.',
    kind: digests(64),
    actual: chip,
    // The words for a chip that is not named are no digest, and so on no list.
    judge: (list, claims) => passWhenListed(list, chip(claims)),
    suggest: (claims) =>
      claims.chipId !== undefined && claims.product === 'Milan'
        ? { value: [chip(claims)] }
        : { value: 'any' },
  }),
  snpField({
    path: ['chips-refused'],
    subject: 'refused chips (CHIP_ID)',
    purpose:
      'Chips that are refused, because their keys are known to have leaked, say. A report that names no chip cannot be told from one of theirs and is refused by a list.',
    mend: 'Use another machine.',
    open: 'none',
    kind: { ...digests(64), says: (list) => `not one of the ${String(list.length)} listed` },
    actual: chip,
    judge: (list, claims) => {
      if (claims.chipId === undefined) return { status: 'fail' };
      const index = list.indexOf(chip(claims));
      return index < 0 ? { status: 'pass' } : { status: 'fail', at: [index] };
    },
    suggest: () => ({ value: 'none' }),
  }),
  snpField({
    path: ['signing-keys'],
    subject: 'kind of key that signed the report (SIGNING_KEY)',
    purpose:
      'A VCEK belongs to one chip. A VLEK is shared by the machines of a cloud region: it says who runs the machine, not which one it is.',
    mend: 'Ask for a report that the other key signs.',
    kind: words(['vcek', 'vlek']),
    actual: ({ signingKey }) => signingKey ?? 'none',
    judge: (list, { signingKey }) => passWhenListed<string | undefined>(list, signingKey),
    suggest: ({ signingKey }) => ({ value: signingKey === undefined ? 'any' : [signingKey] }),
  }),
  snpField({
    path: ['csp-ids'],
    subject: 'cloud provider in the VLEK certificate',
    purpose:
      'Whom AMD gave the VLEK to, such as "CN=cc-us-east-2.amazonaws.com": the only word on where the machine stands. Applies to reports that a VLEK signed.',
    mend: 'Use a host of a listed provider and region.',
    kind: texts('a list of provider ids'),
    actual: ({ cspId }) => cspId ?? 'none',
    judge: (list, { signingKey, cspId }) =>
      signingKey === 'vcek'
        ? { status: 'not-applicable', found: 'signed by a VCEK, which names no provider' }
        : passWhenListed<string | undefined>(list, cspId),
    suggest: ({ cspId }) => ({ value: cspId === undefined ? 'any' : [cspId] }),
  }),
  snpField({
    path: ['crl'],
    subject: 'revocation list of the root',
    purpose:
      'Whether a fresh list, signed by the root, must be at hand. The verifier fetches none: give it with the endorsements. A list that is at hand and names the intermediate is always obeyed.',
    mend: 'Get the list from https://kdsintf.amd.com/vcek/v1/PRODUCT/crl and give it with --endorsements.',
    kind: word('required', 'any', 'fresh'),
    actual: ({ revocation }) => revocationWords[revocation.status],
    judge: (_required, { revocation }) => passWhen(revocation.status === 'good'),
    suggest: ({ revocation }) =>
      revocation.status === 'good'
        ? { value: 'required' }
        : { value: 'any', warning: 'a revoked intermediate would not be noticed' },
  }),
];

/** Said with each verdict on a Milan, accepted or not. */
function productName({ product }: SnpClaims): string {
  return product === 'Milan' ? `Milan (${milan})` : (product ?? 'unknown');
}

const revocationWords = {
  good: 'fresh',
  none: 'not at hand',
  bad: 'at hand and not usable',
} as const;

function chip({ chipId, signingKey }: SnpClaims): string {
  if (chipId !== undefined) return toHex(chipId);
  return signingKey === 'vlek' ? 'not named by a VLEK' : 'masked by the host';
}
