// SPDX-License-Identifier: Apache-2.0
import type { Anchor } from '../anchors.ts';
import { amdExtensionOids, paddedChipId, tryReadVek, type VekReading } from '../amd/vek.ts';
import { azureChecks, checkQuote, checkRuntimeData } from '../azure/check.ts';
import { readRuntimeData, type AzureRuntimeData } from '../azure/runtime-data.ts';
import {
  check,
  checksOf,
  failed,
  notReached,
  outcomeOf,
  passed,
  reasonOf,
  unreadableAs,
  type Outcome,
} from '../checks.ts';
import { readEndorsements } from '../endorsements.ts';
import { checkCsrKey, checkCsrSignature, csrChecks } from '../evidence-csr.ts';
import type { Recognised } from '../evidence.ts';
import { asVerified, isSimulated, type Verification, type VerifyOptions } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { chainNotReached, checkSignatures, verifyChain } from '../x509/chain.ts';
import { bindingNotReached, checkBinding, checkSignature } from './binding.ts';
import { findChain, type AmdChain } from './chain.ts';
import { snpBindingChecks, snpEndorsementChecks, snpFormChecks } from './check-table.ts';
import type { SnpClaims } from './claims.ts';
import { checkForm } from './form.ts';
import { productOfCpuid, tcbLayoutOf, type AmdProduct } from './product.ts';
import { parseSnpReport, type UnverifiedSnpReport } from './report.ts';
import { readTcb } from './tcb.ts';

/** Verifies an SNP report and what it came with. All checks are listed, whichever fail. */
export async function verifySnp(
  recognised: Recognised,
  { endorsements, anchors, at, keys }: VerifyOptions,
): Promise<Verification<SnpClaims>> {
  let report: UnverifiedSnpReport;
  try {
    report = parseSnpReport(recognised.report);
  } catch (error) {
    return unreadable(error, anchors);
  }
  const {
    certificates,
    revocationLists,
    unreadable: badEndorsements,
  } = readEndorsements([...recognised.endorsements, ...endorsements], keys);
  const found = await findChain(report, certificates, builtInAuthorities);
  const chain = 'chain' in found ? found.chain : undefined;
  const signed = chain && (await checkSignatures(chain, keys));
  // Nearly all of the time goes into this one signature: it is begun first, and all that need not wait for it is done meanwhile.
  const signature = chain && checkSignature(report, chain[0], signed?.leafKey);
  const reading = chain && tryReadVek(chain[0]);
  const product = productOf(report, reading);
  const azure = recognised.azure && (await readRuntimeData(recognised.azure));
  const chainResult =
    chain === undefined
      ? chainNotReached(incomplete)
      : await verifyChain(
          {
            chain,
            anchors: anchors.filter(({ vendor }) => vendor === 'amd'),
            revocationLists,
            at,
            handledExtensions: amdExtensionOids,
            knownRevoked,
            keys,
          },
          signed,
        );
  const claims = claimsOf(report, product, reading, azure, chainResult.revocation);
  const form: Record<string, Outcome> = {
    ...checkForm(report, claims.tcb, product && tcbLayoutOf(product)),
    'snp/endorsements-readable': outcomeOf(
      badEndorsements,
      `${String(certificates.length)} certificates, ${String(revocationLists.length)} revocation lists`,
    ),
    'snp/endorsements-complete': 'missing' in found ? failed(found.missing) : passed(namesIn(found.chain)),
  };
  const binding: Record<string, Outcome> =
    chain === undefined || reading === undefined
      ? bindingNotReached(incomplete)
      : checkBinding(report, chain, reading, chainResult.anchor);
  const before = [...checksOf(form), ...chainResult.checks, ...checksOf(binding)];
  const after: Record<string, Outcome> = {
    'azure/runtime-data': checkRuntimeData(azure, report.reportData),
    'azure/quote': await checkQuote(azure),
    'csr/signature': await checkCsrSignature(recognised.csr),
    'csr/key-bound': await checkCsrKey(recognised.csr, report.reportData),
  };
  const signatureCheck = check(
    'snp/signature',
    signature === undefined ? notReached(incomplete) : await signature,
  );
  const checks = [...before, signatureCheck, ...checksOf(after)];
  const { anchor } = chainResult;
  return {
    format: 'snp',
    simulated: isSimulated(anchor, anchors),
    checks,
    claims,
    verified: asVerified(claims, checks, { anchor, at }),
  };
}

const incomplete = 'the chain is not complete';

function unreadable(error: unknown, anchors: readonly Anchor[]): Verification<SnpClaims> {
  const reason = reasonOf(error);
  const outcome = notReached('the report cannot be read');
  const ids = [
    ...Object.keys(snpFormChecks),
    ...Object.keys(snpEndorsementChecks),
    ...chainNotReached('').checks.map(({ id }) => id),
    ...Object.keys(snpBindingChecks),
    ...Object.keys(azureChecks),
    ...Object.keys(csrChecks),
  ];
  return {
    format: 'snp',
    simulated: isSimulated(undefined, anchors),
    checks: ids.map((id) => check(id, id === 'snp/version' ? failed(reason) : outcome)),
    claims: undefined,
    unreadable: unreadableAs(error),
    verified: undefined,
  };
}

const namesIn = (chain: AmdChain): string => chain.map(({ subject }) => subject.commonName).join(', ');

/** CPUID where the report has it, the certificate where not. That they agree is a check of its own. */
function productOf({ cpuid }: UnverifiedSnpReport, reading: VekReading | undefined): AmdProduct | undefined {
  if (cpuid !== undefined) return productOfCpuid(cpuid);
  return reading !== undefined && 'vek' in reading ? reading.vek.product : undefined;
}

function claimsOf(
  report: UnverifiedSnpReport,
  product: AmdProduct | undefined,
  reading: VekReading | undefined,
  azure: AzureRuntimeData | undefined,
  revocation: SnpClaims['revocation'],
): SnpClaims {
  const vek = reading !== undefined && 'vek' in reading ? reading.vek : undefined;
  const layout = product && tcbLayoutOf(product);
  const masked = report.chipId.every((byte) => byte === 0);
  return {
    format: 'snp',
    report,
    product,
    tcb: layout && {
      current: readTcb(report.currentTcb, layout),
      reported: readTcb(report.reportedTcb, layout),
      committed: readTcb(report.committedTcb, layout),
      launch: readTcb(report.launchTcb, layout),
    },
    signingKey: report.signingKey === 'vcek' || report.signingKey === 'vlek' ? report.signingKey : undefined,
    // A host that masks the id cannot hide the chip from who has its certificate: the key is of that chip alone.
    chipId:
      vek?.hardwareId === undefined ? (masked ? undefined : report.chipId) : paddedChipId(vek.hardwareId),
    cspId: vek?.cspId,
    revocation,
    azure,
  };
}

/** Loaded when first needed, once. */
let authorities: Promise<readonly Certificate[]> | undefined;
const builtInAuthorities = (): Promise<readonly Certificate[]> =>
  (authorities ??= import('../amd/authorities.ts').then(({ amdAuthorities }) => amdAuthorities));

/** Serial of the first SEV-Genoa. ARK-Genoa's list number 2 of 2022-10-31 revoked it; some verifiers still ship it. */
const revokedSevGenoa = 0x20001n;

function knownRevoked({ serial, issuer }: Certificate, anchor: Anchor | undefined): string | undefined {
  return anchor?.simulated === false && issuer.commonName === 'ARK-Genoa' && serial === revokedSevGenoa
    ? 'SEV-Genoa with the serial 0x20001 was revoked by AMD on 2022-10-31; fetch the current chain'
    : undefined;
}
