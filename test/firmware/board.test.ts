/**
 * One program, built once, on two boards that have nothing at the same address: it finds its way by the device tree.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadKernelFile, loadMachineDescription, Machine } from "../../src/index.js";

const FLAGS = [
  ...["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fpie", "-nostdlib", "-static-pie", "-mstrict-align"],
  ...["-mgeneral-regs-only", "-fno-stack-protector", "-Wno-main", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"],
];

let directory: string;
let binary: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-board-"));
  binary = join(directory, "board.bin");
  const elf = join(directory, "board.elf");
  const sources = ["start.S", "main.c", "fdt.c"].map((name) => `firmware/board/${name}`);
  execFileSync("aarch64-linux-gnu-gcc", [...FLAGS, "-T", "firmware/board/link.ld", "-o", elf, ...sources]);
  execFileSync("aarch64-linux-gnu-objcopy", ["-O", "binary", elf, binary]);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function run(machineName: string, el2: "hosted" | "guest"): Promise<string> {
  const description = loadMachineDescription(machineName);
  let console = "";
  const machine = await Machine.create({
    description,
    cpu: description.cpu.default,
    cpus: 1,
    memory: description.ram.default,
    kernel: loadKernelFile(binary),
    serial: {
      transmit: (byte) => {
        console += String.fromCharCode(byte);
      },
      onReceive() {},
    },
    el2,
    el3: "hosted",
    idle: "skip",
    noReboot: true,
  });
  expect(await machine.run()).toEqual({ reason: "system-off" });
  return console;
}

const VIRT = `board: linux,dummy-virt
console 0x9000000
memory 0x40000000, size 0x40000000
arm,pl011 0x9000000, part 0x11
arm,pl031 0x9010000, part 0x31
arm,pl061 0x9030000, part 0x61
seconds since 1970 0x65920080
gicv3 0x8000000, SPIs to INTID 0x11f
CNTFRQ_EL0 0x3b9aca0
interrupted by 0x1b
off
`;

const SMALL = `board: A small board
console 0x1c0a0000
memory 0x80000000, size 0x10000000
arm,pl011 0x1c090000, part 0x11
arm,pl031 0x1c170000, part 0x31
arm,pl061 0x1c1d0000, part 0x61
seconds since 1970 0x65920080
gicv3 0x30000000, SPIs to INTID 0x5f
CNTFRQ_EL0 0x2faf080
interrupted by 0x1b
off
`;

it.each([
  ["virt", "hosted", VIRT],
  ["virt", "guest", VIRT],
  ["small", "hosted", SMALL],
  ["small", "guest", SMALL],
] as const)("finds its devices on %s, el2 %s", async (machine, el2, expected) => {
  expect(await run(machine, el2)).toBe(expected);
});
