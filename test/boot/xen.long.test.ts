/** Xen and its dom0 at length: CPUs and models, the same run every time, and what QEMU's machine makes them print. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { descriptionFor, loadMachineDescription } from "../../src/machine/description.js";
import { writeFdt } from "../../src/machine/device-tree/fdt.js";
import { generateDeviceTree } from "../../src/machine/device-tree/generate.js";
import { cells, EMPTY, strings } from "../../src/machine/device-tree/tree.js";
import { addModuleNodes } from "../../src/machine/loaders/modules.js";
import { initScript, runMachine } from "./guest.js";
import { runQemu } from "./qemu.js";
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

it("starts a second domain by itself, told of by a device tree of ours (dom0less)", async () => {
  const config = await xenConfig({ commands: "sleep 8; echo dom0 is up" });
  const domU = { kernel: 0x5200_0000, initrd: 0x5500_0000 };
  const { busybox } = await fetchDebian();
  const init = initScript("grep -c processor /proc/cpuinfo; echo domU is up");
  const initrd = buildInitramfs({ busybox: readFileSync(busybox), init });
  const [dom0Kernel] = config.modules!;
  const tree = generateDeviceTree({
    description: descriptionFor(loadMachineDescription("virt"), "hosted"),
    ...{ cpu: "cortex-a72", cpus: 2, memory: config.memory!, psci: "smc", virtualization: true },
  });
  // docs/features/dom0less.pandoc: memory in KiB.
  const chosen = tree.child("chosen")!;
  chosen.set("#address-cells", cells(2)).set("#size-cells", cells(2));
  const node = chosen.add("domU1").set("compatible", strings("xen,domain"));
  node.set("#address-cells", cells(2)).set("#size-cells", cells(2)).set("vpl011", EMPTY);
  node.set("cpus", cells(2)).set("memory", cells(0, 128 * 1024));
  addModuleNodes(node, [
    { name: "kernel", kind: "kernel", bytes: dom0Kernel!.bytes, address: domU.kernel, append: "console=ttyAMA0 quiet" },
    { name: "initrd", kind: "ramdisk", bytes: initrd, address: domU.initrd },
  ]);
  const { console, exit } = await runMachine({
    ...config,
    cpus: 2,
    append: "dom0_mem=512M console=dtuart",
    dtb: writeFdt(tree),
    modules: [
      ...config.modules!,
      { name: "domU's kernel", kind: "bytes", bytes: dom0Kernel!.bytes, address: domU.kernel },
      { name: "domU's initrd", kind: "bytes", bytes: initrd, address: domU.initrd },
    ],
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toMatch(/DOM1: 2\s/);
  expect(console).toContain("DOM1: domU is up");
  expect(console).toContain("dom0 is up");
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
    const theirConsole = await runQemu([
      ...["-M", "virt,gic-version=3,virtualization=on", "-cpu", "cortex-a72", "-smp", "1", "-m", "1G"],
      ...["-nographic", "-nic", "none", "-kernel", xen, "-append", XEN_APPEND],
      "-device",
      `guest-loader,addr=${DOM0_KERNEL.address},kernel=${kernel},bootargs=${DOM0_KERNEL.append}`,
      ...["-device", `guest-loader,addr=${DOM0_INITRD},initrd=${initrdFile}`],
    ]);
    const { console } = await runMachine(await xenConfig({ commands: COMMANDS }));
    const theirs = comparable(theirConsole);
    expect(theirs.length).toBeGreaterThan(40);
    expect(theirs).toContain("slept");
    expect(comparable(console)).toEqual(theirs);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
