// SPDX-License-Identifier: Apache-2.0
export {
  collateralKinds,
  encodeBundle,
  looksLikeBundle,
  readBundle,
  type CollateralItem,
  type CollateralKind,
} from './bundle.ts';
export { collectCollateral, type CollectedItem } from './collect.ts';
