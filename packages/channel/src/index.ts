// SPDX-License-Identifier: Apache-2.0
export type { OwnCertificate } from './certificate.ts';

export {
  AttestedChannel,
  defaultOpenTimes,
  openChannel,
  UnattestedChannel,
  type Judge,
  type OpenOptions,
  type OpenTimes,
  type Presented,
} from './client/open-channel.ts';
export { FrameStream } from './frame-stream.ts';
export { createIdentity, exportIdentity, importIdentity, type ClientIdentity } from './identity.ts';
export { loadIdentity, saveIdentity } from './identity-file.ts';
export { createKeepCertificate } from './keep-certificate.ts';
export { channelProblem, channelProblems, type ChannelProblemCode } from './problems.ts';
export { keyDigest } from './public-key.ts';
export { ReportedError } from './reported-error.ts';
export {
  defaultChannelTimes,
  serveChannel,
  type ChannelTimes,
  type Conversation,
  type KeepServices,
  type ServedChannel,
  type ServeOptions,
} from './server/serve-channel.ts';
