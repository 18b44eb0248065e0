/** Debian's EDK2 (UEFI) from flash: to the shell, Linux by its EFI stub, and variables that outlive the machine. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { loadKernelFile } from "../../src/index.js";
import { firmwareImage, runFirmware } from "./firmware.js";

const SHELL = /Shell> /;
const STARTUP = ["in 5 seconds to skip", "\x1b"] as const;

describe("EDK2", () => {
  it("comes to the UEFI shell, keeps a variable in the second flash bank and finds it after power-off", async () => {
    const code = await firmwareImage("edk2-code");
    const variables = await firmwareImage("edk2-variables");
    const kept = Uint8Array.from(variables.bytes);
    const bank = { name: "variables", bytes: kept, write: (at: number, bytes: Uint8Array) => kept.set(bytes, at) };
    const first = await runFirmware({
      flash: [code, bank],
      dialogue: [STARTUP, [SHELL, "set greeting hello-from-flash\r"], [SHELL, "reset -s\r"]],
    });
    expect(first.machine.ended).toEqual({ reason: "system-off" });
    expect(Buffer.from(kept).equals(Buffer.from(variables.bytes))).toBe(false);

    const second = await runFirmware({
      flash: [code, { name: "variables", bytes: kept }],
      el2: "guest",
      dialogue: [STARTUP, [SHELL, "set greeting\r"], [SHELL, "reset -s\r"]],
    });
    expect(second.answers[2]).toContain("hello-from-flash");
    expect(second.machine.ended).toEqual({ reason: "system-off" });
  });

  it("starts Linux from fw_cfg by its EFI stub", async () => {
    const guest = await fetchDebian();
    const init = "#!/bin/busybox sh\n/bin/busybox echo this is userspace\n/bin/busybox poweroff -f\n";
    const { console, machine } = await runFirmware({
      flash: [await firmwareImage("edk2")],
      kernel: loadKernelFile(guest.kernel),
      initrd: buildInitramfs({ busybox: readFileSync(guest.busybox), init }),
      append: "console=ttyAMA0",
      dialogue: [],
    });
    expect(console).toContain("EFI stub: Booting Linux Kernel");
    expect(console).toContain("this is userspace");
    expect(machine.ended).toEqual({ reason: "system-off" });
  });
});
