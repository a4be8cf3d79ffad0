// SPDX-License-Identifier: Apache-2.0
//
// The TypeScript twin of enarx.cddl, rule by rule: a file for each link. A test holds each against the other.
import type { MessageType } from './message.ts';
import { evidence, guestLaunch, guestState, reportRequest } from './messages/guest.ts';
import { sevMeasurement, sevPlatform, sevSecret, sevStart } from './messages/launch.ts';
import { ldrAssigned, ldrHello, ldrLaunch, ldrLog, ldrMoment, ldrOpen, ldrState } from './messages/loader.ts';
import {
  createKeep,
  keep,
  keepChanges,
  keepList,
  keepLog,
  managerInfo,
  platform,
  renewKeep,
  supportBundle,
} from './messages/manager.ts';
import { portCredit, portStream } from './messages/port.ts';
import {
  guestClose,
  guestConnection,
  guestDial,
  guestListen,
  guestListening,
  guestRefused,
} from './messages/sockets.ts';
import { accepted, attestRequest, credit, deliver, ended, entry } from './messages/workload.ts';

export * from './messages/guest.ts';
export * from './messages/launch.ts';
export * from './messages/loader.ts';
export * from './messages/manager.ts';
export * from './messages/port.ts';
export * from './messages/sockets.ts';
export * from './messages/workload.ts';
export {
  hasLaunchSecret,
  keepStates,
  protocolVersion,
  sandboxes,
  tees,
  type KeepState,
  type Resources,
  type Sandbox,
  type Tee,
} from './messages/words.ts';

/** All messages by the name of their rule; the CDDL test walks this. */
export const messageTypes: readonly MessageType<unknown>[] = [
  managerInfo,
  createKeep,
  renewKeep,
  keep,
  keepList,
  keepChanges,
  keepLog,
  platform,
  supportBundle,
  ldrHello,
  ldrLaunch,
  ldrState,
  ldrLog,
  ldrOpen,
  ldrAssigned,
  ldrMoment,
  guestLaunch,
  guestState,
  reportRequest,
  evidence,
  guestListen,
  guestListening,
  guestDial,
  guestRefused,
  guestClose,
  guestConnection,
  portStream,
  portCredit,
  sevPlatform,
  sevStart,
  sevMeasurement,
  sevSecret,
  attestRequest,
  deliver,
  entry,
  accepted,
  credit,
  ended,
] as readonly MessageType<unknown>[];
