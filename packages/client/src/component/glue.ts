// SPDX-License-Identifier: Apache-2.0
//
// What the transpiler writes is evaluated anew for each instance of a component, so each request to a handler pays for it: this leaves away what nobody reads.

/** Asked of the environment at each of some hundred places on the way of a call. */
const debugging = 'if (!globalThis?.process?.env?.JCO_DEBUG) { return; }';
/** A table for each type of each function, of which a request uses few. */
const eagerCases = `  let caseLookup = {};
  for (const [idx, meta] of caseMetas.entries()) {
    let tag = meta[0];
    caseLookup[tag] = { discriminant: idx, meta };
  }
  
  return function _lowerFlatVariantInner(ctx) {`;
const lazyCases = `  let caseLookup;
  return function _lowerFlatVariantInner(ctx) {
    if (caseLookup === undefined) {
      caseLookup = {};
      for (const [idx, meta] of caseMetas.entries()) caseLookup[meta[0]] = { discriminant: idx, meta };
    }`;

/** Of each function that is imported: types of what goes in and out, in a record that is made before anybody calls. */
const eagerRecord = /_lowerImportBackwardsCompat\.bind\(\s*null,\s*\{/g;
const eagerRecordEnd = /(importFn: _trampoline\d+,\s*\}),\s*\)/g;
const ends = /importFn: /g;
const lazily = `
function _lazily(call, make) {
  let record;
  return (...args) => call(record ??= make(), ...args);
}
`;

/** The same glue, cheaper to instantiate. What is not found as it is expected stays as it is. */
export function withoutWaste(glue: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(glue);
  const quiet = text.replace(debugging, 'return;').replace(eagerCases, lazyCases);
  return new TextEncoder().encode(withLazyRecords(quiet));
}

function withLazyRecords(text: string): string {
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  // Records of other sorts end in the same way: where there are any, it could not be told which of them are meant.
  if (count(eagerRecord) !== count(eagerRecordEnd) || count(eagerRecordEnd) !== count(ends)) return text;
  return (
    text
      .replace(eagerRecord, '_lazily(_lowerImportBackwardsCompat, () => ({')
      .replace(eagerRecordEnd, '$1))') + lazily
  );
}
