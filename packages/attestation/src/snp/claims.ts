// SPDX-License-Identifier: Apache-2.0
import type { AzureRuntimeData } from '../azure/runtime-data.ts';
import type { Revocation } from '../x509/revocation.ts';
import type { AmdProduct } from './product.ts';
import type { SnpReport } from './report.ts';
import type { TcbVersion } from './tcb.ts';

/** What SEV-SNP evidence says, for a policy to look at. */
export interface SnpClaims {
  readonly format: 'snp';
  /** Field by field as signed. */
  readonly report: SnpReport;
  /** Always known when the evidence is verified. */
  readonly product: AmdProduct | undefined;
  /** The report's four versions, read as the product lays them out. `undefined` only while the product is not known. */
  readonly tcb:
    | {
        readonly current: TcbVersion;
        readonly reported: TcbVersion;
        readonly committed: TcbVersion;
        readonly launch: TcbVersion;
      }
    | undefined;
  /** Which key signed. A VLEK is shared by a whole region of a cloud and says nothing of the chip. */
  readonly signingKey: 'vcek' | 'vlek' | undefined;
  /** 64 bytes (Turin: 8 bytes, the rest zero); `undefined` with a VLEK or when the host masks it. */
  readonly chipId: Uint8Array | undefined;
  /** The cloud provider named in a VLEK certificate. */
  readonly cspId: string | undefined;
  readonly revocation: Revocation;
  /** When the report came wrapped by Azure's paravisor: freshness and keys are in there, not in the report. */
  readonly azure: AzureRuntimeData | undefined;
}
