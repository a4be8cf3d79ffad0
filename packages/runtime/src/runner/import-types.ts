// SPDX-License-Identifier: Apache-2.0
//
// As what types a module imports its functions, which V8 does not tell. A function of JavaScript can be imported as any, and one that is imported as the wrong one
// fails only when it is called.

const customSection = 0;
const typeSection = 1;
const importSection = 2;
const functionType = 0x60;
/** More than compilers write before those of the imports; the way to a later one is not walked, and a longer one not read. */
const mostTypes = 1000;
const mostValues = 100;
/** Types of one byte, from 0x65 to 0x7f: references without more said of them, vectors, f64, f32, i64 and i32 (core specification 5.3.1 to 5.3.4). */
const letters = '???????????????????????FfIi';
const leastPlain = 0x65;

/**
 * The types of the functions that are imported, in order: a letter for each parameter, `>`, and one for each result, `i`, `I`, `f` and `F` for i32, i64, f32 and f64
 * and `?` for any other. By hand and in one piece: every program waits for it, and none of it has been compiled before.
 *
 * @returns `undefined` where something else is imported, or types are not of the plain sort: what is not understood is not judged
 */
export function importedTypes(module: Uint8Array): string[] | undefined {
  let at = 8;
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = module[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  };
  const types: string[] = [];
  const found: string[] = [];
  while (at < module.length) {
    const id = module[at++];
    const end = leb() + at;
    if (id === typeSection) {
      for (let left = Math.min(leb(), mostTypes); left > 0; left -= 1) {
        if (module[at++] !== functionType) return undefined;
        let type = '';
        for (let list = 0; list < 2; list += 1) {
          let values = leb();
          if (values > mostValues) return undefined;
          for (; values > 0; values -= 1) {
            const letter = letters[(module[at++] ?? 0) - leastPlain];
            if (letter === undefined) return undefined;
            type += letter;
          }
          if (list === 0) type += '>';
        }
        types.push(type);
      }
    } else if (id === importSection) {
      for (let left = Math.min(leb(), mostTypes); left > 0; left -= 1) {
        at = leb() + at;
        at = leb() + at;
        if (module[at++] !== 0) return undefined;
        const type = types[leb()];
        if (type === undefined) return undefined;
        found.push(type);
      }
      return found;
    } else if (id !== customSection) return found;
    at = end;
  }
  return found;
}

const names: Readonly<Record<string, string>> = { i: 'i32', I: 'i64', f: 'f32', F: 'f64' };

/** As the text format has it, nearly. */
export function describeType(type: string): string {
  const [parameters = '', results = ''] = type.split('>');
  const list = (text: string): string => `(${Array.from(text, (letter) => names[letter] ?? '…').join(', ')})`;
  return `${list(parameters)} -> ${list(results)}`;
}
