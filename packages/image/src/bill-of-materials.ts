// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

import type { ImageFile, Origin } from './contents.ts';

export interface Component {
  readonly origin: Origin;
  readonly files: readonly ImageFile[];
}

/**
 * CycloneDX 1.6 bill of materials: a component for each package, each file of it with its SHA-256. No date and a serial number made
 * of the contents, so that the same image has the same bill.
 */
export function billOfMaterials(release: string, files: readonly ImageFile[]): string {
  const components = componentsOf(files).map(({ origin, files: own }) => ({
    type: origin.kind === 'enarx' ? 'application' : 'library',
    'bom-ref': packageUrl(origin),
    name: origin.name,
    version: origin.version,
    licenses: [licenceOf(origin)],
    purl: packageUrl(origin),
    components: own.map(({ path, content }) => ({
      type: 'file',
      name: `/${path}`,
      hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(content).digest('hex') }],
    })),
  }));
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialOf(JSON.stringify(components)),
    version: 1,
    metadata: { component: { type: 'operating-system', name: 'enarx-guest-image', version: release } },
    components,
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function componentsOf(files: readonly ImageFile[]): Component[] {
  const byPackage = new Map<string, { origin: Origin; files: ImageFile[] }>();
  for (const file of files) {
    const key = packageUrl(file.origin);
    const component = byPackage.get(key) ?? { origin: file.origin, files: [] };
    component.files.push(file);
    byPackage.set(key, component);
  }
  return [...byPackage.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, component]) => component);
}

/** https://github.com/package-url/purl-spec */
function packageUrl({ kind, name, version }: Origin): string {
  const at = `${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  if (kind === 'debian') return `pkg:deb/debian/${at}?arch=amd64`;
  return kind === 'npm' ? `pkg:npm/${at}` : `pkg:generic/${at}`;
}

/** CycloneDX tells licences with an SPDX identifier, SPDX expressions and names apart. */
function licenceOf({ licence }: Origin): object {
  if (licence === 'unknown') return { license: { name: 'unknown' } };
  return licence.includes(' ') ? { expression: licence } : { license: { id: licence } };
}

/** RFC 9562 section 5.8: version 8 leaves the bits to us. */
function serialOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const digits = bytes.toString('hex');
  const groups = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ];
  return `urn:uuid:${groups.join('-')}`;
}
