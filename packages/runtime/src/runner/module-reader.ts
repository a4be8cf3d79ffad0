// SPDX-License-Identifier: Apache-2.0

/** Reads numbers of the WebAssembly binary format. Past the end it reads zeros and remembers that it failed, so that callers check once. */
export function reader(bytes: Uint8Array, from: number) {
  const self = {
    at: from,
    failed: false,
    byte(): number {
      const byte = bytes[self.at];
      self.at += 1;
      if (byte !== undefined) return byte;
      self.failed = true;
      return 0;
    },
    /** LEB128, unsigned; a signed one gives its low bits. */
    leb(): number {
      const first = bytes[self.at];
      if (first !== undefined && first < 0x80) {
        self.at += 1;
        return first;
      }
      let value = 0;
      let scale = 1;
      for (let i = 0; i < 10; i += 1) {
        const byte = self.byte();
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 128;
      }
      return value;
    },
    /** So many numbers of at most 32 bits. */
    lebs(count: number): Uint32Array {
      const numbers = new Uint32Array(count);
      let at = self.at;
      for (let i = 0; i < count; i += 1) {
        let value = 0;
        for (let shift = 0; shift < 35; shift += 7) {
          const byte = bytes[at] ?? 0;
          at += 1;
          value |= (byte & 0x7f) << shift;
          if (byte < 0x80) break;
        }
        numbers[i] = value;
      }
      self.at = at;
      return numbers;
    },
    skip(length: number): void {
      self.at += length;
    },
    text(length: number): string {
      const text = new TextDecoder().decode(bytes.subarray(self.at, self.at + length));
      self.at += length;
      return text;
    },
    /** Passes what follows an opcode. @returns false when the opcode is not known */
    immediates(opcode: number): boolean {
      switch (kinds[opcode]) {
        case 'none':
          return true;
        case 'leb':
          self.leb();
          return true;
        case 'two':
          self.leb();
          self.leb();
          return true;
        case 'memory':
          // Bit 6 of the alignment says that the number of a memory follows.
          if ((self.leb() & 0x40) !== 0) self.leb();
          self.leb();
          return true;
        case 'table':
          for (let left = self.leb() + 1; left > 0 && !self.failed; left -= 1) self.leb();
          return true;
        case 'types':
          self.skip(self.leb());
          return true;
        case 'f32':
          self.skip(4);
          return true;
        case 'f64':
          self.skip(8);
          return true;
        case 'misc':
          return miscellaneous(self);
        case 'simd':
          return vector(self);
        case 'atomic':
          if (self.leb() === 3) self.skip(1);
          else {
            self.leb();
            self.leb();
          }
          return true;
        case undefined:
          return false;
      }
    },
  };
  return self;
}

export type Reader = ReturnType<typeof reader>;
type Bytes = Pick<Reader, 'leb' | 'skip' | 'byte'>;

/** Prefix 0xfc: conversions, and bulk operations on memories and tables. */
function miscellaneous(read: Bytes): boolean {
  const operation = read.leb();
  if (operation < 8) return true;
  if (operation > 17) return false;
  read.leb();
  if ([8, 10, 12, 14].includes(operation)) read.leb();
  return true;
}

/** Prefix 0xfd. */
function vector(read: Bytes): boolean {
  const operation = read.leb();
  if (operation <= 11 || operation === 92 || operation === 93) {
    read.leb();
    read.leb();
  } else if (operation === 12 || operation === 13) read.skip(16);
  else if (operation >= 21 && operation <= 34) read.skip(1);
  else if (operation >= 84 && operation <= 91) {
    read.leb();
    read.leb();
    read.skip(1);
  }
  return true;
}

type Kind =
  'none' | 'leb' | 'two' | 'memory' | 'table' | 'types' | 'f32' | 'f64' | 'misc' | 'simd' | 'atomic';

/** What follows each opcode (core specification 5.4). */
const kinds = table();

const count: Readonly<Partial<Record<Kind, number>>> = { none: 0, leb: 1, two: 2 };

/** How many numbers follow each opcode, where it is known and nothing but numbers does. */
export const numbersAfter: readonly (number | undefined)[] = Array.from({ length: 256 }, (_, opcode) => {
  const kind = kinds[opcode];
  return kind === undefined ? undefined : count[kind];
});

function table(): readonly (Kind | undefined)[] {
  const kind: (Kind | undefined)[] = [];
  const set = (what: Kind, from: number, to = from): void => {
    for (let opcode = from; opcode <= to; opcode += 1) kind[opcode] = what;
  };
  set('none', 0x00, 0x01);
  set('leb', 0x02, 0x04);
  set('none', 0x05);
  set('leb', 0x06, 0x09);
  set('none', 0x0a, 0x0b);
  set('leb', 0x0c, 0x0d);
  set('table', 0x0e);
  set('none', 0x0f);
  set('leb', 0x10);
  set('two', 0x11);
  set('leb', 0x12);
  set('two', 0x13);
  set('leb', 0x18);
  set('none', 0x19, 0x1b);
  set('types', 0x1c);
  set('leb', 0x20, 0x26);
  set('memory', 0x28, 0x3e);
  set('leb', 0x3f, 0x42);
  set('f32', 0x43);
  set('f64', 0x44);
  set('none', 0x45, 0xc4);
  set('leb', 0xd0);
  set('none', 0xd1);
  set('leb', 0xd2);
  set('misc', 0xfc);
  set('simd', 0xfd);
  set('atomic', 0xfe);
  return kind;
}
