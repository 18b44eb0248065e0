/** systemd-boot on a virtio disk, which starts the unified kernel image that it finds there: by EDK2 and by U-Boot. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { bytesOf, loadKernelFile } from "../../src/index.js";
import { fatDisk, memoryDisk } from "./disks.js";
import { type Dialogue, firmwareImage, runFirmware } from "./firmware.js";
import { initScript } from "./guest.js";
import { packageFiles } from "./packages.js";

/** A copy of the stub with sections behind those it has: the Unified Kernel Image of the UAPI group. */
function unifiedImage(stub: Uint8Array, sections: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "uki-"));
  try {
    const file = (name: string): string => join(directory, name);
    writeFileSync(file("stub"), stub);
    const options: string[] = [];
    let address = 0x10_0000;
    for (const [name, content] of Object.entries(sections)) {
      writeFileSync(file(name), content);
      options.push("--add-section", `.${name}=${file(name)}`, "--change-section-vma", `.${name}=${address}`);
      address = (address + content.length + 0xffff) & ~0xffff;
    }
    execFileSync("aarch64-linux-gnu-objcopy", [...options, file("stub"), file("image")]);
    return readFileSync(file("image"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** U-Boot looks into partitions alone by itself. */
const BY_HAND: Dialogue = [
  ["stop autoboot", "\r"],
  ["=> ", "virtio scan; load virtio 0 $kernel_addr_r efi/boot/bootaa64.efi; bootefi $kernel_addr_r $fdtcontroladdr\r"],
];

let disk: Buffer;
beforeAll(async () => {
  const { kernel, busybox } = await fetchDebian();
  const systemd = await packageFiles(["systemd-boot-efi"], ["systemd-bootaa64.efi", "linuxaa64.efi.stub"]);
  const init = initScript("echo EFI $(ls -d /sys/firmware/efi); echo started by $(cat /proc/cmdline)");
  disk = fatDisk({
    "EFI/BOOT/BOOTAA64.EFI": systemd["systemd-bootaa64.efi"]!,
    "EFI/LINUX/UNIFIED.EFI": unifiedImage(systemd["linuxaa64.efi.stub"]!, {
      osrel: 'ID=trapframe\nVERSION_ID=1\nPRETTY_NAME="Unified"\n',
      cmdline: "console=ttyAMA0 panic=-1 unified",
      initrd: buildInitramfs({ busybox: readFileSync(busybox), init }),
      linux: bytesOf(loadKernelFile(kernel).segments[0]!.bytes),
    }),
  });
});

it.each([
  ["edk2", []],
  ["u-boot", BY_HAND],
] as const)("%s starts systemd-boot, and that Linux with its stub", async (name, dialogue) => {
  const { console, machine } = await runFirmware({
    flash: [await firmwareImage(name)],
    drives: [memoryDisk(Buffer.from(disk))],
    cpus: 2,
    dialogue,
    limit: 60,
  });
  expect(console).toContain("EFI /sys/firmware/efi");
  expect(console).toContain("started by console=ttyAMA0 panic=-1 unified");
  expect(machine.ended).toEqual({ reason: "system-off" });
});
