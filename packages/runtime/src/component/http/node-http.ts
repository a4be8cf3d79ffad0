// SPDX-License-Identifier: Apache-2.0
import type * as Http from 'node:http';

/** Node's HTTP, loaded when a component first needs it: it brings 20 ms of other libraries along. Of the network it touches nothing; its streams are given. */
export function http(): typeof Http {
  return process.getBuiltinModule('node:http');
}
