// SPDX-License-Identifier: Apache-2.0
import { bytesOfText } from './evidence-text.ts';
import { attestationProblem } from './problems.ts';
import { snpReportLength } from './snp/report.ts';

/**
 * Rebuilds a report from the JSON dump of its fields that Trustee's agents send
 * (`{attestation_report, cert_chain: [{cert_type, data}]}`), with the names that they use today and those of before 2025, which
 * split no versions into objects and called the whole word of key information `_author_key_en`. What is judged is the bytes rebuilt
 * here, so that whatever the dump lost or changed makes the signature fail; it can never make one pass.
 * @throws EnarxError `evidence/malformed`
 */
export function rebuildSnpReport(dump: ReadonlyMap<string, unknown>): Uint8Array {
  const report = new Uint8Array(snpReportLength);
  const view = new DataView(report.buffer);
  const member = (name: string): unknown => dump.get(name) ?? 0;
  const u32 = (at: number, name: string): void => {
    view.setUint32(at, whole(member(name), name, 0xffff_ffff), true);
  };
  const u64 = (at: number, name: string): void => {
    view.setBigUint64(at, BigInt(whole(member(name), name, Number.MAX_SAFE_INTEGER)), true);
  };
  const copy = (at: number, name: string, length: number): void => {
    report.set(bytes(dump.get(name), name, length), at);
  };
  u32(0x00, 'version');
  u32(0x04, 'guest_svn');
  u64(0x08, 'policy');
  copy(0x10, 'family_id', 16);
  copy(0x20, 'image_id', 16);
  u32(0x30, 'vmpl');
  u32(0x34, 'sig_algo');
  report.set(tcb(dump, 'current_tcb'), 0x38);
  u64(0x40, 'plat_info');
  u32(0x48, dump.has('key_info') ? 'key_info' : '_author_key_en');
  copy(0x50, 'report_data', 64);
  copy(0x90, 'measurement', 48);
  copy(0xc0, 'host_data', 32);
  copy(0xe0, 'id_key_digest', 48);
  copy(0x110, 'author_key_digest', 48);
  copy(0x140, 'report_id', 32);
  copy(0x160, 'report_id_ma', 32);
  report.set(tcb(dump, 'reported_tcb'), 0x180);
  for (const [at, name] of [
    [0x188, 'cpuid_fam_id'],
    [0x189, 'cpuid_mod_id'],
    [0x18a, 'cpuid_step'],
  ] as const)
    report[at] = whole(member(name), name, 0xff);
  copy(0x1a0, 'chip_id', 64);
  report.set(tcb(dump, 'committed_tcb'), 0x1e0);
  report.set(firmware(dump, 'current'), 0x1e8);
  report.set(firmware(dump, 'committed'), 0x1ec);
  report.set(tcb(dump, 'launch_tcb'), 0x1f0);
  u64(0x1f8, 'launch_mit_vector');
  u64(0x200, 'current_mit_vector');
  const signature = objectOf(dump.get('signature'), 'signature');
  report.set(bytes(signature.get('r'), 'signature.r', 72), 0x2a0);
  report.set(bytes(signature.get('s'), 'signature.s', 72), 0x2a0 + 72);
  return report;
}

/** A version with an `fmc` has the layout of Turin. */
function tcb(dump: ReadonlyMap<string, unknown>, name: string): number[] {
  const parts = objectOf(dump.get(name), name);
  const part = (component: string): number => whole(parts.get(component), `${name}.${component}`, 0xff);
  const levels = ['bootloader', 'tee', 'snp', 'microcode'].map(part) as [number, number, number, number];
  const [bootloader, tee, snp, microcode] = levels;
  return (parts.get('fmc') ?? null) === null
    ? [bootloader, tee, 0, 0, 0, 0, snp, microcode]
    : [part('fmc'), bootloader, tee, snp, 0, 0, 0, microcode];
}

function firmware(dump: ReadonlyMap<string, unknown>, name: string): number[] {
  const old = dump.has(`${name}_build`);
  const parts = old ? dump : objectOf(dump.get(name), name);
  return ['build', 'minor', 'major'].map((part) =>
    whole(parts.get(old ? `${name}_${part}` : part), `${name}.${part}`, 0xff),
  );
}

function whole(value: unknown, name: string, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most)
    throw malformed(`${name} that is no number up to ${String(most)}`);
  return value;
}

/** A list of bytes, or hex or base64. */
function bytes(value: unknown, name: string, length: number): Uint8Array {
  const list = typeof value === 'string' ? [...(bytesOfText(value) ?? [])] : value;
  if (!Array.isArray(list) || list.length !== length)
    throw malformed(`${name} that is no list of ${String(length)} bytes`);
  return Uint8Array.from(list, (byte: unknown) => whole(byte, name, 0xff));
}

function objectOf(value: unknown, name: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed(`no ${name}`);
  return new Map(Object.entries(value));
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
