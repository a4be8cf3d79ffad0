// SPDX-License-Identifier: Apache-2.0
//
// Keeps whose evidence is a quote of Intel's or a document of AWS's, from end to end: a real host, a real Keep, and the client that judges and delivers.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';

import {
  anchorFromPem,
  parsePolicy,
  policyTemplate,
  vendorAnchors,
  verifyEvidence,
  type Anchor,
} from '@enarx/attestation';
import { createIdentity, moduleFromBytes, RejectedError, type Trust } from '@enarx/client';
import { createSimulatedIntelPlatform, exportIntelPlatform } from '@enarx/simulator/intel';
import { createSimulatedNitroHypervisor, exportNitroHypervisor } from '@enarx/simulator/nitro';

import { programs } from '../../../test/support/programs.ts';
import { startTestHost, type TestHost } from './support/host.ts';
import { releaseWith } from './support/release.ts';

type Kind = 'tdx' | 'sgx' | 'nitro';

interface Processor {
  readonly material: Uint8Array;
  readonly anchor: Anchor;
  readonly collateral: readonly Uint8Array[];
  readonly sample: Uint8Array;
}

async function processorOf(kind: Kind): Promise<Processor> {
  const data = new Uint8Array(64);
  if (kind === 'nitro') {
    const hypervisor = await createSimulatedNitroHypervisor();
    const pcr = (value: number): Uint8Array => new Uint8Array(48).fill(value);
    return {
      material: await exportNitroHypervisor(hypervisor),
      anchor: await anchorFromPem(hypervisor.anchorPem),
      collateral: [],
      sample: await hypervisor
        .enclave({ 0: pcr(1), 1: pcr(2), 2: pcr(3) })
        .document({ userData: data, at: Date.now() }),
    };
  }
  const platform = await createSimulatedIntelPlatform();
  return {
    material: await exportIntelPlatform(platform),
    anchor: await anchorFromPem(platform.anchorPem),
    collateral: platform.collateral,
    sample: await (
      kind === 'sgx'
        ? platform.enclave({ mrEnclave: new Uint8Array(32).fill(4) })
        : platform.trustDomain({ mrTd: new Uint8Array(48).fill(4) })
    ).quote(data),
  };
}

function hostOf(kind: Kind, { material }: Processor, stale = false): Promise<TestHost> {
  const otherProcessor = { kind, stale, material: Buffer.from(material).toString('base64') };
  return releaseWith('packages/client/test/support/other-guest.ts', {
    otherProcessor: JSON.stringify(otherProcessor),
  }).then((release) => startTestHost({ release }));
}

/** Names of the checks that failed; `undefined` and what the program printed when it ran. */
async function run({ host }: TestHost, trust: Trust): Promise<string | readonly string[]> {
  const keep = await host.createKeep({ tee: 'sim' });
  try {
    const open = await keep.open({ identity: await createIdentity() });
    const attested = await open.attest({ purpose: 'deliver', ...trust });
    assert.equal(attested.verdict.simulated, true);
    let printed = '';
    const program = await attested.deliver({
      module: moduleFromBytes(programs.print('of another processor')),
      args: ['main.wasm'],
      stdout: (chunk) => {
        printed += Buffer.from(chunk).toString();
      },
      stderr: 'discard',
    });
    assert.deepEqual(await program.ended, { how: 'exit', code: 0 });
    return printed;
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    return error.verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  } finally {
    await keep.remove();
  }
}

/** The first measurement of each kind, in the policy that accepts the sample. */
const measurement = { tdx: 'mrtd', sgx: 'mrenclave', nitro: 'images' } as const;

for (const kind of ['tdx', 'sgx', 'nitro'] as const)
  suite(`a Keep with ${kind} evidence`, () => {
    let processor: Processor;
    let host: TestHost;
    let text: string;
    let trust: Trust;

    before(async () => {
      processor = await processorOf(kind);
      host = await hostOf(kind, processor);
      const { anchor, collateral, sample } = processor;
      const options = { evidence: sample, endorsements: collateral, anchors: [anchor], at: Date.now() };
      // One enclave of Nitro is not the next: its name is new each time.
      text = policyTemplate(await verifyEvidence(options)).replace(/^modules = .*$/m, 'modules = "any"');
      trust = {
        anchors: [...vendorAnchors, anchor],
        policy: parsePolicy(text),
        endorsements: collateral,
        at: Date.now,
      };
    });
    after(async () => {
      await host[Symbol.asyncDispose]();
    });

    test('is given the program, once its evidence is what the policy wants', async () => {
      assert.equal(await run(host, trust), 'of another processor');
    });

    test('is rejected under a root that nobody named', async () => {
      const failed = await run(host, { ...trust, anchors: vendorAnchors });
      assert.ok(failed.includes('x509/anchor'), String(failed));
    });

    test('is rejected when it measures as something else', async () => {
      const line = new RegExp(`^(${measurement[kind]} = [^"]*")[0-9a-f]{8}`, 'm');
      assert.match(text, line);
      const policy = parsePolicy(text.replace(line, '$1deadbeef'));
      const failed = await run(host, { ...trust, policy });
      assert.equal(failed.length, 1, String(failed));
      assert.match(String(failed), new RegExp(`^policy/${kind}-`));
    });

    test('is rejected when its evidence is about another connection', async () => {
      await using stale = await hostOf(kind, processor, true);
      assert.deepEqual(await run(stale, trust), ['policy/report-data']);
    });

    if (kind !== 'nitro')
      test('is rejected by a client without collateral, which Intel gives and the host does not', async () => {
        const failed = await run(host, { ...trust, endorsements: [] });
        assert.ok(failed.length > 0 && typeof failed !== 'string', String(failed));
      });
  });
