/**
 * Debian's Trusted Firmware-A, built for the virt board, owns EL3: BL1 in flash, BL2 at Secure EL1, BL31 with U-Boot at
 * EL2, and Linux on two CPUs that it starts and switches off.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../src/guests/cache.js";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { loadKernelFile } from "../../src/index.js";
import type { FlashImage } from "../../src/machine/boot.js";
import { runFirmware } from "./firmware.js";
import { BOOT_LINUX, PROMPT, STOP_AUTOBOOT } from "./u-boot.js";

describe("TF-A", () => {
  const directory = join(cacheDirectory(), "tf-a");
  const built = (name: string): FlashImage => ({ name, bytes: readFileSync(join(directory, name)) });
  let image: FlashImage;
  beforeAll(async () => {
    if (!["flash.bin", "bl33.bin"].every((name) => existsSync(join(directory, name)))) {
      execFileSync("scripts/build-tf-a", [directory, await fetchFirmware("u-boot")], { stdio: "pipe" });
    }
    image = built("flash.bin");
  }, 300_000);

  it("comes up in Secure memory, hands over to U-Boot at EL2, and switches the machine off by the Secure GPIO", async () => {
    const { console, machine } = await runFirmware({
      flash: [image],
      el2: "guest",
      el3: "guest",
      dialogue: [STOP_AUTOBOOT, [PROMPT, "fdt addr 40000000; fdt print /psci method\r"], [PROMPT, "poweroff\r"]],
    });
    expect(console).toMatch(/BL1: RAM 0xe[0-9a-f]{6} - 0xe[0-9a-f]{6}/);
    expect(console).toMatch(/NOTICE: {2}BL31: v2\.\d+/);
    expect(console).toContain("GICv3 without legacy support detected.");
    expect(console).toContain("SPSR = 0x3c9");
    expect(console).toContain("DRAM:  1 GiB");
    expect(console).toContain("QEMU System Power off: with GPIO.");
    expect(machine.ended).toEqual({ reason: "system-off" });
  });

  it("finds its images by semihosting where flash has none", async () => {
    const { console, machine } = await runFirmware({
      flash: [built("bl1.bin")],
      el2: "guest",
      el3: "guest",
      semihosting: { commandLine: "", directory },
      dialogue: [STOP_AUTOBOOT, [PROMPT, "poweroff\r"]],
    });
    expect(console).toMatch(/NOTICE: {2}BL31: v2\.\d+/);
    expect(console).toContain("DRAM:  1 GiB");
    expect(machine.ended).toEqual({ reason: "system-off" });
  });

  it("starts the second CPU for Linux, and switches both off", async () => {
    const guest = await fetchDebian();
    const init = [
      "#!/bin/busybox sh",
      "/bin/busybox mount -t proc proc /proc",
      "/bin/busybox echo CPUs: $(/bin/busybox grep -c processor /proc/cpuinfo)",
      "/bin/busybox poweroff -f",
      "",
    ].join("\n");
    const { console, machine } = await runFirmware({
      flash: [image],
      el2: "guest",
      el3: "guest",
      cpus: 2,
      kernel: loadKernelFile(guest.kernel),
      initrd: buildInitramfs({ busybox: readFileSync(guest.busybox), init }),
      dialogue: BOOT_LINUX,
    });
    expect(console).toContain("CPUs: 2");
    expect(console).toContain("CPU1: Booted secondary processor");
    expect(console).toContain("mode initialized successfully");
    expect(machine.ended).toEqual({ reason: "system-off" });
  });
});
