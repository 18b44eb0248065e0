/**
 * A disk with an EFI system partition's files, as a distribution has it: shim, GRUB and Linux, by EDK2 and by U-Boot.
 */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { bytesOf, loadKernelFile } from "../../src/index.js";
import { fatDisk, memoryDisk } from "./disks.js";
import { type Dialogue, firmwareImage, runFirmware } from "./firmware.js";
import { initScript } from "./guest.js";
import { packageFiles } from "./packages.js";

const CONFIGURATION = `
set timeout=1
echo "GRUB on $grub_cpu-$grub_platform has its configuration"
linux ($root)/IMAGE console=ttyAMA0 panic=-1
initrd ($root)/INITRD
boot
`;

let disk: Buffer;
beforeAll(async () => {
  const { kernel, busybox } = await fetchDebian();
  const programs = await packageFiles(
    ["shim-signed", "grub-efi-arm64-signed"],
    ["shimaa64.efi.signed", "grubaa64.efi.signed"],
  );
  const init = initScript("echo EFI $(ls -d /sys/firmware/efi); echo started by $(cat /proc/cmdline)");
  disk = fatDisk({
    "EFI/BOOT/BOOTAA64.EFI": programs["shimaa64.efi.signed"]!,
    "EFI/BOOT/GRUBAA64.EFI": programs["grubaa64.efi.signed"]!,
    "EFI/DEBIAN/GRUB.CFG": CONFIGURATION,
    IMAGE: bytesOf(loadKernelFile(kernel).segments[0]!.bytes),
    INITRD: buildInitramfs({ busybox: readFileSync(busybox), init }),
  });
});

const STARTED = ["GRUB on arm64-efi has its configuration", "\r"] as const;
/** U-Boot looks into partitions alone by itself. */
const BY_HAND: Dialogue = [
  ["stop autoboot", "\r"],
  ["=> ", "virtio scan; load virtio 0 $kernel_addr_r efi/boot/bootaa64.efi; bootefi $kernel_addr_r $fdtcontroladdr\r"],
];

it.each([
  ["edk2", []],
  ["u-boot", BY_HAND],
] as const)("%s starts shim from a virtio disk, that GRUB, and GRUB Linux", async (name, dialogue) => {
  const { console, machine } = await runFirmware({
    flash: [await firmwareImage(name)],
    drives: [memoryDisk(Buffer.from(disk))],
    cpus: 2,
    dialogue: [...dialogue, STARTED],
    limit: 60,
  });
  expect(console).toContain("EFI /sys/firmware/efi");
  expect(console).toMatch(/started by BOOT_IMAGE=\S*\/IMAGE console=ttyAMA0/);
  expect(machine.ended).toEqual({ reason: "system-off" });
});
