// SPDX-License-Identifier: Apache-2.0

/**
 * How Node runs a loader, whoever starts it. Its relays read into a new buffer of 64 KiB each time. With a young generation of 1 MiB those that are done with are
 * collected while they are few; with the usual 16 the whole heap is marked for them again and again: an eighth of what relaying costs.
 */
export const loaderFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--disable-proto=throw',
  '--no-warnings',
];
