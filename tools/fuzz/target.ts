// SPDX-License-Identifier: Apache-2.0

/** One decoder to be fuzzed. A module of tools/fuzz/targets exports a list of them as its default. */
export interface FuzzTarget {
  /** Stable, kebab-case. */
  readonly name: string;
  /**
   * Reads an input, and checks what must hold of whatever it accepts. Bad input must give an EnarxError of the kind `malformed`, `unsupported`
   * or `rejected`; anything else that is thrown is a finding.
   */
  readonly run: (input: Uint8Array) => unknown;
  /** Good inputs to start from: real ones where the vectors are, made ones where not. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Pieces that mean something to the decoder and that chance would not find. */
  readonly tokens?: readonly (string | Uint8Array)[];
  /** Inputs are cut to this length. 8192 bytes unless said. */
  readonly longest?: number;
}
