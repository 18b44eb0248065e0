/** The KVM guest at length: on QEMU, on more CPUs, under a newer kernel, interpreted, and the same every time. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { bootLinux, type GuestOptions, initScript } from "./guest.js";
import { buildKvmGuest, expectedKvmLines, KVM_COMMANDS, kvmLines } from "./kvm.js";
import { runQemu } from "./qemu.js";

let program: Uint8Array;
beforeAll(() => {
  program = buildKvmGuest();
});

const options = (changes: Partial<GuestOptions>): GuestOptions => ({
  el2: "guest",
  append: "quiet",
  commands: KVM_COMMANDS,
  files: { "kvm-guest": program },
  ...changes,
});

it.each(["cortex-a72", "max"])("what is expected of it is what QEMU's %s has it print", async (cpu) => {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-kvm-"));
  try {
    const { kernel, busybox } = await fetchDebian();
    const initrd = join(directory, "initrd");
    const files = { "kvm-guest": program };
    writeFileSync(initrd, buildInitramfs({ busybox: readFileSync(busybox), init: initScript(KVM_COMMANDS), files }));
    const theirs = await runQemu([
      ...["-M", "virt,gic-version=3,virtualization=on", "-cpu", cpu, "-m", "512M", "-nographic", "-nic", "none"],
      ...["-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyAMA0 panic=-1 quiet"],
    ]);
    expect(kvmLines(theirs)).toEqual(expectedKvmLines());
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it.each([
  ["cortex-a72", 4],
  ["max", 4],
])("runs on %s with %i vCPUs", async (cpu, cpus) => {
  const { console } = await bootLinux(options({ cpu, cpus }));
  expect(kvmLines(console)).toEqual(expectedKvmLines());
});

it("is the same run compiled and interpreted", async () => {
  const first = await bootLinux(options({ cpus: 2 }));
  const second = await bootLinux(options({ cpus: 2, engine: "interpreter" }));
  expect(second.console).toBe(first.console);
  expect(second.machine.stateHash()).toBe(first.machine.stateHash());
});

it.each(["cortex-a72", "max"])("runs under Linux 6.12 on %s", async (cpu) => {
  const { console } = await bootLinux(options({ cpu, kernel: { series: "6.12" } }));
  // A newer KVM has a newer PSCI and another way with some of the errors; the guest's end is the same.
  const lines = kvmLines(console);
  expect(lines).toContain("its own SPI: 0x28");
  expect(lines).toContain("watched: 0x1106");
  expect(lines.slice(-2)).toEqual(["kvm: system event 1", "status 0"]);
});

it("runs under a host with pages of 16 KiB", async () => {
  const { console } = await bootLinux(options({ cpus: 2, kernel: { series: "6.12", pages: "16k" } }));
  const lines = kvmLines(console);
  // The first two of the pages that were written are one.
  expect(lines).toContain("kvm: dirty pages 0x3");
  expect(lines).toContain("watched: 0x1106");
  expect(lines.slice(-2)).toEqual(["kvm: system event 1", "status 0"]);
});

it("runs six times at once on four vCPUs", async () => {
  const { console } = await bootLinux(
    options({
      cpus: 4,
      commands: `
for i in 1 2 3 4 5 6; do (/kvm-guest > /tmp/$i 2>&1; echo status $? >> /tmp/$i) & done; wait
for i in 1 2 3 4 5 6; do echo BEGIN; cat /tmp/$i; echo END; done`,
    }),
  );
  const runs = console.replaceAll("\r", "").split("BEGIN\n").slice(1);
  expect(runs.map((run) => run.slice(0, run.indexOf("\nEND")).split("\n"))).toEqual(
    Array.from({ length: 6 }, () => expectedKvmLines()),
  );
});
