/** Xen and its dom0 at length: CPUs and models, the same run every time, and what QEMU's machine makes them print. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runMachine } from "./guest.js";
import { DOM0_INITRD, DOM0_KERNEL, XEN_APPEND, xenConfig, xenFiles } from "./xen.js";

const COMMANDS = `
cat /sys/hypervisor/type
echo online: $(cat /sys/devices/system/cpu/online)
cat /proc/iomem | grep RAM
for i in 1 2 3; do (head -c 500000 /dev/urandom | gzip -c | gunzip -c | wc -c) & done; wait
sleep 1; echo slept`;

it.each([
  ["cortex-a72", 1],
  ["cortex-a72", 2],
  ["max", 1],
  ["max", 4],
])("brings dom0 up on %s, %i vCPUs, and powers off", async (cpu, cpus) => {
  const { console, exit } = await runMachine({ ...(await xenConfig({ commands: COMMANDS })), cpu, cpus });
  expect(exit.reason).toBe("system-off");
  expect(console).toContain(`(XEN) Brought up ${cpus} CPUs`);
  expect(console).toContain(cpus === 1 ? "online: 0" : `online: 0-${cpus - 1}`);
  expect(console.match(/^500000\r?$/gm)).toHaveLength(3);
  expect(console).toContain("slept");
});

it("is the same run twice, compiled or interpreted", async () => {
  const config = { ...(await xenConfig({ commands: "cat /proc/interrupts" })), cpus: 2 };
  const first = await runMachine(config);
  const second = await runMachine({ ...config, engine: "interpreter" });
  expect(second.console).toBe(first.console);
  expect(second.machine.stateHash()).toBe(first.machine.stateHash());
});

it("restarts the machine when dom0 reboots", async () => {
  const { exit } = await runMachine(await xenConfig({ commands: "reboot -f" }));
  expect(exit.reason).toBe("system-reset");
});

/** Lines of Xen that are about the CPU or firmware it is on, or about how long something took. */
const DIFFERENT = new RegExp(
  [
    "32-bit Execution|Processor Features:|Debug Features:|Auxiliary Features:|Memory Model Features:|ISA Features:",
    "Instruction Sets:|Extensions: GenericTimer|\\(XEN\\)\\s+[0-9a-f]{16}( [0-9a-f]{16})*$|Exception Levels:",
    "SMC Calling|no enable method|init failed|Guest atomics|WORKAROUND_1|update your firmware|\\*{4}$",
    // QEMU 7.2 has one row of SPIs less in GICD_TYPER than its machine has.
    "GICv3: \\d+ lines|ICACTIVER32",
    "d0 DTB|Found redistributor in region|CPU type|synced|Scrubbing",
  ].join("|"),
);

function comparable(console: string): string[] {
  const lines = console.replaceAll("\r", "").split("\n");
  const xen = lines.filter((line) => line.startsWith("(XEN)") && !DIFFERENT.test(line));
  // dom0's own words, without the kernel's.
  const dom0 = lines.filter((line) => /^(xen|online:.*|500000|slept|[0-9a-f]+-[0-9a-f]+ : System RAM)$/.test(line));
  return [...xen, ...dom0];
}

it("has Xen and dom0 say what they say on QEMU", async () => {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-xen-"));
  try {
    const { xen, kernel, initrd } = await xenFiles({ commands: COMMANDS });
    const initrdFile = join(directory, "initrd");
    writeFileSync(initrdFile, initrd);
    const { stdout } = spawnSync(
      "qemu-system-aarch64",
      [
        ...["-M", "virt,gic-version=3,virtualization=on", "-cpu", "cortex-a72", "-smp", "1", "-m", "1G"],
        ...["-nographic", "-nic", "none", "-kernel", xen, "-append", XEN_APPEND],
        "-device",
        `guest-loader,addr=${DOM0_KERNEL.address},kernel=${kernel},bootargs=${DOM0_KERNEL.append}`,
        ...["-device", `guest-loader,addr=${DOM0_INITRD},initrd=${initrdFile}`],
      ],
      { encoding: "latin1", timeout: 300_000, maxBuffer: 1 << 26, input: "" },
    );
    const { console } = await runMachine(await xenConfig({ commands: COMMANDS }));
    const theirs = comparable(stdout);
    expect(theirs.length).toBeGreaterThan(40);
    expect(theirs).toContain("slept");
    expect(comparable(console)).toEqual(theirs);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
