// SPDX-License-Identifier: Apache-2.0

/** Files of an image directory. */
export const imageFiles = {
  kernel: 'vmlinuz',
  initrd: 'initrd.cpio',
  firmware: 'firmware.fd',
  tdxFirmware: 'firmware-tdx.fd',
  manifest: 'image.json',
  bom: 'image.cdx.json',
} as const;
