/** A KVM guest of our own inside Debian's kernel, which owns EL2: what it prints is what it prints on QEMU. */
import { beforeAll, expect, it } from "vitest";
import { bootLinux } from "./guest.js";
import { buildKvmGuest, expectedKvmLines, KVM_COMMANDS, kvmLines } from "./kvm.js";

let program: Uint8Array;
beforeAll(() => {
  program = buildKvmGuest();
});

it.each([
  ["Hyp", "cortex-a72", 2],
  ["VHE", "max", 1],
])("runs under KVM in %s mode on %s, %i vCPUs", async (mode, cpu, cpus) => {
  const { console, exit } = await bootLinux({
    el2: "guest",
    cpu,
    cpus,
    append: "quiet",
    commands: KVM_COMMANDS,
    files: { "kvm-guest": program },
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toContain(`${mode} mode initialized successfully`);
  expect(kvmLines(console)).toEqual(expectedKvmLines());
});
