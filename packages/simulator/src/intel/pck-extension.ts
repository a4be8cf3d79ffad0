// SPDX-License-Identifier: Apache-2.0
import {
  derBoolean,
  derElement,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
} from '@enarx/attestation/der';
import type { ExtensionToIssue } from '@enarx/attestation/x509';

/** What a PCK certificate says of its platform; lengths in bytes stand beside the fields. */
export interface PlatformFields {
  /** 16. */
  readonly ppid: Uint8Array;
  /** 16 numbers up to 255. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** 2. */
  readonly pceId: Uint8Array;
  /** 6. */
  readonly fmspc: Uint8Array;
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  readonly sgxType: number;
  /** 16. */
  readonly instanceId: Uint8Array;
  readonly dynamicPlatform: boolean;
  readonly cachedKeys: boolean;
  readonly smtEnabled: boolean;
}

const arc = '1.2.840.113741.1.13.1';
const value = (suffix: string, content: Uint8Array): Uint8Array =>
  derSequence(derOid(`${arc}.${suffix}`), content);
const enumerated = 0x0a;

/** Intel's extension in Intel's order (Intel SGX PCK certificate and CRL profile, section 1.3.5). */
export function pckExtension(platform: PlatformFields): ExtensionToIssue {
  const { components, pceSvn } = platform;
  return {
    oid: arc,
    value: derSequence(
      value('1', derOctetString(platform.ppid)),
      value(
        '2',
        derSequence(
          ...components.map((svn, index) => value(`2.${String(index + 1)}`, derInteger(svn))),
          value('2.17', derInteger(pceSvn)),
          value('2.18', derOctetString(Uint8Array.from(components))),
        ),
      ),
      value('3', derOctetString(platform.pceId)),
      value('4', derOctetString(platform.fmspc)),
      value('5', derElement(enumerated, Uint8Array.of(platform.sgxType))),
      value('6', derOctetString(platform.instanceId)),
      value(
        '7',
        derSequence(
          value('7.1', derBoolean(platform.dynamicPlatform)),
          value('7.2', derBoolean(platform.cachedKeys)),
          value('7.3', derBoolean(platform.smtEnabled)),
        ),
      ),
    ),
  };
}
