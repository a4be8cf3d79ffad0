// SPDX-License-Identifier: Apache-2.0
export {
  createCollateralFetcher,
  type CollateralFetcher,
  type FetchedCollateral,
  type FetcherOptions,
} from './fetcher.ts';
export { collateralProblems } from './problems.ts';
