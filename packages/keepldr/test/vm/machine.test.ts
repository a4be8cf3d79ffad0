// SPDX-License-Identifier: Apache-2.0
//
// The exact command lines, held against what QEMU documents, and against QEMU itself where there is one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { machineKinds, type MachineKind } from '../../src/backends/machine-kinds.ts';
import { machineArguments, type MachineOptions, type QemuVersion } from '../../src/backends/vm/machine.ts';
import { findTool } from '../../src/sandbox/tool.ts';

const version72: QemuVersion = { major: 7, minor: 2 };
const version10: QemuVersion = { major: 10, minor: 0 };

function optionsOf(kind: MachineKind, version: QemuVersion): MachineOptions {
  return {
    kind,
    version,
    kernel: '/image/vmlinuz',
    initrd: '/image/initrd.cpio',
    commandLine: 'quiet -- /x',
    firmware: '/image/firmware.fd',
    memory: 1024,
    vcpus: 2,
    sockets: { control: '/keep/control.sock', device: '/keep/device.sock', channel: '/keep/channel.sock' },
    console: 'output',
    accelerator: kind === 'vm' ? 'tcg' : 'kvm',
    sev: {
      policy: 0x1100003b,
      cbitpos: 51,
      reducedPhysBits: 1,
      dhCertFile: 'owner-dh.b64',
      sessionFile: 'owner-session.b64',
    },
    tdx: { quoteService: { type: 'vsock', cid: '2', port: '4050' } },
    snp: { policy: 0x30000n, cbitpos: 51, reducedPhysBits: 1, hostData: new Uint8Array(32).fill(7) },
  };
}

const before = [
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-nographic', '-S'],
  ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
];
const boot = [
  ...['-kernel', '/image/vmlinuz', '-initrd', '/image/initrd.cpio', '-append', 'quiet -- /x'],
  ...['-chardev', 'socket,id=control,path=/keep/control.sock,server=on,wait=off'],
  ...['-mon', 'chardev=control,mode=control', '-serial', 'stdio'],
  ...['-device', 'virtio-serial-pci,max_ports=3'],
  ...['-chardev', 'socket,id=device,path=/keep/device.sock,server=on,wait=off'],
  ...['-device', 'virtserialport,chardev=device,name=enarx.device'],
  ...['-chardev', 'socket,id=channel,path=/keep/channel.sock,server=on,wait=off'],
  ...['-device', 'virtserialport,chardev=channel,name=enarx.channel'],
];
const size = ['-smp', '2', '-m', '1024M'];
const confidential = 'q35,smm=off,vmport=off,hpet=off,confidential-guest-support=tee';
const sevObject =
  'sev-guest,id=tee,policy=0x1100003b,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,dh-cert-file=owner-dh.b64,session-file=owner-session.b64';

const own: Readonly<Record<MachineKind, { v72: readonly string[]; v10: readonly string[] }>> = {
  vm: both([
    ...['-accel', 'tcg,thread=single', '-machine', 'q35,usb=off,vmport=off'],
    ...['-cpu', 'Skylake-Client-v4,-cx16', ...size],
  ]),
  sev: {
    v72: [
      ...['-accel', 'kvm', '-machine', confidential, '-cpu', 'EPYC', ...size],
      ...['-object', sevObject, '-bios', '/image/firmware.fd'],
    ],
    v10: [
      ...['-accel', 'kvm', '-machine', confidential, '-cpu', 'EPYC', ...size],
      ...['-object', `${sevObject},legacy-vm-type=on`, '-bios', '/image/firmware.fd'],
    ],
  },
  'sev-es': {
    v72: [
      ...['-accel', 'kvm', '-machine', confidential, '-cpu', 'EPYC', ...size],
      ...['-object', sevObject, '-bios', '/image/firmware.fd'],
    ],
    v10: [
      ...['-accel', 'kvm', '-machine', confidential, '-cpu', 'EPYC', ...size],
      ...['-object', `${sevObject},legacy-vm-type=on`, '-bios', '/image/firmware.fd'],
    ],
  },
  snp: both([
    ...['-accel', 'kvm', '-machine', `${confidential},memory-backend=ram`, '-cpu', 'EPYC-v4', ...size],
    ...['-object', 'memory-backend-memfd,id=ram,size=1024M,share=true'],
    '-object',
    `sev-snp-guest,id=tee,policy=0x30000,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,host-data=${Buffer.alloc(32, 7).toString('base64')}`,
    ...['-bios', '/image/firmware.fd'],
  ]),
  tdx: both([
    ...['-accel', 'kvm', '-machine', `${confidential},kernel-irqchip=split`, '-cpu', 'host', ...size],
    '-object',
    '{"qom-type":"tdx-guest","id":"tee","sept-ve-disable":true,"quote-generation-socket":{"type":"vsock","cid":"2","port":"4050"}}',
    ...['-bios', '/image/firmware.fd'],
  ]),
};

function both(lines: readonly string[]): { v72: readonly string[]; v10: readonly string[] } {
  return { v72: lines, v10: lines };
}

/** Documented: QEMU 7.2 and 10.0, qapi/qom.json (SevCommonProperties, SevGuestProperties, SevSnpGuestProperties), and TdxGuestProperties of 10.1. */
const documented: Readonly<Record<string, readonly string[]>> = {
  'sev-guest': [
    ...[
      'sev-device',
      'cbitpos',
      'reduced-phys-bits',
      'kernel-hashes',
      'dh-cert-file',
      'session-file',
      'policy',
    ],
    ...['handle', 'legacy-vm-type'],
  ],
  'sev-snp-guest': [
    ...['sev-device', 'cbitpos', 'reduced-phys-bits', 'kernel-hashes', 'policy', 'guest-visible-workarounds'],
    ...['id-block', 'id-auth', 'author-key-enabled', 'host-data', 'vcek-disabled'],
  ],
  'tdx-guest': [
    'attributes',
    'sept-ve-disable',
    'mrconfigid',
    'mrowner',
    'mrownerconfig',
    'quote-generation-socket',
  ],
  'memory-backend-memfd': ['size', 'share', 'hugetlb', 'hugetlbsize', 'seal', 'prealloc', 'merge', 'dump'],
};

suite('the command line of a machine', () => {
  for (const kind of machineKinds) {
    test(`${kind}, for QEMU 7.2 and for 10.0`, () => {
      const { v72, v10 } = own[kind];
      assert.deepEqual(machineArguments(optionsOf(kind, version72)), [...before, ...v72, ...boot]);
      assert.deepEqual(machineArguments(optionsOf(kind, version10)), [...before, ...v10, ...boot]);
    });

    test(`the properties of objects of ${kind} are all documented`, () => {
      for (const version of [version72, version10])
        for (const { type, properties } of objectsOf(machineArguments(optionsOf(kind, version))))
          for (const name of properties) assert.ok(documented[type]?.includes(name), `${type}: ${name}`);
    });
  }

  test('commas in paths are doubled, so that a path is never taken for an option', () => {
    const options = optionsOf('vm', version72);
    const args = machineArguments({
      ...options,
      sockets: { ...options.sockets, control: '/keep/a,server=off/c.sock' },
    });
    assert.ok(args.includes('socket,id=control,path=/keep/a,,server=off/c.sock,server=on,wait=off'));
  });

  test('a guest has no network, no disk and no display', () => {
    for (const kind of machineKinds) {
      const line = machineArguments(optionsOf(kind, version10)).join(' ');
      assert.doesNotMatch(line, /-net|-nic|-drive|-blockdev|-hda|-vga|-vnc|-spice|-usb|-virtfs/);
      assert.match(line, /^-nodefaults -no-user-config /);
    }
  });
});

interface QemuObject {
  readonly type: string;
  readonly properties: readonly string[];
}

function objectsOf(args: readonly string[]): QemuObject[] {
  return args.flatMap((arg, index) => {
    if (args[index - 1] !== '-object') return [];
    if (arg.startsWith('{')) {
      const { 'qom-type': type, ...rest } = JSON.parse(arg) as Record<string, unknown>;
      return [{ type: String(type), properties: Object.keys(rest).filter((name) => name !== 'id') }];
    }
    const [type = '', ...rest] = arg.split(',');
    const properties = rest.map((part) => part.slice(0, part.indexOf('='))).filter((name) => name !== 'id');
    return [{ type, properties }];
  });
}

const qemus = ['qemu-system-x86_64', ...(process.env['ENARX_OTHER_QEMU'] ?? '').split(':')]
  .map((name) => (name.startsWith('/') ? name : name === '' ? undefined : findTool(name)))
  .filter((path) => path !== undefined);
const withoutQemu = qemus.length === 0 ? { skip: 'QEMU is not installed' } : {};

suite('what the installed QEMU makes of it', withoutQemu, () => {
  for (const qemu of qemus) {
    const says = (args: readonly string[]): string => {
      const { stdout, stderr } = spawnSync(qemu, args, { encoding: 'utf8', timeout: 20_000 });
      return `${stdout}${stderr}`;
    };
    const [, major, minor] = /version (\d+)\.(\d+)/.exec(says(['--version'])) ?? [];
    const version: QemuVersion = { major: Number(major), minor: Number(minor) };
    const name = `QEMU ${String(major)}.${String(minor)}`;

    /** Everything that a command line says of objects, on a machine of nothing, up to a device that does not exist. */
    const objectsAlone = (objects: readonly string[]): string =>
      says([
        ...['-nodefaults', '-nographic', '-S', '-machine', 'none'],
        ...objects.flatMap((object) => ['-object', object]),
        ...['-device', 'enarx-no-such-device'],
      ]);
    const objectTexts = (kind: MachineKind): string[] => {
      const args = machineArguments(optionsOf(kind, version));
      return args.filter((_arg, index) => args[index - 1] === '-object');
    };
    const objects = says(['-object', 'help']);
    const confidential = ['sev', 'sev-es', 'snp', 'tdx'] as const;
    const typeOf = (kind: MachineKind): string =>
      objectsOf(machineArguments(optionsOf(kind, version))).at(-1)?.type ?? '';
    const known = confidential.filter((kind) => objects.includes(`  ${typeOf(kind)}\n`));

    for (const kind of confidential.filter((each) => !known.includes(each))) {
      test(`${name}, which is too old for ${kind}, says that it knows no such object`, () => {
        assert.match(
          objectsAlone(objectTexts(kind)),
          new RegExp(`'qom-type' does not accept value '${typeOf(kind)}'`),
        );
      });
    }

    for (const kind of known) {
      test(`${name} makes the objects of ${kind} with all their properties`, () => {
        const texts = objectTexts(kind);
        assert.match(objectsAlone(texts), /enarx-no-such-device/);
        const [right, wrong] = kind === 'tdx' ? ['sept-ve', 'sept-vx'] : ['cbitpos', 'cbitpoz'];
        const misspelt = texts.map((object) => object.replace(right, wrong));
        assert.match(
          objectsAlone(misspelt),
          new RegExp(wrong),
          'a property that it does not know is told of',
        );
      });
    }

    test(`${name} knows the machine, every device and every processor`, () => {
      const args = machineArguments(optionsOf('vm', version)).filter(
        (arg) => !/^-kernel|^-initrd|^-append/.test(arg),
      );
      const directory = mkdtempSync(join(tmpdir(), 'enarx-machine-'));
      try {
        const here = args
          .filter((arg) => !arg.startsWith('/image/') && arg !== 'quiet -- /x')
          .map((arg) => arg.replace('path=/keep/', `path=${directory}/`));
        assert.match(says([...here, '-device', 'enarx-no-such-device']), /enarx-no-such-device/);
      } finally {
        rmSync(directory, { recursive: true });
      }
      // A QEMU that knows no SEV-SNP need not know the processor that we ask for with it.
      const older = !says(['-object', 'help']).includes('sev-snp-guest');
      for (const kind of machineKinds.filter((each) => !older || each !== 'snp')) {
        const machine = machineArguments(optionsOf(kind, version));
        const model = (machine[machine.indexOf('-cpu') + 1] ?? '').split(',')[0];
        assert.match(says(['-accel', 'kvm', '-cpu', 'help']), new RegExp(`\\b${String(model)}\\b`));
      }
    });

    for (const kind of known) {
      test(`${name} reads the whole command line of ${kind} and ends at what is not here`, () => {
        const args = machineArguments(optionsOf(kind, version));
        const answer = says(
          args.map((arg) => arg.replace('path=/keep/', 'path=/tmp/enarx-no-such-directory/')),
        );
        assert.doesNotMatch(
          answer,
          /Property|Invalid parameter|invalid option|Parameter '|not found|unknown/i,
          answer,
        );
      });
    }
  }
});
