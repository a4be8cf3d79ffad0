// SPDX-License-Identifier: Apache-2.0
//
// A seccomp filter as classic BPF (linux/filter.h, linux/seccomp.h). It is the second ring behind namespaces: it takes
// from the guest the parts of the kernel's surface that Node never needs and that kernel exploits like most.

/** linux/bpf_common.h: class, size and mode of an instruction. */
const loadWord = 0x20;
const jumpEqual = 0x15;
const jumpGreaterOrEqual = 0x35;
const jumpAnyBit = 0x45;
const giveBack = 0x06;

/** linux/seccomp.h: return values. */
const allow = 0x7fff_0000;
const killProcess = 0x8000_0000;
const failWith = (errno: number): number => 0x0005_0000 | errno;
const permissionDenied = 1;
const notImplemented = 38;
const familyNotSupported = 97;

/** Offsets in `struct seccomp_data`; both machines are little-endian, so the low word of an argument comes first. */
const offsetOfNumber = 0;
const offsetOfMachine = 4;
const offsetOfArgument = 16;

const unixFamily = 1;
/** CLONE_NEWTIME is not a flag of clone(2); CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET are. */
const newNamespaces = 0x0002_0000 | 0x7e00_0000;

interface Machine {
  /** AUDIT_ARCH_… of linux/audit.h. */
  readonly audit: number;
  /** x32 calls have this bit and would pass a filter of x86-64 numbers. */
  readonly otherAbi?: number;
  readonly socket: number;
  readonly clone: number;
  readonly clone3: number;
  readonly denied: readonly number[];
}

/** Numbers of both tables from 424 on are the same on every machine. */
const deniedEverywhere = {
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  pidfd_getfd: 438,
  mount_setattr: 442,
};

const x64 = {
  ptrace: 101,
  personality: 135,
  modify_ldt: 154,
  pivot_root: 155,
  adjtimex: 159,
  chroot: 161,
  acct: 163,
  settimeofday: 164,
  mount: 165,
  umount2: 166,
  swapon: 167,
  swapoff: 168,
  reboot: 169,
  sethostname: 170,
  setdomainname: 171,
  iopl: 172,
  ioperm: 173,
  init_module: 175,
  delete_module: 176,
  quotactl: 179,
  clock_settime: 227,
  kexec_load: 246,
  add_key: 248,
  request_key: 249,
  keyctl: 250,
  unshare: 272,
  perf_event_open: 298,
  name_to_handle_at: 303,
  open_by_handle_at: 304,
  clock_adjtime: 305,
  setns: 308,
  process_vm_readv: 310,
  process_vm_writev: 311,
  finit_module: 313,
  kexec_file_load: 320,
  bpf: 321,
  userfaultfd: 323,
};

const arm64 = {
  umount2: 39,
  mount: 40,
  pivot_root: 41,
  chroot: 51,
  quotactl: 60,
  acct: 89,
  personality: 92,
  unshare: 97,
  kexec_load: 104,
  init_module: 105,
  delete_module: 106,
  clock_settime: 112,
  ptrace: 117,
  reboot: 142,
  sethostname: 161,
  setdomainname: 162,
  settimeofday: 170,
  adjtimex: 171,
  add_key: 217,
  request_key: 218,
  keyctl: 219,
  swapon: 224,
  swapoff: 225,
  perf_event_open: 241,
  name_to_handle_at: 264,
  open_by_handle_at: 265,
  clock_adjtime: 266,
  setns: 268,
  process_vm_readv: 270,
  process_vm_writev: 271,
  finit_module: 273,
  bpf: 280,
  userfaultfd: 282,
  kexec_file_load: 294,
};

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    audit: 0xc000_003e,
    otherAbi: 0x4000_0000,
    socket: 41,
    clone: 56,
    clone3: 435,
    denied: Object.values({ ...x64, ...deniedEverywhere }),
  },
  arm64: {
    audit: 0xc000_00b7,
    socket: 198,
    clone: 220,
    clone3: 435,
    denied: Object.values({ ...arm64, ...deniedEverywhere }),
  },
};

/**
 * The filter for one machine: an array of `struct sock_filter`, or `undefined` where its call numbers are not known here.
 * Calls of another machine kill the process; denied calls fail with EPERM; sockets are of AF_UNIX only; no call makes a
 * namespace, since in a new user namespace a process would hold every capability again.
 *
 * @param machine - as `process.arch` names it
 */
export function seccompFilter(machine: string): Uint8Array | undefined {
  const numbers = machines[machine];
  if (numbers === undefined) return undefined;
  const program: number[][] = [];
  const add = (code: number, jumpTrue: number, jumpFalse: number, operand: number): void => {
    program.push([code, jumpTrue, jumpFalse, operand]);
  };
  add(loadWord, 0, 0, offsetOfMachine);
  add(jumpEqual, 1, 0, numbers.audit);
  add(giveBack, 0, 0, killProcess);
  add(loadWord, 0, 0, offsetOfNumber);
  if (numbers.otherAbi !== undefined) {
    add(jumpGreaterOrEqual, 0, 1, numbers.otherAbi);
    add(giveBack, 0, 0, killProcess);
  }
  for (const number of numbers.denied) {
    add(jumpEqual, 0, 1, number);
    add(giveBack, 0, 0, failWith(permissionDenied));
  }
  // The flags of clone3 lie in memory, where a filter cannot look; libc falls back to clone when it is not there.
  add(jumpEqual, 0, 1, numbers.clone3);
  add(giveBack, 0, 0, failWith(notImplemented));
  add(jumpEqual, 0, 4, numbers.clone);
  add(loadWord, 0, 0, offsetOfArgument);
  add(jumpAnyBit, 0, 1, newNamespaces);
  add(giveBack, 0, 0, failWith(permissionDenied));
  add(giveBack, 0, 0, allow);
  add(jumpEqual, 0, 3, numbers.socket);
  add(loadWord, 0, 0, offsetOfArgument);
  add(jumpEqual, 1, 0, unixFamily);
  add(giveBack, 0, 0, failWith(familyNotSupported));
  add(giveBack, 0, 0, allow);
  return assemble(program);
}

function assemble(program: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, jumpTrue, jumpFalse, operand], index) => {
    view.setUint16(index * 8, code as number, true);
    view.setUint8(index * 8 + 2, jumpTrue as number);
    view.setUint8(index * 8 + 3, jumpFalse as number);
    view.setUint32(index * 8 + 4, (operand as number) >>> 0, true);
  });
  return bytes;
}
