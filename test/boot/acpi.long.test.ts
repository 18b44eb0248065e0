/**
 * ACPI as Linux sees it behind EDK2, on ours and on QEMU: the same kernel and /init print the tables and the devices
 * that came of them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { fetchKernelModules } from "../../src/guests/kernel-modules.js";
import { loadKernelFile } from "../../src/index.js";
import { disassemble } from "../machine/acpi/iasl.js";
import { initScript, type RunOptions, runMachine } from "./guest.js";
import { runQemu } from "./qemu.js";

const APPEND = "console=ttyAMA0 quiet acpi=force";
const COMMANDS = `
for table in /sys/firmware/acpi/tables/*; do [ -f $table ] && echo "table \${table##*/}" && base64 $table; done
echo devices; ls -1 /sys/bus/acpi/devices /sys/bus/pci/devices; echo end
dmesg | grep -o -e 'SMBIOS 3.*' -e 'psci: .*conduit.*' -e 'ITS .*allocated.*Devices'
cat /sys/class/dmi/id/sys_vendor`;

let directory: string;
let initrd: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-acpi-"));
  const { busybox } = await fetchDebian();
  initrd = join(directory, "initrd");
  writeFileSync(initrd, buildInitramfs({ busybox: readFileSync(busybox), init: initScript(COMMANDS) }));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function onOurs(options: RunOptions): Promise<string> {
  const { kernel } = await fetchDebian();
  const { console, exit } = await runMachine({
    flash: [{ name: "EDK2", bytes: readFileSync(await fetchFirmware("edk2")) }],
    memory: 1 << 30,
    kernel: loadKernelFile(kernel),
    initrd: readFileSync(initrd),
    append: APPEND,
    ...options,
  });
  expect(exit.reason).toBe("system-off");
  return console;
}

async function onQemu(board: string, cpu: string, cpus: number): Promise<string> {
  const { kernel } = await fetchDebian();
  const args = ["-M", board, "-cpu", cpu, "-smp", String(cpus), "-m", "1G", "-nic", "none", "-nographic", "-no-reboot"];
  args.push("-device", "virtio-rng-pci,addr=1", "-bios", await fetchFirmware("edk2"));
  args.push("-kernel", kernel, "-initrd", initrd, "-append", APPEND);
  return runQemu(args);
}

/** ACPICA's listing of each table. */
function listings(console: string): Map<string, string[]> {
  const parts = console
    .replaceAll("\r", "")
    .split(/^table (?=\w{4}$)/m)
    .slice(1);
  return new Map(
    parts.map((part) => {
      const [signature = "", ...lines] = part.split("\n");
      const base64 = lines.slice(
        0,
        lines.findIndex((line) => !/^[\w+/=]+$/.test(line) || line === "devices"),
      );
      return [signature, disassemble(Buffer.from(base64.join(""), "base64")).split("\n")];
    }),
  );
}

function devices(console: string): string[] {
  const lines = console.replaceAll("\r", "").split("\n");
  return lines
    .slice(lines.indexOf("devices") + 1, lines.indexOf("end"))
    .filter((line) => line !== "")
    .sort();
}

/** Whose table it is, and what follows from that. */
const IDENTITY = /Checksum|Oem|Compiler|Hypervisor ID|^ \*|^\s*$|Raw Table Data|^ *[0-9A-F]{4}:|DefinitionBlock/;
/** All of ours go on while a CPU sleeps; QEMU says it of one. */
const ALWAYS_ON = /(EL[12]|VT|NEL[12]) Flags|Always On/;
const PLACE = /DSDT Address/;

describe.each([
  ["hosted", "virt,gic-version=3", "cortex-a72", 2],
  ["guest", "virt,gic-version=3,virtualization=on", "max", 4],
] as const)("ACPI with el2 %s", (el2, board, cpu, cpus) => {
  it("tells Linux what QEMU's does", async () => {
    const ours = await onOurs({ el2, cpu, cpus });
    const theirs = await onQemu(board, cpu, cpus);
    const [mine, reference] = [listings(ours), listings(theirs)];
    expect([...mine.keys()]).toEqual([...reference.keys()]);
    for (const [signature, lines] of mine) {
      // The power button is on the GPIO, where QEMU has a Generic Event Device, and _DSM has nothing to say.
      if (signature === "DSDT") continue;
      const but = (all: string[]): string[] =>
        all.filter((line) => !IDENTITY.test(line) && !ALWAYS_ON.test(line) && !PLACE.test(line));
      expect(but(lines), signature).toEqual(but(reference.get(signature)!));
    }
    const [here, there] = [devices(ours), devices(theirs)];
    expect(here.filter((name) => !there.includes(name))).toEqual(["ARMH0061:00"]);
    expect(there.filter((name) => !here.includes(name))).toEqual(["ACPI0013:00"]);
    expect(ours).toContain("SMBIOS 3.0.0 present");
    expect(ours).toContain("trapframe");
  });
});

it("has a power key that presses ACPI's button", async () => {
  const { kernel, busybox, release } = await fetchDebian();
  const script = `
insmod /evdev.ko
grep -l 'Power Button' /sys/class/input/event*/device/name
head -c 96 /dev/input/event0 | od -A n -t u2 -v -w24 | while read a b c d e f g h type code value rest; do
  echo event $type $code $value
done &
sleep 0.2; echo waiting for the key; wait`;
  let pressed = false;
  const { console } = await runMachine({
    flash: [{ name: "EDK2", bytes: readFileSync(await fetchFirmware("edk2")) }],
    memory: 1 << 30,
    kernel: loadKernelFile(kernel),
    initrd: buildInitramfs({
      busybox: readFileSync(busybox),
      init: initScript(script),
      files: await fetchKernelModules(release, ["evdev"]),
    }),
    append: APPEND,
    onConsole: (text, machine) => {
      if (pressed || !text.endsWith("waiting for the key\r\n")) return;
      pressed = true;
      machine.pressPowerKey();
    },
  });
  const events = [...console.matchAll(/event (.*)\r/g)].map(([, event]) => event);
  expect(events.slice(0, 4)).toEqual(["1 116 1", "0 0 0", "1 116 0", "0 0 0"]);
});

it("is left out when it is not wanted: Linux has the device tree", async () => {
  const { kernel, busybox } = await fetchDebian();
  const script = "ls -d /sys/firmware/devicetree/base/pl011@9000000; ls /sys/firmware/acpi 2>&1";
  const { console } = await runMachine({
    flash: [{ name: "EDK2", bytes: readFileSync(await fetchFirmware("edk2")) }],
    memory: 1 << 30,
    kernel: loadKernelFile(kernel),
    initrd: buildInitramfs({ busybox: readFileSync(busybox), init: initScript(script) }),
    append: "console=ttyAMA0 quiet",
    acpi: false,
  });
  expect(console).toContain("base/pl011@9000000");
  expect(console).not.toContain("tables");
});
