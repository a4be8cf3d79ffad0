// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { CertificateAge } from './metrics.ts';
import type { SimulatedAnchor } from './simulated-processor.ts';

interface Validity {
  readonly certificate: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/**
 * How old the certificates are that this host hands out with evidence. Those are the simulated processor's: for real ones clients fetch
 * certificates and revocation lists themselves (decision 012), and there alone their age can be told. Read once, when somebody asks.
 */
export class Collateral {
  readonly #simulator: Promise<SimulatedAnchor>;
  readonly #clock: () => number;
  #read: Promise<readonly Validity[]> | undefined;

  constructor(simulator: Promise<SimulatedAnchor>, clock: () => number) {
    this.#simulator = simulator;
    this.#clock = clock;
  }

  /** None while the processor cannot be read. */
  async ages(): Promise<readonly CertificateAge[]> {
    const all = await (this.#read ??= this.#validities()).catch(() => []);
    const now = this.#clock();
    return all.map(({ certificate, from, to }) => ({
      certificate,
      age: (now - from) / 1000,
      left: (to - now) / 1000,
    }));
  }

  async #validities(): Promise<readonly Validity[]> {
    const { certificatesOf, importProcessor } = await import('@enarx/simulator');
    const { file } = await this.#simulator;
    const { ark, ask, vcek } = certificatesOf(await importProcessor(await readFile(file)));
    const named: [string, Uint8Array][] = Object.entries({ ark, ask, vcek });
    return named.map(([name, der]) => {
      const { validFromDate, validToDate } = new X509Certificate(der);
      return { certificate: `simulated-${name}`, from: validFromDate.getTime(), to: validToDate.getTime() };
    });
  }
}
