// SPDX-License-Identifier: Apache-2.0

export type ExpectSame = (what: string, found: unknown, wanted: unknown) => void;

/** Collects what is not as it should be, so that a browser can tell as much as a test in Node. */
export function expectations(): { readonly problems: string[]; readonly expectSame: ExpectSame } {
  const problems: string[] = [];
  const expectSame: ExpectSame = (what, found, wanted) => {
    const [is, shouldBe] = [spell(found), spell(wanted)];
    if (is !== shouldBe) problems.push(`${what}: found ${String(is)}, expected ${String(shouldBe)}`);
  };
  return { problems, expectSame };
}

/** The same text for the same values, whatever order an object's members have; `undefined` has none. */
function spell(value: unknown): unknown {
  const sorted = (_: string, inner: unknown): unknown =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  return JSON.stringify(value, sorted);
}
