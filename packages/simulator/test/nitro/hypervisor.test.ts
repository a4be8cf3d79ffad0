// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  anchorFromPem,
  attest,
  noPolicy,
  vendorAnchors,
  verifyEvidence,
  type NitroClaims,
} from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';
import {
  createSimulatedNitroHypervisor,
  exportNitroHypervisor,
  importNitroHypervisor,
  type SimulatedNitroHypervisor,
} from '@enarx/simulator/nitro';

const at = Date.parse('2026-06-01T12:00:00.250Z');
const hypervisor = await createSimulatedNitroHypervisor();
const anchor = await anchorFromPem(hypervisor.anchorPem);
const pcrs = { 0: new Uint8Array(48).fill(1), 1: new Uint8Array(48).fill(2), 2: new Uint8Array(48).fill(3) };

const isProblem = (code: string) => (error: unknown) => error instanceof EnarxError && error.code === code;

suite('the simulated Nitro hypervisor', () => {
  test('makes documents that the verifier accepts under its root, and calls SIMULATED', async () => {
    const enclave = hypervisor.enclave({ ...pcrs, 16: new Uint8Array(48).fill(9) });
    const reportData = new Uint8Array(64).fill(7);
    const evidence = await enclave.document({
      at,
      userData: reportData,
      nonce: Uint8Array.of(1),
      publicKey: Uint8Array.of(2),
    });
    const verdict = await attest({
      evidence,
      endorsements: [],
      anchors: [anchor],
      at,
      policy: noPolicy,
      reportData,
    });
    assert.equal(
      verdict.verdict,
      'accepted',
      JSON.stringify(verdict.checks.filter(({ status }) => status === 'fail')),
    );
    assert.equal(verdict.simulated, true);
    const claims = verdict.claims as NitroClaims;
    assert.equal(claims.moduleId, enclave.moduleId);
    assert.equal(claims.debug, false);
    assert.deepEqual(claims.pcrs[16], new Uint8Array(48).fill(9));
    assert.deepEqual(claims.nonce, Uint8Array.of(1));
  });

  test('has no vendor’s root', async () => {
    const evidence = await hypervisor.enclave(pcrs).document({ at });
    const { checks, verified } = await verifyEvidence({
      evidence,
      endorsements: [],
      anchors: vendorAnchors,
      at,
    });
    assert.equal(verified, undefined);
    assert.deepEqual(
      checks.filter(({ status }) => status === 'fail').map(({ id }) => id),
      ['x509/anchor'],
    );
  });

  test('measures nothing in debug mode', async () => {
    const evidence = await hypervisor.enclave({}).document({ at });
    const { claims } = await verifyEvidence({ evidence, endorsements: [], anchors: [anchor], at });
    assert.equal((claims as NitroClaims).debug, true);
  });

  test('signs what attack tests want, and only the check for it refuses', async () => {
    const evidence = await hypervisor.enclave(pcrs).document({ at, unwanted: { digest: 'SHA256' } });
    const { checks } = await verifyEvidence({ evidence, endorsements: [], anchors: [anchor], at });
    assert.deepEqual(
      checks.filter(({ status }) => status === 'fail').map(({ id }) => id),
      ['nitro/digest'],
    );
  });

  test('refuses what AWS’s would refuse', async () => {
    const code = 'nitro-hypervisor/request-invalid';
    assert.throws(() => hypervisor.enclave({ 32: new Uint8Array(48) }), isProblem(code));
    assert.throws(() => hypervisor.enclave({ 0: new Uint8Array(32) }), isProblem(code));
    const enclave = hypervisor.enclave(pcrs);
    for (const request of [{ at: 0 }, { at: 1.5 }, { at: 3e14 }, { at, nonce: new Uint8Array(1025) }])
      await assert.rejects(enclave.document(request), isProblem(code));
  });

  test('lives on in a file, whole or not at all', async () => {
    const file = await exportNitroHypervisor(hypervisor);
    const again = await importNitroHypervisor(file);
    assert.equal(again.anchorPem, hypervisor.anchorPem);
    const evidence = await again.enclave(pcrs).document({ at });
    assert.ok((await verifyEvidence({ evidence, endorsements: [], anchors: [anchor], at })).verified);
    const damaged = Uint8Array.from(file);
    damaged[200] = (damaged[200] as number) ^ 1;
    for (const bad of [
      damaged,
      file.subarray(1),
      Uint8Array.of(0x80),
      Uint8Array.of(0x88, 0, 0, 0, 0, 0, 0, 0, 0),
    ])
      await assert.rejects(importNitroHypervisor(bad), isProblem('nitro-hypervisor/file-malformed'));
    await assert.rejects(exportNitroHypervisor({} as SimulatedNitroHypervisor), TypeError);
  });
});
