// SPDX-License-Identifier: Apache-2.0
//
// The only module that calls C. Node has no way to mount, to load a kernel module or to end a machine; node:ffi is young and has renamed its keys once, so all that
// depends on it stands here.
import { dlopen, getInt32 } from 'node:ffi';
import { getSystemErrorName } from 'node:util';

import { guestProblem } from './problems.ts';

/** Flags of mount(2). */
export const mountFlags = { readOnly: 0x1, noSuid: 0x2, noDevices: 0x4, noExecution: 0x8 } as const;

/** linux/reboot.h */
const powerOffCommand = 0x4321fedc;
/** x86-64 number of finit_module(2), which the C library does not wrap. */
const finitModuleNumber = 313n;
/** linux/prctl.h */
const setNoNewPrivileges = 38;

const { functions } = dlopen('libc.so.6', {
  mount: { return: 'i32', arguments: ['string', 'string', 'string', 'u64', 'string'] },
  reboot: { return: 'i32', arguments: ['i32'] },
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'string', 'i64'] },
  prctl: { return: 'i32', arguments: ['i32', 'u64', 'u64', 'u64', 'u64'] },
  __errno_location: { return: 'pointer', arguments: [] },
});

/** @throws EnarxError `guest/system-call-failed` */
export function mount(type: string, target: string, flags: number, options = ''): void {
  check(`mount ${type}`, functions.mount(type, target, type, BigInt(flags), options));
}

/** @param descriptor - of the module's file, not compressed. @throws EnarxError `guest/system-call-failed` */
export function loadModule(descriptor: number, name: string): void {
  check(`finit_module ${name}`, Number(functions.syscall(finitModuleNumber, BigInt(descriptor), '', 0n)));
}

/** From here on no process below this one can gain privileges by starting a program. @throws EnarxError `guest/system-call-failed` */
export function denyNewPrivileges(): void {
  check('prctl', functions.prctl(setNoNewPrivileges, 1n, 0n, 0n, 0n));
}

/** Ends the machine at once. */
export function powerOff(): void {
  functions.reboot(powerOffCommand);
}

function check(call: string, result: number): void {
  if (result === 0) return;
  const errorNumber = getInt32(functions.__errno_location(), 0);
  throw guestProblem('guest/system-call-failed', { found: `${call}: ${getSystemErrorName(-errorNumber)}` });
}
