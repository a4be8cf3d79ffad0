// SPDX-License-Identifier: Apache-2.0
import { problemsOf, type ProblemDefinition } from '@enarx/protocol';

/** Problems of fetching collateral. */
export const collateralProblems = {
  'collateral/url-invalid': {
    kind: 'usage',
    status: 400,
    title: 'This is no address from which collateral is fetched',
    mend: 'Give an http or https URL without user name and fragment; `enarx evidence verify` names the ones that are missing.',
  },
  'collateral/unreachable': {
    kind: 'unavailable',
    status: 503,
    title: 'The service for collateral did not answer, or not in time',
    mend: 'Try again later, give another mirror, or verify with files that you have.',
  },
  'collateral/refused': {
    kind: 'unavailable',
    status: 502,
    title: 'The service for collateral answered that it will not give it',
    mend: 'Check the URL; a service that redirects is not followed, give the address that it names if you trust it.',
  },
  'collateral/unusable': {
    kind: 'malformed',
    status: 502,
    title: 'What the service for collateral gave is no collateral',
    mend: 'Check the URL and what stands between; nothing of it was kept.',
  },
  'collateral/expired': {
    kind: 'rejected',
    status: 403,
    title: 'What the service for collateral gave is past its date',
    mend: 'Check the clock; give another mirror. Nothing of it was kept.',
  },
  'collateral/older': {
    kind: 'rejected',
    status: 403,
    title: 'What the service for collateral gave is older than what it gave before',
    mend: 'A list or TCB info that goes back in time may hide a revocation. Give another mirror; the newer one was kept.',
  },
  'collateral/cache-unusable': {
    kind: 'unavailable',
    status: 500,
    title: 'The directory for fetched collateral cannot be used',
    mend: 'Check its owner, mode and the space on its disk.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const collateralProblem = problemsOf(collateralProblems);
