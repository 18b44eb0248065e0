/**
 * One session of the real gdb-multiarch with three levels of somebody else's code: Xen at EL2, dom0's kernel at EL1,
 * a process at EL0. The process is linked where Xen has itself: one address, another memory in each.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { xenConfig } from "../boot/xen.js";
import { Session } from "./session.js";

/** XEN_VIRT_START of Xen 4.17 on arm64, and a place in its image that is data. */
const XEN_START = 0x20_0000;
const PROCESS = 0x2a_0000;

let directory: string;
let program: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-xen-"));
  program = join(directory, "process");
  const source = fileURLToPath(new URL("./process/main.c", import.meta.url));
  const flags = ["-g", "-O1", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-static", "-Wl,--build-id=none"];
  execFileSync("aarch64-linux-gnu-gcc", [...flags, `-Wl,-Ttext=0x${PROCESS.toString(16)}`, "-o", program, source]);
});
afterAll(() => rmSync(directory, { recursive: true }));

let session: Session | undefined;
afterAll(() => session?.close());

/** What GDB's x/2xw shows of these bytes. */
function words(bytes: Uint8Array, offset: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number) => `0x${view.getUint32(at, true).toString(16).padStart(8, "0")}`;
  return `${word(offset)}\t${word(offset + 4)}`;
}

it("stops in Xen, in dom0's kernel and in a process, and sees the memory of each", async () => {
  const { symbols } = await fetchDebian({ symbols: true });
  const xen = readFileSync(await fetchFirmware("xen"));
  session = await Session.start({
    ...(await xenConfig({ commands: "/process; echo process: $?", files: { process: readFileSync(program) } })),
    symbols: symbols ?? "",
  });
  const text = await session.gdb([
    `add-symbol-file ${program}`,
    "hbreak start_kernel",
    "break work",
    "continue",
    "echo == EL1\\n",
    "p ($cpsr >> 2) & 3",
    "p linux_banner",
    "monitor walk 0xffff800008000000",
    "delete 1",
    "p $vector = (unsigned long) $VBAR_EL2 + 0x400",
    "hbreak *$vector",
    "continue",
    "echo == EL2\\n",
    "p ($cpsr >> 2) & 3",
    "p $pc == $vector",
    "p/x $ESR_EL2 >> 26",
    `echo at ${PROCESS.toString(16)}:`,
    `x/2xw ${PROCESS}`,
    "monitor view el1",
    "p linux_banner",
    "monitor view current",
    "stepi",
    "p ($cpsr >> 2) & 3",
    "p $pc == $vector + 4",
    "delete 3",
    "continue",
    "echo == EL0\\n",
    "p ($cpsr >> 2) & 3",
    "bt",
    `echo at ${PROCESS.toString(16)}:`,
    `x/2xw ${PROCESS}`,
    "p greeting",
    "monitor view el2",
    `echo Xen at ${PROCESS.toString(16)}:`,
    `x/2xw ${PROCESS}`,
    "monitor view current",
    "monitor walk 0x2a0000",
    "break add if amount == 10",
    "continue",
    "p total",
    "finish",
    "p total",
    "hbreak __arm64_sys_write",
    "continue",
    "echo == EL1 again\\n",
    "p ((struct task_struct *) $SP_EL0)->comm",
    "delete",
    "continue",
  ]);
  const parts = text.split(/== (.*)\n/);
  const part = (name: string): string => parts[parts.indexOf(name) + 1] ?? "";

  expect(part("EL1")).toMatch(/^\$1 = 1\n\$2 = .*"Linux version 6\.1\./);
  expect(part("EL1")).toMatch(
    /stage 1: TTBR1_EL1 = .*\n(?:.*\n)*stage 2: VTTBR_EL2 = .*\n(?:.*\n)*.* is at physical address 0x5/,
  );
  expect(part("EL1")).toMatch(/\$3 = 2\d+\n/);

  const el2 = part("EL2");
  expect(el2).toMatch(/^\$4 = 2\n\$5 = 1\n\$6 = 0x[12]\w\n/);
  const inXen = words(xen, PROCESS - XEN_START);
  expect(el2).toMatch(new RegExp(`at 2a0000:0x2a0000[^:]*:\t${inXen}\n`));
  expect(el2).toMatch(/\$7 = .*"Linux version 6\.1\./);
  expect(el2).toMatch(/\$8 = 2\n\$9 = 1\n/);

  const el0 = part("EL0");
  expect(el0).toMatch(/^\$10 = 0\n#0 +work \(\) at .*main\.c:\d+\n#1 .* in _start \(\) at .*main\.c:\d+\n/);
  const elf = readFileSync(program);
  const loaded = /:0x2a0000[^:]*:\t(.*)\n/.exec(el0)?.[1];
  expect(loaded).not.toBe(inXen);
  expect(elf.includes(Buffer.from(new Uint32Array(loaded!.split("\t").map(Number)).buffer))).toBe(true);
  expect(el0).toContain('$11 = "this is a process\\n"');
  expect(el0).toMatch(new RegExp(`Xen at 2a0000:0x2a0000[^:]*:\t${inXen}\n`));
  expect(el0).toMatch(/stage 1: TTBR0_EL1 = .*\n(?:.*\n)*stage 2: VTTBR_EL2 = /);
  expect(el0).toMatch(/\$12 = 45\n(?:.*\n)*\$13 = 55\n/);
  expect(part("EL1 again")).toMatch(/= "process\\000/);
  expect(text).toContain("[Inferior 1 (process 1) exited normally]");
  expect(await session.ended).toEqual({ reason: "system-off" });
  expect(session.console).toContain("this is a process");
  expect(session.console).toContain("process: 0");
});
