// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';
import type { Anchor } from '../anchors.ts';
import { failed, passed, type Outcome } from '../checks.ts';
import type { PolicyAnchors, VendorRoots } from '../policy/policy.ts';
import type { TomlPath } from '../policy/toml-lines.ts';

/** Whether the policy accepts the root, and which part of it says so. */
export function anchorOutcome(
  anchor: Anchor,
  anchors: PolicyAnchors,
): { readonly outcome: Outcome; readonly path: TomlPath } {
  return anchor.simulated
    ? simulatedOutcome(anchor, anchors.simulated)
    : vendorOutcome(anchor, anchors[anchor.vendor] ?? 'none');
}

function simulatedOutcome(
  { name, spkiDigest }: Anchor,
  wanted: PolicyAnchors['simulated'],
): ReturnType<typeof anchorOutcome> {
  const path = ['anchors', 'simulated'];
  const digest = toHex(spkiDigest);
  const title = `SIMULATED anchor ${name} (key ${digest})`;
  if (wanted === 'passed') return { path, outcome: passed(`${title}, which the caller passed`) };
  const index = wanted === 'none' ? -1 : wanted.indexOf(digest);
  return index < 0
    ? {
        path,
        outcome: failed(
          `${title}, which the policy does not permit. Use a genuine TEE, or list this digest if you mean to simulate`,
        ),
      }
    : { path: [...path, index], outcome: passed(`${title}, which the policy lists`) };
}

function vendorOutcome({ name, vendor }: Anchor, wanted: VendorRoots): ReturnType<typeof anchorOutcome> {
  const path = ['anchors', vendor];
  const title = `${name}, a root that this release pins`;
  if (wanted === 'any') return { path, outcome: passed(`${title}; the policy says "any" of them`) };
  const index = wanted === 'none' ? -1 : wanted.indexOf(name);
  const roots = wanted === 'none' ? 'no vendor root' : wanted.join(', ');
  return index < 0
    ? {
        path,
        outcome: failed(
          `${title}; the policy wants ${roots}. Use a host whose processor has an accepted root`,
        ),
      }
    : { path: [...path, index], outcome: passed(`${title}, which the policy lists`) };
}
