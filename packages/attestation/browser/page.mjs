// SPDX-License-Identifier: Apache-2.0
//
// The page of packages/attestation/browser/verify.html. All text goes in as text: evidence may hold markup.
import { attest, noPolicy, parsePolicy, vendorAnchors, verifyEvidence } from '@enarx/attestation';

const element = (id) => document.getElementById(id);
let files = [];

/** The first file that is evidence of some kind, and the others. */
async function sorted(at) {
  const problems = [];
  for (const evidence of files) {
    const endorsements = files.filter((other) => other !== evidence).map(({ bytes }) => bytes);
    try {
      const { claims } = await verifyEvidence({
        evidence: evidence.bytes,
        endorsements,
        anchors: vendorAnchors,
        at,
      });
      if (claims !== undefined || files.length === 1) return { evidence, endorsements };
      problems.push(`${evidence.name}: no evidence that can be read`);
    } catch (error) {
      problems.push(`${evidence.name}: ${error.message}`);
    }
  }
  throw new Error(problems.join('\n'));
}

async function verify() {
  const time = element('at').value;
  const at = time === '' ? Date.now() : Date.parse(`${time}Z`);
  const hex = element('report-data').value.replaceAll(/\s/g, '');
  if (hex !== '' && !/^[0-9a-f]{128}$/i.test(hex))
    throw new Error('Report data are 64 bytes, 128 hex digits.');
  const reportData =
    hex === '' ? undefined : Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
  const [policyFile] = element('policy').files;
  const policy = policyFile === undefined ? noPolicy : parsePolicy(await policyFile.text());
  const { evidence, endorsements } = await sorted(at);
  const verdict = await attest({
    evidence: evidence.bytes,
    endorsements,
    anchors: vendorAnchors,
    at,
    policy,
    reportData,
  });
  show(evidence.name, verdict, policy === noPolicy);
}

function show(name, { verdict, format, simulated, checks, claims }, withoutPolicy) {
  const said =
    verdict === 'accepted' ? (withoutPolicy ? 'genuine; no policy was applied' : 'accepted') : 'rejected';
  element('verdict').className = verdict === 'accepted' ? 'pass' : 'fail';
  element('verdict').textContent =
    `${name}: ${format.toUpperCase()}, ${said}${simulated ? ' — SIMULATED' : ''}`;
  element('checks').replaceChildren(
    ...checks.map(({ id, status, detail, policyLine }) => {
      const row = document.createElement('tr');
      row.className = status;
      const line = policyLine === undefined ? '' : ` (policy, line ${policyLine})`;
      for (const text of [{ pass: '✓', fail: '✗', 'not-applicable': '–' }[status], id, detail + line]) {
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
  element('claims').textContent = JSON.stringify(claims, plain, 2) ?? 'none';
  document.body.dataset.verdict = verdict;
}

/** Bytes as hex, large numbers as numbers. */
function plain(_, value) {
  if (value instanceof Uint8Array)
    return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

async function changed() {
  if (files.length === 0) return;
  element('names').textContent = files.map(({ name, bytes }) => `${name} (${bytes.length} bytes)`).join(', ');
  try {
    await verify();
  } catch (error) {
    element('verdict').className = 'fail';
    element('verdict').textContent = error.message;
    element('checks').replaceChildren();
    element('claims').textContent = '';
    document.body.dataset.verdict = 'none';
  }
}

async function take(list) {
  files = await Promise.all(
    Array.from(list, async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
  );
  await changed();
}

const drop = element('drop');
addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
addEventListener('dragleave', () => drop.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  void take(event.dataTransfer.files);
});
element('files').addEventListener('change', (event) => void take(event.target.files));
for (const id of ['at', 'policy', 'report-data'])
  element(id).addEventListener('change', () => void changed());
