// SPDX-License-Identifier: Apache-2.0
export { buildImage, type BuildOptions } from './build.ts';
export { commandLine, guestPaths } from './command-line.ts';
export { imageFiles } from './files.ts';
export { readManifest, type ImageManifest } from './manifest.ts';
export { imageProblems, type ImageProblemCode } from './problems.ts';
export { verifyImage } from './verify.ts';
