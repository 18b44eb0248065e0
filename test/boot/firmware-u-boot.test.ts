/** Debian's U-Boot from flash: to its prompt at every level, its view of the board, and Linux started by booti. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { loadKernelFile } from "../../src/index.js";
import type { FlashImage } from "../../src/machine/boot.js";
import { firmwareImage, runFirmware } from "./firmware.js";
import { BOOT_LINUX, PROMPT, STOP_AUTOBOOT } from "./u-boot.js";

describe("U-Boot", () => {
  let image: FlashImage;
  beforeAll(async () => {
    image = await firmwareImage("u-boot");
  });

  it.each([
    ["hosted", "hosted", 1],
    ["guest", "hosted", 2],
    ["guest", "guest", 3],
  ] as const)("comes to its prompt with el2 %s and el3 %s, at EL%s", async (el2, el3, level) => {
    const { console, machine } = await runFirmware({
      flash: [image],
      el2,
      el3,
      dialogue: [STOP_AUTOBOOT, [PROMPT, ""]],
    });
    expect(console).toContain("DRAM:  1 GiB");
    expect(machine.cores[0]?.vcpu.el).toBe(level);
  });

  it("sees flash, device tree and clock; erases and programs the second bank", async () => {
    const { answers } = await runFirmware({
      flash: [image],
      dialogue: [
        STOP_AUTOBOOT,
        [PROMPT, "flinfo 2\r"],
        [PROMPT, "protect off all; erase 04040000 0407ffff\r"],
        [PROMPT, "mw.l 42000000 12345678 10; cp.b 42000000 04040010 20; md.l 04040000 10\r"],
        [PROMPT, "fdt addr 40000000; fdt print /psci method; date\r"],
        [PROMPT, ""],
      ],
    });
    // It takes the pair of chips for one; on QEMU's board it says the same.
    expect(answers[2]).toContain("CFI conformant flash (16 x 16)  Size: 32 MB in 256 Sectors");
    expect(answers[2]).toContain("Intel Extended command set, Manufacturer ID: 0x89, Device ID: 0x0018");
    expect(answers[3]).toContain("Erased 2 sectors");
    expect(answers[4]).toContain("04040000: ffffffff ffffffff ffffffff ffffffff");
    expect(answers[4]).toContain("04040010: 12345678 12345678 12345678 12345678");
    expect(answers[4]).toContain("04040030: ffffffff");
    expect(answers[5]).toContain('method = "hvc"');
    expect(answers[5]).toContain("Date: 2024-01-01");
  });

  it("starts over at the guest's reset, with what is in flash still there", async () => {
    const { answers } = await runFirmware({
      flash: [image],
      noReboot: false,
      dialogue: [
        STOP_AUTOBOOT,
        [PROMPT, "protect off 04040000 +20000; erase 04040000 0405ffff\r"],
        [PROMPT, "mw.l 42000000 cafe0001 1; cp.b 42000000 04040000 4; reset\r"],
        STOP_AUTOBOOT,
        [PROMPT, "md.l 04040000 1\r"],
        [PROMPT, ""],
      ],
    });
    expect(answers[3]).toContain("U-Boot 20");
    expect(answers[5]).toContain("04040000: cafe0001");
  });

  it("is the same run twice", async () => {
    const run = () => runFirmware({ flash: [image], dialogue: [STOP_AUTOBOOT, [PROMPT, "bdinfo; poweroff\r"]] });
    const [first, second] = [await run(), await run()];
    expect(first.machine.ended).toEqual({ reason: "system-off" });
    expect(second.console).toBe(first.console);
    expect(second.machine.stateHash()).toBe(first.machine.stateHash());
  });

  it("loads kernel and initrd from fw_cfg and boots Linux with booti", async () => {
    const guest = await fetchDebian();
    const init = "#!/bin/busybox sh\n/bin/busybox echo this is userspace\n/bin/busybox poweroff -f\n";
    const { console, machine } = await runFirmware({
      flash: [image],
      kernel: loadKernelFile(guest.kernel),
      initrd: buildInitramfs({ busybox: readFileSync(guest.busybox), init }),
      dialogue: BOOT_LINUX,
    });
    expect(console).toContain("this is userspace");
    expect(machine.ended).toEqual({ reason: "system-off" });
  });
});
