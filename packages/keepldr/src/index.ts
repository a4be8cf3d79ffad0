// SPDX-License-Identifier: Apache-2.0
export { measureSimLoader } from './backends/sim/loader.ts';
export { probePlatform } from './platform.ts';
