// SPDX-License-Identifier: Apache-2.0
import type { SgxClaims } from '../../intel/claims.ts';
import { fieldsOf, passWhen, passWhenListed } from '../field.ts';
import type { Section } from '../section.ts';
import { minimum, numbers } from '../value-kinds.ts';
import { attributeBit, intelFields, listedBytes } from './fields.ts';

const field = fieldsOf<SgxClaims>('sgx');

/** `[sgx]`: what is asked of an Intel SGX enclave. */
export const sgxSection: Section<SgxClaims> = {
  tee: 'sgx',
  vendor: 'intel',
  title: 'Intel SGX',
  reportData: ({ report }) => report.reportData,
  contradiction: () => undefined,
  fields: [
    listedBytes(field, 'mrenclave', 32, ({ report }) => report.mrEnclave, {
      subject: 'measurement of the enclave (MRENCLAVE)',
      purpose:
        'SHA-256 over how the enclave was loaded: code, data and layout. List the old and the new one while you roll out an update.',
      mend: 'If the enclave is one that you built, add its measurement; if not, do not trust it.',
    }),
    listedBytes(field, 'mrsigner', 32, ({ report }) => report.mrSigner, {
      subject: 'signer of the enclave (MRSIGNER)',
      purpose:
        'SHA-256 of the key that signed the enclave. Alone it accepts whatever that key ever signed, debugging tools included; look at `isv-prod-ids` and `isv-svn-minimum` too.',
      mend: 'Use an enclave of a listed signer.',
    }),
    field({
      path: ['isv-prod-ids'],
      subject: 'product of the signer (ISVPRODID)',
      purpose: 'Which of the signer’s enclaves it is.',
      mend: 'Use the enclave that is meant.',
      kind: numbers(0, 0xffff, 'a list of numbers from 0 to 65535'),
      actual: ({ report }) => String(report.isvProdId),
      judge: (list, { report }) => passWhenListed(list, report.isvProdId),
      suggest: ({ report }) => ({ value: [report.isvProdId] }),
    }),
    field({
      path: ['isv-svn-minimum'],
      subject: 'security version of the enclave (ISVSVN)',
      purpose: 'Counts up with each enclave that mends a weakness.',
      mend: 'Use a newer enclave.',
      kind: minimum(0xffff),
      actual: ({ report }) => String(report.isvSvn),
      judge: (least, { report }) => passWhen(report.isvSvn >= least),
      suggest: ({ report }) => ({ value: report.isvSvn }),
    }),
    listedBytes(field, 'config-ids', 64, ({ report }) => report.configId, {
      subject: 'configuration (CONFIGID)',
      purpose: 'Set by whoever starts the enclave, with key separation and sharing only (`attributes.kss`).',
      mend: 'Start the enclave with a listed configuration.',
    }),
    listedBytes(field, 'family-ids', 16, ({ report }) => report.isvFamilyId, {
      subject: 'product family (ISVFAMILYID)',
      purpose: 'Set by the signer, with key separation and sharing only.',
      mend: 'Use an enclave of a listed family.',
    }),
    attributeBit(
      field,
      'debug',
      ({ report }) => report.attributes.debug,
      { wanted: false, warning: 'the host sees everything in this enclave' },
      {
        subject: 'debugging (DEBUG)',
        purpose:
          'The host can read and write the memory of an enclave that is open to debugging. MRENCLAVE does not cover this.',
        mend: 'Start the enclave without debugging.',
      },
    ),
    attributeBit(
      field,
      'provision-key',
      ({ report }) => report.attributes.provisionKey,
      { wanted: false, warning: 'the enclave can tell which machine it runs on' },
      {
        subject: 'use of the provisioning key (PROVISIONKEY)',
        purpose: 'Lets the enclave derive a key that names the platform for good, which hardly any needs.',
        mend: 'Sign the enclave without it.',
      },
    ),
    attributeBit(
      field,
      'einit-token-key',
      ({ report }) => report.attributes.einitTokenKey,
      { wanted: false, warning: 'this is a launch enclave' },
      {
        subject: 'use of the launch key (EINITTOKENKEY)',
        purpose: 'For launch enclaves only.',
        mend: 'Sign the enclave without it.',
      },
    ),
    attributeBit(field, 'kss', ({ report }) => report.attributes.kss, undefined, {
      subject: 'key separation and sharing (KSS)',
      purpose: 'Without it CONFIGID, ISVEXTPRODID and ISVFAMILYID are zero and mean nothing.',
      mend: 'Sign the enclave with it.',
    }),
    ...intelFields(field),
  ],
};
