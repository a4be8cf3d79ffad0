// SPDX-License-Identifier: Apache-2.0

/** What bounds the daemon. Times are milliseconds. */
export interface Limits {
  /** Keeps that have not ended. */
  readonly keeps: number;
  /** Creations of one tenant at once, and how many more each second. */
  readonly createBurst: number;
  readonly createsPerSecond: number;
  /** Keeps that may be launching at the same time, and creations of one tenant that may wait for that. */
  readonly launchesAtOnce: number;
  readonly launchQueue: number;
  /** MiB of memory that must be available beyond what a Keep counts for, for it to be created. */
  readonly memoryReserve: number;
  /** MiB that all Keeps together may count for; 0 for what the machine has, less the reserve. */
  readonly memory: number;
  /** MiB that a Keep counts for which is a process. A machine counts for what it is given. */
  readonly processMemory: number;
  /** How long a Keep of the pool may wait to be somebody's before another takes its place. */
  readonly poolAge: number;
  /** Loaders that know nothing and are kept booted, for the next Keeps to start sooner. About 14 MiB each. */
  readonly spareLoaders: number;
  /** From creation to ready. */
  readonly launchTime: number;
  /** The same for a virtual machine, which may be emulated on a busy host and started again. */
  readonly machineLaunchTime: number;
  /** What one virtual machine may be given: MiB, and processors. */
  readonly machineMemory: number;
  readonly machineVcpus: number;
  /** How long a loader may be away before its Keep counts as lost. Longer than the ten seconds it tries to come back for. */
  readonly absence: number;
  /** From `stop` to the end; then everything is killed. */
  readonly stopTime: number;
  /** From the end of its program until the guest must have gone: its owner may come back for the result. */
  readonly lingerTime: number;
  /** Records of ended Keeps: how many, and for how long. */
  readonly endedKeeps: number;
  readonly endedAge: number;
  /** How long an upgrade waits for the Keep to be ready, and then for its loader to connect. */
  readonly readyWait: number;
  readonly openWait: number;
  readonly channelsPerKeep: number;
  /** A channel that was silent for so long gives way when another is wanted and there is no room. */
  readonly channelIdle: number;
  /** Connections to the API. */
  readonly connections: number;
  /** Requests of one tenant, operators excepted, that are being answered at the same time. */
  readonly requestsPerTenant: number;
  readonly headersTime: number;
  readonly bodyTime: number;
  /** Frames that a loader may send at once, and how many more each second. */
  readonly frameBurst: number;
  readonly framesPerSecond: number;
  /** Connections on the loaders' socket that have not said who they are, and how long they may take. */
  readonly strangers: number;
  readonly helloTime: number;
}

export const defaultLimits: Limits = {
  keeps: 64,
  createBurst: 64,
  createsPerSecond: 20,
  launchesAtOnce: 32,
  launchQueue: 64,
  memoryReserve: 256,
  memory: 0,
  processMemory: 128,
  poolAge: 3_600_000,
  spareLoaders: 1,
  launchTime: 30_000,
  machineLaunchTime: 300_000,
  machineMemory: 4096,
  machineVcpus: 4,
  absence: 11_000,
  stopTime: 5_000,
  lingerTime: 660_000,
  endedKeeps: 256,
  endedAge: 86_400_000,
  readyWait: 30_000,
  openWait: 20_000,
  channelsPerKeep: 8,
  channelIdle: 60_000,
  connections: 1024,
  requestsPerTenant: 128,
  headersTime: 10_000,
  bodyTime: 10_000,
  frameBurst: 128,
  framesPerSecond: 20,
  strangers: 128,
  helloTime: 5_000,
};
