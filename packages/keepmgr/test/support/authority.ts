// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Issued {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly fingerprint: string;
}

/** A certificate authority of OpenSSL's making. */
export class Authority {
  readonly #directory: string;
  readonly #name: string;
  readonly root: Issued;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    const [certificate, key] = this.#files(name);
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    );
    this.root = this.#read(name);
  }

  /** @param days - until it ends; -1 for one that has ended */
  issue(name: string, extension = 'basicConstraints=CA:FALSE', days = 1): Issued {
    const [certificate, key] = this.#files(name);
    const request = join(this.#directory, `${name}.csr`);
    const extensions = join(this.#directory, `${name}.ext`);
    writeFileSync(extensions, extension);
    openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    openssl(
      ...['x509', '-req', '-in', request, '-out', certificate, '-days', String(days), '-extfile', extensions],
      ...['-CA', this.root.certificateFile, '-CAkey', this.root.keyFile, '-CAcreateserial'],
    );
    return this.#read(name);
  }

  #files(name: string): [certificate: string, key: string] {
    const path = join(this.#directory, `${this.#name}-${name}`);
    return [`${path}.pem`, `${path}.key`];
  }

  #read(name: string): Issued {
    const [certificateFile, keyFile] = this.#files(name);
    const certificate = readFileSync(certificateFile, 'utf8');
    const spki = createPublicKey(certificate).export({ type: 'spki', format: 'der' });
    return {
      certificateFile,
      keyFile,
      certificate,
      key: readFileSync(keyFile, 'utf8'),
      fingerprint: createHash('sha256').update(spki).digest('hex'),
    };
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
