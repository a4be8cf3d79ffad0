// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';

import type { SevLaunchParts } from '@enarx/attestation/measure';
import type { SevMeasurement, SevSecret, SevStart } from '@enarx/protocol';
import { importSevPlatform, type SevGuest, type SimulatedSevPlatform } from '@enarx/simulator/sev';

import { keepldrProblem } from '../../problems.ts';
import type { LaunchFirmware } from './firmware.ts';

/**
 * The firmware's part, SIMULATED: AMD's formats and arithmetic over the very bytes that the guest is made of, under a root of this host's own. What it cannot do is to keep the
 * secret from the host.
 */
export class SimulatedFirmware implements LaunchFirmware {
  /** Resolves with the plain table of secrets when it was injected. */
  readonly injected: Promise<Uint8Array>;
  readonly #platform: Promise<SimulatedSevPlatform>;
  readonly #parts: () => Promise<SevLaunchParts>;
  readonly #resolve: (table: Uint8Array) => void;
  #guest: SevGuest | undefined;

  /**
   * @param file - of the simulated platform
   * @param parts - what is loaded into the guest, in order
   */
  constructor(file: string, parts: () => Promise<SevLaunchParts>) {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    this.injected = promise;
    this.#resolve = resolve;
    this.#parts = parts;
    this.#platform = readFile(file).then((bytes) => importSevPlatform(bytes));
    this.#platform.catch(() => undefined);
  }

  async certificates(): Promise<Uint8Array[]> {
    const { capabilities, endorsements } = await this.#platform;
    return [capabilities.pdh, capabilities.certificateChain, endorsements];
  }

  async start({ policy, certificate, session }: SevStart): Promise<SevMeasurement> {
    const platform = await this.#platform;
    const guest = await platform.launchStart({ policy, certificate, parameters: session });
    const { data, registers } = await this.#parts();
    for (const part of data) guest.updateData(part);
    for (const page of registers) guest.updateRegisters(page);
    this.#guest = guest;
    const { api, build } = platform.firmware;
    return { measurement: await guest.measure(), firmware: { ...api, build } };
  }

  async inject({ header, payload }: SevSecret): Promise<void> {
    const guest = this.#guest;
    if (guest === undefined) throw keepldrProblem('keepldr/launch-failed', { found: 'no launch' });
    const table = await guest.injectSecret({ header, payload });
    guest.finish();
    this.#resolve(table);
  }
}
