// SPDX-License-Identifier: Apache-2.0
//
// A loader whose processor is another than AMD's: the same guest, and evidence as that processor's guests get it. TDX by way of the kernel's report interface, as a machine does.
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { exit } from 'node:process';

import type { Evidence } from '@enarx/protocol';
import { importIntelPlatform } from '@enarx/simulator/intel';
import { importNitroHypervisor } from '@enarx/simulator/nitro';
import { serveGuest } from '@enarx/wasmldr';

import { evidenceOf } from '../../../guest/src/evidence.ts';
import { KernelTsm } from '../../../guest/test/support/kernel-tsm.ts';

/** Put in its place when this is built. */
declare const otherProcessor: {
  readonly kind: 'tdx' | 'sgx' | 'nitro';
  /** The exported platform, base64. */
  readonly material: string;
  /** Has it report over something else than it is asked to. */
  readonly stale: boolean;
};

const { kind, stale } = otherProcessor;
const material = Uint8Array.from(Buffer.from(otherProcessor.material, 'base64'));
const noCertificates = new Uint8Array(0);

async function makeReporter(): Promise<(reportData: Uint8Array) => Promise<Evidence>> {
  if (kind === 'nitro') {
    const enclave = (await importNitroHypervisor(material)).enclave({
      0: new Uint8Array(48).fill(1),
      1: new Uint8Array(48).fill(2),
      2: new Uint8Array(48).fill(3),
    });
    return async (userData) => ({
      format: 'nitro',
      report: await enclave.document({ userData, at: Date.now() }),
      endorsements: noCertificates,
    });
  }
  const platform = await importIntelPlatform(material);
  if (kind === 'sgx') {
    const enclave = platform.enclave({ mrEnclave: new Uint8Array(32).fill(4) });
    return async (reportData) => ({
      format: 'sgx',
      report: await enclave.quote(reportData),
      endorsements: noCertificates,
    });
  }
  const kernel = new KernelTsm();
  kernel.provider = 'tdx_guest';
  const trustDomain = platform.trustDomain({ mrTd: new Uint8Array(48).fill(4) });
  kernel.make = async (reportData) => ({
    outblob: await trustDomain.quote(reportData),
    auxblob: noCertificates,
  });
  return (reportData) => evidenceOf(reportData, '/sys/kernel/config/tsm/report', kernel);
}

async function main(): Promise<void> {
  const report = await makeReporter();
  await serveGuest({
    device: new Socket({ fd: 3, readable: true, writable: true }),
    runner: { runner: join(import.meta.dirname, 'runner.cjs') },
    report: (reportData) => report(stale ? new Uint8Array(64) : reportData),
    listen: (accept) =>
      new Promise((resolve, reject) => {
        createServer(accept).once('error', reject).listen('channel.sock', resolve);
      }),
  });
  exit(0);
}

void main();
