// SPDX-License-Identifier: Apache-2.0
import { encodeGuid } from '../../src/measure/guid.ts';

export const guids = {
  footer: '96b582de-1fb2-45f7-baea-a366c55a082d',
  hashTable: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  secretArea: '4c2eb361-7d9b-4cc3-8081-127c90d3d294',
  resetBlock: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  metadata: 'dc886566-984a-4798-a75e-5585a7bf67cc',
  svsmInfo: 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd',
  tdxMetadata: 'e47a6535-984a-4798-865e-4685a7bf8ec2',
};

export interface FirmwareToBuild {
  readonly size?: number;
  readonly sections?: readonly { gpa: number; size: number; type: number }[];
  readonly entries?: readonly (readonly [guid: string, data: Buffer])[];
  /** Changes the image after it was put together. @param footer - offset of the footer entry, @param metadata - of the mark */
  readonly alter?: (image: Buffer, footer: number, metadata: number) => void;
}

export const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value, 4 * i));
  return bytes;
};

/** An image that holds nothing but a table, written forwards from the description of edk2's assembler files. */
export function buildFirmware({
  size = 8192,
  sections = [],
  entries = [],
  alter,
}: FirmwareToBuild): Uint8Array {
  const image = Buffer.alloc(size, 0xf4);
  const metadata = 0x100;
  Buffer.from('ASEV').copy(image, metadata);
  words(16 + 12 * sections.length, 1, sections.length).copy(image, metadata + 4);
  sections.forEach((section, i) =>
    words(section.gpa, section.size, section.type).copy(image, metadata + 16 + 12 * i),
  );
  const all = [...entries];
  if (sections.length > 0) all.push([guids.metadata, words(size - metadata)]);
  const entry = (guid: string, data: Buffer, length = data.length + 18): Buffer =>
    Buffer.concat([data, Buffer.of(length & 0xff, length >> 8), encodeGuid(guid)!]);
  const body = Buffer.concat(all.map(([guid, data]) => entry(guid, data)));
  const table = Buffer.concat([body, entry(guids.footer, Buffer.alloc(0), body.length + 18)]);
  table.copy(image, size - 32 - table.length);
  alter?.(image, size - 50, metadata);
  return Uint8Array.from(image);
}
