/** Where guest time goes, on guests of a few functions whose time is known; and that looking changes nothing. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadKernelFile, loadMachineDescription, Machine } from "../../../src/index.js";
import { codeAddress } from "../../../src/machine/profile/stack.js";
import { startProfile } from "../../../src/machine/profile/start.js";
import { readSymbols } from "../../../src/machine/profile/symbols.js";

/** `leaf` has no frame record, `caller` has one; three quarters of the time are in `leaf`, a quarter in `other`. */
const GUEST = `
  .globl _start
  .type _start, %function
_start:
  ldr x1, =stack_top
  mov sp, x1
  mov x29, #0
  mov x30, #0
  bl caller
  mov w0, #0x0008
  movk w0, #0x8400, lsl #16
  hvc #0
  .size _start, . - _start
  .type caller, %function
caller:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
  mov w19, #10
1: mov w0, #0x60000
  bl leaf
  mov w0, #0x20000
  bl other
  subs w19, w19, #1
  b.ne 1b
  ldp x29, x30, [sp], #16
  ret
  .size caller, . - caller
  .type leaf, %function
leaf: subs w0, w0, #1
  b.ne leaf
  ret
  .size leaf, . - leaf
  .type other, %function
other: subs w0, w0, #1
  b.ne other
  ret
  .size other, . - other
  .ltorg
  .balign 16
  .skip 4096
stack_top:
  .skip 16
`;

let directory: string;
let elf: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-profile-"));
  elf = join(directory, "guest.elf");
  writeFileSync(join(directory, "guest.s"), GUEST);
  const options = ["-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-Ttext=0x40200000", "-o", elf];
  execFileSync("aarch64-linux-gnu-gcc", [...options, join(directory, "guest.s")]);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function run(engine: "compile" | "interpreter", path?: string, symbols?: string) {
  const machine = await Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 16 << 20,
    kernel: loadKernelFile(elf),
    el2: "hosted",
    el3: "hosted",
    engine,
    idle: "skip",
    noReboot: true,
    serial: { transmit() {}, onReceive() {} },
  });
  const text = path === undefined ? () => "" : startProfile(machine, path, { symbols });
  const { reason } = await machine.run();
  return { reason, hash: machine.stateHash(), text: text() };
}

/** "a;b;c 12" → [["a", "b", "c"], 12]. */
const stacksOf = (text: string): [string[], number][] =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space).split(";"), Number(line.slice(space + 1))];
    });

describe("a profile", () => {
  it("names functions and their callers, in proportion to instructions", async () => {
    const { reason, text } = await run("compile", "p.txt", elf);
    expect(reason).toBe("system-off");
    const stacks = new Map(stacksOf(text).map(([frames, count]) => [frames.join(), count]));
    const leaf = stacks.get("EL1,_start,caller,leaf") ?? 0;
    const other = stacks.get("EL1,_start,caller,other") ?? 0;
    const all = [...stacks.values()].reduce((sum, count) => sum + count, 0);
    expect(all).toBeGreaterThan(90);
    expect(leaf + other).toBeGreaterThanOrEqual(all - 1);
    expect(leaf / (leaf + other)).toBeGreaterThan(0.7);
    expect(leaf / (leaf + other)).toBeLessThan(0.8);
  });

  it("changes nothing, and is the same whichever engine runs", async () => {
    const plain = await run("compile");
    const compiled = await run("compile", "p.txt", elf);
    const interpreted = await run("interpreter", "p.txt", elf);
    expect(compiled.hash).toBe(plain.hash);
    expect(interpreted.hash).toBe(plain.hash);
    expect(interpreted.text).toBe(compiled.text);
  });

  it("has addresses without symbols", async () => {
    const { text } = await run("compile", "p.txt");
    expect(
      stacksOf(text).every(([frames]) => frames.slice(1).every((frame) => /^0x402000[0-9a-f]{2}$/.test(frame))),
    ).toBe(true);
  });

  it("is a .cpuprofile by that extension", async () => {
    const { text } = await run("compile", "p.cpuprofile", elf);
    const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(text) as {
      nodes: { id: number; callFrame: { functionName: string }; hitCount: number; children: number[] }[];
      samples: number[];
      timeDeltas: number[];
      startTime: number;
      endTime: number;
    };
    const byId = new Map(nodes.map((node) => [node.id, node]));
    expect(nodes[0]).toMatchObject({ id: 1, callFrame: { functionName: "(root)" } });
    expect(samples).toHaveLength(timeDeltas.length);
    expect(nodes.reduce((sum, { hitCount }) => sum + hitCount, 0)).toBe(samples.length);
    expect(samples.map((id) => byId.get(id)?.callFrame.functionName)).toContain("leaf");
    expect(startTime + timeDeltas.reduce((sum, delta) => sum + delta, 0)).toBeCloseTo(endTime);
    const reached = new Set<number>();
    const visit = (id: number): void => {
      reached.add(id);
      for (const child of byId.get(id)?.children ?? []) visit(child);
    };
    visit(1);
    expect(reached.size).toBe(nodes.length);
  });
});

describe("symbols", () => {
  it("come from an ELF file", () => {
    const symbols = readSymbols(elf);
    expect(symbols.find(0x4020_0000n)?.name).toBe("_start");
    const leaf = symbols.find(0x4020_0000n + 0x44n)?.name;
    expect(["caller", "leaf", "other"]).toContain(leaf);
    expect(symbols.find(0x1000n)).toBeUndefined();
  });

  it("come from a System.map", () => {
    const map = join(directory, "System.map");
    writeFileSync(map, "ffff800008000000 T _text\nffff800008010000 t do_one\nffff800008020000 D data\n");
    const symbols = readSymbols(map);
    expect(symbols.find(0xffff_8000_0801_0004n)?.name).toBe("do_one");
    expect(symbols.find(0xffff_8000_0800_fffcn)?.name).toBe("_text");
    expect(symbols.size).toBe(2);
  });

  it.each([
    ["nothing", ""],
    ["half an ELF header", "\x7fELF\x02\x01\x01"],
    ["an ELF header that points nowhere", `\x7fELF\x02\x01\x01${"\xff".repeat(80)}`],
  ])("of %s are an error that says what to give", (_what, text) => {
    const file = join(directory, "broken");
    writeFileSync(file, Buffer.from(text, "latin1"));
    expect(() => readSymbols(file)).toThrow(/^.*broken: no function symbols in it: give an ELF file/);
  });
});

it("an address in code has neither a tag nor an authentication code", () => {
  expect(codeAddress(0x1234_ffff_8000_1000n | (1n << 55n))).toBe(0xffff_ffff_8000_1000n);
  expect(codeAddress(0xb700_0000_0040_1000n & ~(1n << 55n))).toBe(0x0000_0000_0040_1000n);
});
