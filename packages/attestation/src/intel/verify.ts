// SPDX-License-Identifier: Apache-2.0
import type { Anchor } from '../anchors.ts';
import { azureChecks, checkQuote, checkRuntimeData } from '../azure/check.ts';
import { readRuntimeData, type AzureRuntimeData } from '../azure/runtime-data.ts';
import { formatTime } from '../calendar.ts';
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
import { asVerified, isSimulated, type Verification, type VerifyOptions } from '../verification.ts';
import { chainNotReached, verifyChain, type ChainResult } from '../x509/chain.ts';
import { KeyCache } from '../x509/key-cache.ts';
import { noList, type Revocation } from '../x509/revocation.ts';
import { quoteBindingChecks, quoteEndorsementChecks, quoteFormChecks } from './check-table.ts';
import type { SgxClaims, TdxClaims } from './claims.ts';
import { collateralClaims } from './collateral-claims.ts';
import { readCollateral, type Collateral } from './collateral.ts';
import {
  checkDates,
  checkDocumentSignature,
  checkIdentity,
  checkTcbInfo,
  handledExtensions,
  verifySigningChain,
} from './document-checks.ts';
import type { SignedText } from './documents.ts';
import { findPckChain, findSigningChain, type PckChain, type SigningChain } from './path.ts';
import type { Platform } from './pck.ts';
import { checkPckCertificate, checkPckRevocation, tryReadPlatform } from './platform-checks.ts';
import {
  checkAttestationKey,
  checkEventLogs,
  checkModule,
  checkQe,
  checkQeReport,
  checkTrailer,
  checkVendor,
  judgeAttestation,
  type Trailer,
} from './quote-checks.ts';
import { certificationTypes, parseQuote, type Quote } from './quote.ts';
import { checkCertificateKey, type CertifiedQuote } from './ra-tls.ts';
import type { RecognisedQuote } from './recognise.ts';
import { selectCollateral, type Selection } from './selection.ts';
import { readSgxReport, type SgxReport } from './sgx/report.ts';
import { evaluateTcb, type TcbEvaluation } from './tcb-level.ts';
import { readTdReport, type TdReport } from './tdx/report.ts';

type IntelVerification = Verification<SgxClaims | TdxClaims>;
type BindingId = keyof typeof quoteBindingChecks;

/** Verifies a quote of SGX or TDX and what it came with. All checks are listed, whichever fail. */
export async function verifyQuote(
  recognised: RecognisedQuote,
  { endorsements, anchors, at, keys = new KeyCache() }: VerifyOptions,
): Promise<IntelVerification> {
  let quote: Quote;
  try {
    quote = parseQuote(recognised.quote);
  } catch (error) {
    return unreadable(recognised.format, error, anchors);
  }
  const { format } = quote;
  const td = format === 'tdx' ? readTdReport(quote.body) : undefined;
  const { reportData } = td ?? readSgxReport(quote.body);
  // Begun before collateral is read, which takes longer: WebCrypto may work beside us.
  const begun = Promise.all([
    judgeAttestation(quote, keys),
    checkTrailer(quote, reportData),
    recognised.azure && readRuntimeData(recognised.azure),
  ]);
  const inQuote = readCollateral(certificatesIn(quote), keys);
  const elsewhere = readCollateral([...recognised.endorsements, ...endorsements], keys);
  const pck = await findPckChain(inQuote.certificates, elsewhere.certificates, at);
  const pckChain = 'chain' in pck ? pck.chain : undefined;
  const signer = await findSigningChain([...elsewhere.certificates, ...inQuote.certificates], at);
  const signingChain = 'chain' in signer ? signer.chain : undefined;
  const reading = pckChain && tryReadPlatform(pckChain[0]);
  const platform = reading !== undefined && 'platform' in reading ? reading.platform : undefined;
  const selection = selectCollateral(format, platform, elsewhere, pckChain, signingChain, at);
  const trusted = anchors.filter(({ vendor }) => vendor === 'intel');
  const chain =
    pckChain === undefined
      ? chainNotReached('the chain of the PCK is not complete')
      : await verifyChain({
          chain: pckChain,
          anchors: trusted,
          revocationLists: elsewhere.revocationLists,
          at,
          handledExtensions,
          knownRevoked: () => undefined,
          keys,
        });
  const [attestation, trailer, azure] = await begun;
  const parts: Parts = {
    quote,
    qe: readSgxReport(quote.qeReport),
    td,
    azure,
    reportData,
    attestation,
    trailer,
    pckChain,
    signingChain,
    platform,
    selection,
    chain,
    collateral: elsewhere,
    anchors: trusted,
    at,
    keys,
  };
  const missing = [pck, signer].flatMap((found) => ('missing' in found ? [found.missing] : []));
  const tcb = evaluate(parts);
  const certificate =
    pckChain === undefined || reading === undefined ? noPck : checkPckCertificate(pckChain, reading);
  const binding = await checkBinding(parts, tcb, certificate, recognised.certified);
  const outcomes: Record<string, Outcome> = {
    'quote/layout': passed(`version ${String(quote.version)} of ${format}`),
    'quote/vendor': checkVendor(quote),
    'quote/padding': trailer.outcome,
    'quote/endorsements-readable': outcomeOf(
      [...inQuote.unreadable.map((reason) => `in the quote: ${reason}`), ...elsewhere.unreadable],
      countsOf(inQuote, elsewhere),
    ),
    'quote/endorsements-complete': outcomeOf([...missing, ...selection.missing], 'nothing is missing'),
  };
  const checks = [
    ...checksOf(outcomes),
    ...chain.checks,
    ...checksOf(binding.outcomes),
    check('azure/runtime-data', checkRuntimeData(azure, reportData)),
    check('azure/quote', await checkQuote(azure)),
  ];
  const claims = claimsOf(parts, tcb, binding.revocation);
  return {
    format,
    simulated: isSimulated(chain.anchor, anchors),
    checks,
    claims,
    verified: asVerified(claims, checks, { anchor: chain.anchor, at }),
  };
}

/** What the checks of one quote look at. */
interface Parts {
  readonly quote: Quote;
  readonly qe: SgxReport;
  readonly td: TdReport | undefined;
  readonly azure: AzureRuntimeData | undefined;
  /** 64, of enclave or guest. */
  readonly reportData: Uint8Array;
  readonly attestation: Awaited<ReturnType<typeof judgeAttestation>>;
  readonly trailer: Trailer;
  readonly pckChain: PckChain | undefined;
  readonly signingChain: SigningChain | undefined;
  readonly platform: Platform | undefined;
  readonly selection: Selection;
  readonly chain: ChainResult;
  readonly collateral: Collateral;
  readonly anchors: readonly Anchor[];
  readonly at: number;
  readonly keys: KeyCache;
}

/** Certification data of other types than these names a PCK without certifying it. */
function certificatesIn({ certification: { type, data } }: Quote): readonly Uint8Array[] {
  return type === certificationTypes.pckChain || type === certificationTypes.pckCertificate ? [data] : [];
}

function countsOf(...collaterals: readonly Collateral[]): string {
  const count = (of: (collateral: Collateral) => readonly unknown[]): string =>
    String(collaterals.reduce((sum, collateral) => sum + of(collateral).length, 0));
  return `${count(({ certificates }) => certificates)} certificates, ${count(({ revocationLists }) => revocationLists)} revocation lists, ${count(({ documents }) => documents)} documents`;
}

const noDocument = notReached('it is not there');
const noPck = notReached('the chain of the PCK is not complete');
const noSigner = notReached('the chain of the TCB signing key is not complete or not signed');

async function checkBinding(
  parts: Parts,
  tcb: TcbEvaluation | string | undefined,
  certificate: Outcome,
  certified: CertifiedQuote | undefined,
): Promise<{ readonly outcomes: Readonly<Record<BindingId, Outcome>>; readonly revocation: Revocation }> {
  const {
    quote,
    qe,
    td,
    reportData,
    attestation,
    pckChain,
    platform,
    selection,
    chain,
    collateral,
    at,
    keys,
  } = parts;
  const { tcbInfo, identity } = selection;
  const { leafKey, issuerKey, anchor } = chain;
  // None waits for another where it need not: WebCrypto may work on several at once.
  const [revocation, signing, qeReport, eventLog, certificateKey] = await Promise.all([
    pckChain === undefined
      ? { outcome: noPck, revocation: noList }
      : checkPckRevocation(pckChain, collateral.revocationLists, at, issuerKey, keys),
    checkDocuments(parts, anchor),
    pckChain === undefined
      ? noPck
      : leafKey === undefined || pckChain[0].keyKind !== 'p256'
        ? notReached('the signatures of the certificates are not good, or the key is not P-256')
        : checkQeReport(quote, { key: leafKey, publicKey: pckChain[0].publicKey }, keys),
    checkEventLogs(td, collateral.eventLogs),
    checkCertificateKey(certified, reportData),
  ]);
  const outcomes: Readonly<Record<BindingId, Outcome>> = {
    'quote/pck-certificate': certificate,
    'quote/pck-revocation': revocation.outcome,
    'quote/tcb-signing-chain': signing.chain,
    'quote/tcb-info':
      tcbInfo === undefined
        ? noDocument
        : platform === undefined
          ? notReached('the platform is not known')
          : checkTcbInfo(tcbInfo.content, quote.format, platform),
    'quote/tcb-info-signature': signing.tcbInfo,
    'quote/tcb-info-dates': tcbInfo === undefined ? noDocument : checkDates(tcbInfo.content, at),
    'quote/qe-identity': identity === undefined ? noDocument : checkIdentity(identity.content, quote.format),
    'quote/qe-identity-signature': signing.identity,
    'quote/qe-identity-dates': identity === undefined ? noDocument : checkDates(identity.content, at),
    'quote/qe-report-signature': qeReport,
    'quote/qe': identity === undefined ? noDocument : checkQe(quote, qe, identity.content),
    'quote/attestation-key': checkAttestationKey(attestation.key, qe),
    'quote/signature': attestation.signature,
    'quote/tdx-module': tcbInfo === undefined ? noDocument : checkModule(td, tcbInfo.content),
    'quote/tcb-level': checkLevel(tcb),
    'quote/event-log': eventLog,
    'quote/certificate-key': certificateKey,
  };
  return { outcomes, revocation: revocation.revocation };
}

async function checkDocuments(
  { signingChain, anchors, collateral: { revocationLists }, selection, at, keys }: Parts,
  anchor: Anchor | undefined,
): Promise<Readonly<Record<'chain' | 'tcbInfo' | 'identity', Outcome>>> {
  const { tcbInfo, identity } = selection;
  if (signingChain === undefined) return { chain: noSigner, tcbInfo: noSigner, identity: noSigner };
  const signer = await verifySigningChain({
    chain: signingChain,
    anchors,
    anchor,
    revocationLists,
    at,
    keys,
  });
  const { key, outcome } = signer;
  if (key === undefined) return { chain: outcome, tcbInfo: noSigner, identity: noSigner };
  const judge = async (document: SignedText | undefined): Promise<Outcome> =>
    document === undefined ? noDocument : checkDocumentSignature(document, { ...signer, key }, keys);
  const [first, second] = await Promise.all([judge(tcbInfo), judge(identity)]);
  return { chain: outcome, tcbInfo: first, identity: second };
}

/** A sentence when no level applies, `undefined` when there is nothing to evaluate. */
function evaluate({ qe, td, platform, selection }: Parts): TcbEvaluation | string | undefined {
  const { tcbInfo, identity } = selection;
  if (tcbInfo === undefined || identity === undefined || platform === undefined) return undefined;
  return evaluateTcb({
    platform,
    teeTcbSvn: td?.teeTcbSvn,
    teeTcbSvn2: td?.teeTcbSvn2,
    qeIsvSvn: qe.isvSvn,
    tcbInfo: tcbInfo.content,
    identity: identity.content,
  });
}

/** A status that Intel does not revoke is a fact for the policy to judge. */
function checkLevel(tcb: TcbEvaluation | string | undefined): Outcome {
  if (tcb === undefined) return notReached('TCB info, enclave identity or PCK certificate is not there');
  if (typeof tcb === 'string') return failed(`TcbNotSupported: ${tcb}`);
  const { status, date, advisories } = tcb;
  const told = `${status} as of ${formatTime(date)}${advisories.length === 0 ? '' : `, ${advisories.join(', ')}`}`;
  return status === 'Revoked'
    ? failed(`${told}; nothing that this platform says is worth anything`)
    : passed(told);
}

function claimsOf(
  { quote, qe, td, azure, trailer, platform, selection, at }: Parts,
  tcb: TcbEvaluation | string | undefined,
  revocation: Revocation,
): SgxClaims | TdxClaims {
  const common = {
    quote: { version: quote.version, userData: quote.userData, enclave: qe, claims: trailer.claims },
    platform,
    tcb: typeof tcb === 'string' ? undefined : tcb,
    collateral: collateralClaims(selection, revocation, at),
  };
  return td === undefined
    ? { format: 'sgx', report: readSgxReport(quote.body), ...common }
    : { format: 'tdx', report: td, azure, ...common };
}

function unreadable(format: 'sgx' | 'tdx', error: unknown, anchors: readonly Anchor[]): IntelVerification {
  const reason = reasonOf(error);
  const outcome = notReached('the quote cannot be read');
  const ids = [
    ...Object.keys(quoteFormChecks),
    ...Object.keys(quoteEndorsementChecks),
    ...chainNotReached('').checks.map(({ id }) => id),
    ...Object.keys(quoteBindingChecks),
    ...Object.keys(azureChecks),
  ];
  return {
    format,
    simulated: isSimulated(undefined, anchors),
    checks: ids.map((id) => check(id, id === 'quote/layout' ? failed(reason) : outcome)),
    claims: undefined,
    unreadable: unreadableAs(error),
    verified: undefined,
  };
}
