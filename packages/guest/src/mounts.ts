// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';

import { mount, mountFlags } from './system-calls.ts';

const { noSuid, noDevices, noExecution } = mountFlags;
const inert = noSuid | noDevices | noExecution;

/** What a guest needs to see of its kernel, and a place for the channel's socket. Everything else stays in the read-only initial file system. */
export function mountFileSystems(): void {
  mount('devtmpfs', '/dev', noSuid | noExecution, 'mode=0755');
  mount('proc', '/proc', inert);
  mount('sysfs', '/sys', inert);
  mount('tmpfs', '/run', inert, 'mode=0755,size=16m');
}

/** Where kernels show launch secrets and reports; after their modules are loaded. */
export function mountEvidence(): void {
  if (existsSync('/sys/kernel/security')) mount('securityfs', '/sys/kernel/security', inert);
  if (existsSync('/sys/kernel/config')) mount('configfs', '/sys/kernel/config', inert);
}
