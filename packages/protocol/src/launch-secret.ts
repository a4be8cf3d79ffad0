// SPDX-License-Identifier: Apache-2.0

/** Under which GUIDs the guest of a launch with a secret finds what its owner sealed for it. Ours, made once; they mean nothing elsewhere. */
export const launchSecretGuids = {
  /** The Keep's private key: P-256, PKCS #8, DER. */
  key: 'c4a5e3b1-6d0f-4f0e-9a37-2f1d7b6c8e90',
  /** SHA-256 of the SubjectPublicKeyInfo of the one client that may deliver, 32 bytes. */
  owner: '5f3f1d2a-0b6e-4c57-8d15-93c2a4e7b061',
} as const;

/** What stands before the report data where such a Keep signs it, so that the signature is good for nothing else. ASCII. */
export const launchSecretContext = 'enarx/launch-secret/1';
