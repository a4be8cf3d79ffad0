// SPDX-License-Identifier: Apache-2.0

/** A policy with every field, all left open. Written out by hand, so that it says what the format is. */
export const openPolicy = `version = 1
tees = ["snp"]
report-data = "any"

[anchors]
amd = "any"
simulated = "none"

[snp]
measurements = "any"
vmpl = "any"
host-data = "any"
family-ids = "any"
image-ids = "any"
guest-svn = "any"
id-keys = "any"
author-keys = "any"
products = "any"
products-refused = "none"
chips-accepted = "any"
chips-refused = "none"
signing-keys = "any"
csp-ids = "any"
crl = "any"

[snp.guest-policy]
abi-minimum = "any"
debug = "any"
migrate-ma = "any"
smt = "any"
single-socket = "any"
cxl = "any"
mem-aes-256-xts = "any"
rapl-disabled = "any"
ciphertext-hiding = "any"
page-swap-disabled = "any"
unknown-bits = "any"

[snp.platform]
smt = "any"
tsme = "any"
ecc = "any"
rapl-disabled = "any"
ciphertext-hiding = "any"
alias-check-complete = "any"
tio = "any"

[snp.firmware]
minimum-tcb = "any"
launch-tcb = "any"
provisional = "any"
minimum-version = "any"
launch-mitigations = "any"
current-mitigations = "any"
`;

/**
 * The policy with other values in some fields.
 * @param changes - by name of the field, `snp.guest-policy.debug`: its value in TOML, or `null` to take the field away
 */
export function policyText(changes: Readonly<Record<string, string | null>> = {}, from = openPolicy): string {
  const left = new Set(Object.keys(changes));
  let table = '';
  const lines = from.split('\n').flatMap((line) => {
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) table = `${header}.`;
    const key = /^([a-z0-9-]+) = /.exec(line)?.[1];
    const name = `${table}${key ?? ''}`;
    if (key === undefined || !left.delete(name)) return [line];
    const value = changes[name] as string | null;
    return value === null ? [] : [`${key} = ${value}`];
  });
  if (left.size > 0) throw new Error(`no such field: ${[...left].join(', ')}`);
  return lines.join('\n');
}

/** Line from 1 of a field in a policy text that has one line to each field. */
export function lineOfField(text: string, name: string): number {
  const keys = name.split('.');
  const key = keys.pop() as string;
  const lines = text.split('\n');
  const table = keys.length === 0 ? 0 : lines.indexOf(`[${keys.join('.')}]`);
  return lines.findIndex((line, index) => index >= table && line.startsWith(`${key} = `)) + 1;
}
