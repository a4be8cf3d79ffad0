// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SevMeasurement, SevSecret, SevStart } from '@enarx/protocol';

import { keepldrProblem } from '../../problems.ts';
import type { LaunchFirmware } from '../launch-secret/firmware.ts';
import { Provisioning } from '../launch-secret/provisioning.ts';
import { noEvidence } from '../sim/sim-sev.ts';
import type { MachineSecurity } from './machine.ts';
import type { MachinePlan, PlanInputs } from './machine-plan.ts';
import { QmpProcess } from './qmp-process.ts';
import type { Qmp } from './qmp.ts';
import { launchMeasurementOf, readCapabilities, type SevCapabilities } from './sev-qmp.ts';

/** Where `sevctl` and Enarx before us keep what AMD says of this platform: the signed CEK, ASK and ARK, one after the other. Firmware has none of them. */
export const endorsementFile = '/var/cache/amd-sev/chain';

/** Names of the owner's two files in the Keep's directory; QEMU reads base64. */
const ownerFiles = { certificate: 'owner-dh.b64', session: 'owner-session.b64' } as const;

/** The launch secret's flow on an AMD processor, through QEMU. Not run by us on hardware: see docs/vm.md. */
export function hardwareSevPlan(kind: 'sev' | 'sev-es', inputs: PlanInputs): MachinePlan {
  const firmware = new QemuFirmware(inputs);
  const provisioning = new Provisioning(firmware);
  return {
    tee: kind,
    kind,
    accelerator: 'kvm',
    security: Promise.race([firmware.security, never(provisioning.finished)]),
    loaded: (qmp) => {
      firmware.loaded(qmp);
    },
    ready: provisioning.finished,
    report: noEvidence,
    provision: (connection) => {
      provisioning.serve(connection);
    },
    repeatable: false,
  };
}

/** Rejects as the promise does, and never resolves. */
async function never(promise: Promise<unknown>): Promise<never> {
  await promise;
  return new Promise(() => undefined);
}

/** What QEMU's SEV says of this platform. @throws EnarxError `keepldr/qemu-failed` */
export async function sevCapabilities({ emulator, options }: PlanInputs): Promise<SevCapabilities> {
  // A machine of nothing, on which QEMU asks the firmware.
  const args = ['-nodefaults', '-no-user-config', '-nographic', '-S', '-accel', 'kvm', '-machine', 'none'];
  const qemu = await QmpProcess.start(
    (rest) => spawn(emulator.path, [...args, ...rest], { env: {}, stdio: 'ignore' }),
    join(options.guestDirectory, 'query.sock'),
  );
  try {
    return readCapabilities(await qemu.qmp.execute('query-sev-capabilities'));
  } finally {
    await qemu.end();
  }
}

class QemuFirmware implements LaunchFirmware {
  readonly security: MachinePlan['security'];
  readonly #inputs: PlanInputs;
  readonly #capabilities: Promise<SevCapabilities>;
  readonly #started = Promise.withResolvers<MachineSecurity>();
  readonly #qmp = Promise.withResolvers<Qmp>();

  constructor(inputs: PlanInputs) {
    this.#inputs = inputs;
    this.security = this.#started.promise;
    this.#capabilities = sevCapabilities(inputs);
    this.#capabilities.catch(() => undefined);
  }

  loaded(qmp: Qmp): void {
    this.#qmp.resolve(qmp);
  }

  async certificates(): Promise<Uint8Array[]> {
    const { pdh, chain } = await this.#capabilities;
    const endorsements = await readFile(endorsementFile).catch(() => undefined);
    return endorsements === undefined ? [pdh, chain] : [pdh, chain, endorsements];
  }

  async start({ policy, certificate, session }: SevStart): Promise<SevMeasurement> {
    const { cbitpos, reducedPhysBits } = await this.#capabilities;
    const { guestDirectory } = this.#inputs.options;
    const write = (name: string, bytes: Uint8Array): Promise<void> =>
      writeFile(join(guestDirectory, name), Buffer.from(bytes).toString('base64'), { mode: 0o644 });
    await write(ownerFiles.certificate, certificate);
    await write(ownerFiles.session, session);
    this.#started.resolve({
      sev: {
        policy,
        cbitpos,
        reducedPhysBits,
        dhCertFile: ownerFiles.certificate,
        sessionFile: ownerFiles.session,
      },
    });
    return launchMeasurementOf(await this.#qmp.promise);
  }

  async inject({ header, payload }: SevSecret): Promise<void> {
    const qmp = await this.#qmp.promise;
    try {
      await qmp.execute('sev-inject-launch-secret', {
        'packet-header': Buffer.from(header).toString('base64'),
        secret: Buffer.from(payload).toString('base64'),
      });
    } catch (cause) {
      throw keepldrProblem('keepldr/secret-refused', { found: (cause as Error).message, cause });
    }
  }
}
