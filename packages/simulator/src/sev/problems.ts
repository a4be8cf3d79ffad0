// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Answers of a simulated SEV firmware. Each title ends in the status that AMD's firmware would give. */
export const sevFirmwareProblems = {
  'sev-firmware/guest-state': {
    kind: 'usage',
    status: 409,
    title: 'The guest is not in a state for this command (INVALID_GUEST_STATE)',
    mend: 'Keep the order: start, update data and registers, measure, inject secrets, finish.',
  },
  'sev-firmware/certificate': {
    kind: 'rejected',
    status: 422,
    title: "The owner's certificate is none with a Diffie-Hellman key on P-384 (INVALID_CERTIFICATE)",
    mend: 'Give the certificate that belongs to the session, unchanged.',
  },
  'sev-firmware/session': {
    kind: 'rejected',
    status: 422,
    title: 'The session is not for this platform, this certificate and this policy (BAD_MEASUREMENT)',
    mend: "Give certificate, session and policy as the guest's owner made them for this platform's PDH.",
  },
  'sev-firmware/policy': {
    kind: 'rejected',
    status: 422,
    title: 'The platform cannot keep the policy (POLICY_FAILURE)',
    mend: 'Ask for a policy without reserved bits and for no newer SEV API than the platform has.',
  },
  'sev-firmware/length': {
    kind: 'malformed',
    status: 422,
    title: 'The bytes are not as long as the command takes them (INVALID_LEN)',
    mend: 'Give 128 bytes of session, whole 16-byte blocks of data, 4096 bytes of registers, a packet with a header of 52 bytes.',
  },
  'sev-firmware/secret': {
    kind: 'rejected',
    status: 422,
    title: 'The secret is not sealed for this launch (BAD_MEASUREMENT)',
    mend: "Give header and payload as the guest's owner made them for this launch's measurement.",
  },
  'sev-firmware/file-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The file is not a simulated SEV platform as it was exported',
    mend: 'Delete the file; a new platform, with a new anchor, is made on the next start.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const sevFirmwareProblem = problemsOf(sevFirmwareProblems);
