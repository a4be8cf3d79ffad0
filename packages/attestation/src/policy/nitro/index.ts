// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { NitroClaims } from '../../nitro/claims.ts';
import { fieldsOf, passWhen, passWhenListed, type Field, type Judgement } from '../field.ts';
import type { Section } from '../section.ts';
import { bit, digests, texts } from '../value-kinds.ts';
import { byteStrings, images, mostAge, registers, type EnclaveImage } from './value-kinds.ts';

const nitroField = fieldsOf<NitroClaims>('nitro');

/** A register that the document leaves out has no value; it matches nothing. */
const pcr = ({ pcrs }: NitroClaims, index: number | string): string => {
  const value = pcrs[Number(index)];
  return value === undefined ? 'none' : toHex(value);
};

const bytes = (value: Uint8Array | undefined): string =>
  value === undefined ? 'none' : value.length === 0 ? 'empty' : toHex(value);

const zero = '00'.repeat(48);
const debugWarning =
  'an enclave in debug mode is open to its host, and its PCR0 to PCR2 are zero whatever runs in it';

function pcrField(index: number, subject: string, purpose: string, mend: string): Field<NitroClaims> {
  return nitroField({
    path: [`pcr${String(index)}`],
    subject,
    purpose,
    mend,
    kind: digests(48),
    actual: (claims) => pcr(claims, index),
    judge: (list, claims) => passWhenListed(list, pcr(claims, index)),
    suggest: (claims) => {
      const value = pcr(claims, index);
      return value === zero || value === 'none' ? { value: 'any' } : { value: [value] };
    },
  });
}

/** A field that the enclave fills as it likes. None is something else than an empty one, and matches nothing. */
function byteField(
  name: string,
  value: (claims: NitroClaims) => Uint8Array | undefined,
  subject: string,
  purpose: string,
): Field<NitroClaims> {
  return nitroField({
    path: [name],
    subject,
    purpose,
    mend: 'Ask the enclave for a new document with what you expect in it.',
    kind: byteStrings,
    actual: (claims) => bytes(value(claims)),
    judge: (list, claims) => {
      const actual = value(claims);
      return actual === undefined ? { status: 'fail' } : passWhenListed(list, toHex(actual));
    },
    suggest: () => ({ value: 'any' }),
  });
}

/** `[nitro]`: what is asked of an AWS Nitro Enclave. */
export const nitroSection: Section<NitroClaims> = {
  tee: 'nitro',
  vendor: 'aws',
  title: 'AWS Nitro Enclaves',
  // The enclave asks for both; user_data is where agents put what binds a connection. None matches no expectation.
  reportData: ({ userData }) => userData ?? new Uint8Array(0),
  contradiction: (values) => {
    const listed = values.get('images');
    const zeros =
      Array.isArray(listed) &&
      (listed as readonly EnclaveImage[]).some((image) => Object.values(image).includes(zero));
    return zeros && values.get('debug') !== true
      ? {
          path: ['images'],
          message:
            'PCRs of zeros are those of every enclave in debug mode; take them out, or say debug = true',
        }
      : undefined;
  },
  fields: [
    nitroField({
      path: ['images'],
      subject: 'image of the enclave (PCR0 to PCR2)',
      purpose:
        'Images that are accepted, each by PCR0 (the whole image), PCR1 (kernel and boot) and PCR2 (application), as nitro-cli build-enclave prints them. What the image file says of itself is not measured.',
      mend: 'Compare with what nitro-cli build-enclave printed for your image.',
      kind: images,
      actual: (claims) => [0, 1, 2].map((index) => `PCR${String(index)} ${pcr(claims, index)}`).join(', '),
      judge: (list, claims): Judgement => {
        const index = list.findIndex(({ pcr0, pcr1, pcr2 }) =>
          [pcr0, pcr1, pcr2].every((wanted, number) => wanted === pcr(claims, number)),
        );
        return index < 0 ? { status: 'fail' } : { status: 'pass', at: [index] };
      },
      suggest: (claims) => ({
        value: [{ pcr0: pcr(claims, 0), pcr1: pcr(claims, 1), pcr2: pcr(claims, 2) }],
        ...(claims.debug ? { warning: debugWarning } : {}),
      }),
    }),
    nitroField({
      path: ['debug'],
      subject: 'debug mode (PCR0, PCR1 or PCR2 is zero)',
      purpose: 'Whether the enclave runs in debug mode, in which its host reads its console.',
      mend: 'Start the enclave without --debug-mode.',
      kind: bit,
      actual: ({ debug }) => (debug ? 'on' : 'off'),
      judge: (wanted, { debug }) => passWhen(debug === wanted),
      suggest: ({ debug }) => ({ value: debug, ...(debug ? { warning: debugWarning } : {}) }),
    }),
    pcrField(
      3,
      'role of the parent instance (PCR3)',
      'SHA-384 over 48 zero bytes and the ARN of the IAM role of the instance that started the enclave.',
      'Start the enclave from an instance with an accepted role.',
    ),
    pcrField(
      4,
      'parent instance (PCR4)',
      'SHA-384 over 48 zero bytes and the id of the instance that started the enclave.',
      'Start the enclave from an accepted instance.',
    ),
    pcrField(
      8,
      'signer of the image (PCR8)',
      'SHA-384 over 48 zero bytes and the certificate (DER) with which the image was signed; zero for an image that was not.',
      'Sign the image with an accepted certificate.',
    ),
    nitroField({
      path: ['pcrs'],
      subject: 'further PCRs',
      purpose: 'Values of PCRs that the application extends itself. One that the document leaves out fails.',
      mend: 'Have the enclave extend and lock these PCRs before it asks for a document.',
      kind: registers,
      actual: ({ pcrs }) => `${String(Object.keys(pcrs).length)} PCRs`,
      judge: (table, claims): Judgement => {
        const wrong = Object.entries(table).filter(([index, list]) => !list.includes(pcr(claims, index)));
        return wrong.length === 0
          ? { status: 'pass' }
          : {
              status: 'fail',
              found: wrong.map(([index]) => `PCR${index} ${pcr(claims, index)}`).join(', '),
              at: [(wrong[0] as (typeof wrong)[0])[0]],
            };
      },
      suggest: () => ({ value: 'any' }),
    }),
    nitroField({
      path: ['modules'],
      subject: 'module (instance and enclave)',
      purpose:
        'Modules that are accepted: an instance by its id, `i-…`, or one enclave on it by the whole module id, `i-…-enc…`. The only defence when a platform key has leaked is to know the machine.',
      mend: 'If you know and own the instance, add its id.',
      kind: texts('a list of instance ids or module ids'),
      actual: ({ moduleId }) => moduleId,
      judge: (list, { moduleId }) => {
        const index = list.findIndex((wanted) => wanted === moduleId || wanted === moduleId.split('-enc')[0]);
        return index < 0 ? { status: 'fail' } : { status: 'pass', at: [index] };
      },
      suggest: () => ({ value: 'any' }),
    }),
    byteField(
      'nonces',
      ({ nonce }) => nonce,
      'nonce',
      'The nonce that the document must hold: whoever verifies chose it, and the enclave had it put in, so the document is younger than it.',
    ),
    byteField(
      'user-data',
      ({ userData }) => userData,
      'user data',
      'The bytes that the application had put in. What --report-data expects is held against them too.',
    ),
    byteField(
      'public-keys',
      ({ publicKey }) => publicKey,
      'public key',
      'The key of the enclave, to which secrets may be encrypted, in the encoding in which the application gave it.',
    ),
    nitroField({
      path: ['most-age'],
      subject: 'age of the document',
      purpose:
        'Seconds from the time at which the hypervisor made the document to the time of verification. The certificate alone lets it live for three hours.',
      mend: 'Ask the enclave for a new document.',
      kind: mostAge,
      actual: ({ age }) => `${String(Math.ceil(age / 1000))} s`,
      judge: (seconds, { age }) => passWhen(age <= seconds * 1000),
      suggest: () => ({ value: 'any' }),
    }),
  ],
};
