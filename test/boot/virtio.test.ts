/**
 * Debian's own drivers on our PCIe and virtio devices: disks, interrupts by MSI-X through the ITS, entropy, consoles.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkMachineDescription, type MachineDescription } from "../../src/machine/description.js";
import { memoryDisk, pattern } from "./disks.js";
import { bootLinux } from "./guest.js";

const MIB = 2 ** 20;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function machineFile(change: (machine: { console: string; devices: Record<string, unknown>[] }) => void) {
  const json = JSON.parse(readFileSync(new URL("../../machines/virt.json", import.meta.url), "utf8"));
  change(json);
  return checkMachineDescription(json, "changed virt");
}

const COMMANDS = `
cat /sys/bus/pci/devices/0000:00:02.0/vendor /sys/bus/pci/devices/0000:00:02.0/device
sha256sum /dev/vda
dd if=/dev/zero of=/dev/vdb bs=4k seek=3 count=5 conv=fsync
echo trapframe | dd of=/dev/vdb conv=fsync
dd if=/dev/zero of=/dev/vda count=1 || echo the first disk cannot be written
head -c 48 /dev/hwrng | od -An -tx1
cat /sys/class/misc/hw_random/rng_current
cat /proc/interrupts`;

/** The line of /proc/interrupts about something, its counts added up. */
function interrupts(console: string, name: string): { count: number; chip: string } {
  const line = console.split("\n").find((candidate) => candidate.trimEnd().endsWith(` ${name}`));
  const words = line?.trim().split(/\s+/) ?? [];
  const counts = words.slice(1).filter((word) => /^\d+$/.test(word));
  return {
    count: counts.slice(0, -1).reduce((sum, word) => sum + Number(word), 0),
    chip: words.slice(counts.length).join(" "),
  };
}

describe("virtio over PCIe", () => {
  it.each([
    { cpus: 1, el2: "hosted" },
    { cpus: 4, el2: "hosted" },
    { cpus: 4, el2: "guest" },
  ] as const)("disks by MSI-X and the ITS, $cpus vCPUs, EL2 $el2", async ({ cpus, el2 }) => {
    const run = async (engine: "interpreter" | "compile") => {
      const disks = [memoryDisk(pattern(MIB), true), memoryDisk(pattern(MIB))] as const;
      return { disks, ...(await bootLinux({ cpus, el2, engine, virtio: true, drives: disks, commands: COMMANDS })) };
    };
    const { console, disks, machine } = await run("compile");
    expect(console).toContain("0x1af4\n0x1042".replace("\n", "\r\n"));
    expect(console).toContain(`${sha256(disks[0].bytes)}  /dev/vda`);
    expect(console).toContain("the first disk cannot be written");
    expect(disks[1].bytes.subarray(0, 10).toString()).toBe("trapframe\n");
    expect(disks[1].bytes.subarray(0x3000, 0x8000).every((byte) => byte === 0)).toBe(true);
    expect(disks[1].bytes.readUInt32LE(0x8000)).not.toBe(0);
    expect(console).toContain("virtio_rng.0");
    const disk = interrupts(console, "virtio1-req.0");
    expect(disk.chip).toContain("ITS-MSI");
    expect(disk.count).toBeGreaterThan(3);

    if (el2 === "guest") return;
    const again = await run("interpreter");
    expect(again.console).toBe(console);
    expect(again.machine.stateHash()).toBe(machine.stateHash());
  });

  it("disks by INTx where the kernel takes no messages", async () => {
    const disk = memoryDisk(pattern(MIB));
    const { console } = await bootLinux({
      virtio: true,
      drives: [disk],
      append: "pci=nomsi",
      commands: "sha256sum /dev/vda; cat /proc/interrupts",
    });
    expect(console).toContain(`${sha256(disk.bytes)}  /dev/vda`);
    expect(console).not.toContain("ITS-MSI");
    expect(interrupts(console, "virtio1").chip).toMatch(/GICv3 37 Level/);
  });
});

describe("virtio over MMIO", () => {
  const description: MachineDescription = machineFile((machine) => {
    machine.devices = machine.devices.filter(({ type }) => type !== "pcie" && type !== "virtio-rng");
    machine.devices.push({ type: "virtio-console", name: "hvc", bus: "virtio-mmio", slot: 4 });
    machine.console = "hvc";
  });

  it("disks in the highest slot, and the console in the slot that the machine file names", async () => {
    const disk = memoryDisk(pattern(MIB));
    const { console } = await bootLinux({
      virtio: true,
      description,
      drives: [disk],
      cpus: 2,
      commands: "exec > /dev/hvc0; sha256sum /dev/vda; ls -l /sys/block/vda; cat /proc/interrupts",
    });
    expect(console).toContain(`${sha256(disk.bytes)}  /dev/vda`);
    expect(console).toContain("a003e00.virtio_mmio");
    expect(interrupts(console, "virtio1").chip).toMatch(/GICv3 79 Edge/);
  });
});
