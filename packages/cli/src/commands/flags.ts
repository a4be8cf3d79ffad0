// SPDX-License-Identifier: Apache-2.0
//
// Flags that several commands share. Each is spread into a command's own.

/** What is trusted, and what is wanted. */
export interface TrustFlags {
  readonly policy: string | undefined;
  readonly anchor: string | undefined;
  readonly endorsements: readonly string[] | undefined;
}

export const trustFlags = {
  policy: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Policy file; without it exactly the loader of this release is accepted',
    placeholder: 'FILE',
  },
  anchor: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief:
      'Root certificate (PEM) of a simulated processor, which is then accepted, and said to be SIMULATED',
    placeholder: 'FILE',
  },
  endorsements: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief:
      'Certificates, revocation lists, documents of Intel’s (which TDX and SGX ask for), or a bundle of these; repeatable',
    placeholder: 'FILE',
  },
} as const;

/** Which guest image. */
export const imageFlag = {
  image: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Guest image of virtual machines; the one of `enarx image build` without it',
    placeholder: 'DIR',
  },
} as const;

/** What a virtual machine is given, and which image it must show. */
export interface MachineFlags {
  readonly image: string | undefined;
  readonly memory: string | undefined;
  readonly vcpus: string | undefined;
}

export const machineFlags = {
  ...imageFlag,
  memory: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: "Memory of a virtual machine: 512MiB, 2GiB; the host's measure without it",
    placeholder: 'SIZE',
  },
  vcpus: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Processors of a virtual machine; 1 without it',
    placeholder: 'N',
  },
} as const;

/** Which image a Keep that is there already must show, as a machine of how many processors. */
export type ExpectationFlags = Pick<MachineFlags, 'image' | 'vcpus'>;

export const expectationFlags = { image: machineFlags.image, vcpus: machineFlags.vcpus } as const;

/** What the program is given. */
export interface WorkloadFlags {
  readonly config: string | undefined;
  readonly env: readonly string[] | undefined;
  readonly dir: readonly string[] | undefined;
  readonly argv0: string | undefined;
  readonly listen: readonly string[] | undefined;
  readonly maxMemory: string | undefined;
  readonly timeout: string | undefined;
  readonly experimentalWasi03: boolean;
}

export const workloadFlags = {
  config: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Enarx.toml with arguments, environment, files and limits of the program',
    placeholder: 'FILE',
  },
  env: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief: 'Variable of the program, over the one in the config; repeatable',
    placeholder: 'NAME=VALUE',
  },
  dir: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief:
      'Directory that is carried into the Keep, where the program has a copy that it may change; repeatable',
    placeholder: 'HOST[::GUEST]',
  },
  argv0: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: "Name that the program is called by; its file's name without it",
    placeholder: 'NAME',
  },
  listen: {
    kind: 'parsed',
    parse: String,
    optional: true,
    variadic: true,
    brief: 'Listener of the program, behind the TLS of the Keep; port 0 is any that is free; repeatable',
    placeholder: '[ADDRESS:]PORT',
  },
  maxMemory: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Limit of its linear memory, over the one in the config: 64MiB, 1GiB',
    placeholder: 'SIZE',
  },
  timeout: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Limit of its wall time, over the one in the config: 500ms, 30s, 5m',
    placeholder: 'TIME',
  },
  experimentalWasi03: {
    kind: 'boolean',
    default: false,
    withNegated: false,
    brief: 'EXPERIMENTAL: take a component that is a command of WASI 0.3.0',
  },
} as const;

/** Which host, and how one is known there. */
export interface HostFlags {
  readonly host: string | undefined;
  readonly hostCa: string | undefined;
  readonly hostCert: string | undefined;
  readonly hostKey: string | undefined;
  readonly hostTokenFile: string | undefined;
}

/** Where `enarx keepmgr` listens when it is told nothing. */
export const defaultHost = 'http://127.0.0.1:3030';

/** What goes with a host, whatever a command says of the host itself. Never a secret: those are in files or the environment. */
export const hostAccessFlags = {
  hostCa: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Authorities (PEM) of the certificate of an https:// host; the public ones without it',
    placeholder: 'FILE',
  },
  hostCert: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Your certificate (PEM) for an https:// host; needs --host-key',
    placeholder: 'FILE',
  },
  hostKey: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Its private key (PEM)',
    placeholder: 'FILE',
  },
  hostTokenFile: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'File with your bearer token for an https:// host; read anew for each request',
    placeholder: 'FILE',
  },
} as const;

export const hostFlags = {
  host: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: `The host: http://NAME:PORT, https://NAME:PORT or unix:/PATH; ENARX_HOST, else ${defaultHost}, without it`,
    placeholder: 'URL',
  },
  ...hostAccessFlags,
} as const;
