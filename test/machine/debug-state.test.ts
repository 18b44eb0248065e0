/** Registers, memory and watchpoints of the real machine, as a debugger sees and changes them. */
import { describe, expect, it, vi } from "vitest";
import type { Pl011 } from "../../src/devices/pl011/pl011.js";
import { CoreRegister, FpuRegister, TargetError, type WatchKind } from "../../src/gdb/index.js";
import { assemble, Rig, TABLE, TCR, TEXT } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const { sp, pc, cpsr } = CoreRegister;

describe("registers", () => {
  it("are those the guest has", async () => {
    const source = `mov x3, #0x1234\nfmov v2.2d, #1.5\nmov x0, #0x1000\nmov sp, x0\nadds xzr, xzr, xzr\nnop`;
    const rig = await Rig.create(assemble(`mrs x0, cpacr_el1\norr x0, x0, #(3 << 20)\nmsr cpacr_el1, x0\n${source}`));
    for (let n = 0; n < 8; n++) await rig.step();
    expect([rig.x(3), rig.register(sp), rig.register(pc)]).toEqual([0x1234n, 0x1000n, TEXT + 32n]);
    expect(rig.register(cpsr)).toBe(0x400003c5n);
    const one = [0, 0, 0, 0, 0, 0, 0xf8, 0x3f];
    expect(rig.target.readRegister(0, 1, FpuRegister.v0 + 2)).toEqual(Uint8Array.of(...one, ...one));
  });

  it("are read in one piece as one by one", async () => {
    const rig = await Rig.create(assemble("nop"));
    const { features } = rig.target;
    const general = features.flatMap(({ general: inBlock, registers }, feature) =>
      inBlock ? registers.map(({ bits }, index) => ({ feature, index, bits })) : [],
    );
    general.forEach(({ feature, index, bits }, n) => {
      const value = Uint8Array.from({ length: bits / 8 }, (_, at) => (7 * n + at) & 0xff);
      // cpsr, fpsr and fpcr have bits that do not exist.
      rig.target.writeRegister(0, feature, index, bits === 32 ? Uint8Array.of(0, 0, 0, feature) : value);
    });
    rig.setRegister(cpsr, 0x6000_03c5n);
    const one = general.map(({ feature, index }) => rig.target.readRegister(0, feature, index) as Uint8Array);
    expect(Buffer.from(rig.target.readGeneral!(0)).toString("hex")).toBe(Buffer.concat(one).toString("hex"));
    expect(new Set(one.map((bytes) => bytes.join())).size).toBe(general.length);
  });

  it("are written where the guest finds them", async () => {
    const rig = await Rig.create(assemble("add x1, x2, x30\nmov x3, sp\ncset x4, cs\nfmov x5, d7\nmrs x6, fpcr\n"));
    const vcpu = rig.machine.cores[0]!.vcpu;
    vcpu.setSysreg("CPACR_EL1", 3n << 20n);
    vcpu.recomputeModes();
    rig.setRegister(2, 0xffff_ffff_ffff_fff0n);
    rig.setRegister(30, 0x20n);
    rig.setRegister(sp, 0x8000n);
    rig.setRegister(cpsr, 0x200003c5n);
    rig.target.writeRegister(
      0,
      1,
      FpuRegister.v0 + 7,
      Uint8Array.from({ length: 16 }, (_, i) => i + 1),
    );
    rig.target.writeRegister(0, 1, FpuRegister.fpcr, Uint8Array.of(0, 0, 0xc0, 0));
    for (let n = 0; n < 5; n++) await rig.step();
    expect([1, 3, 4, 5, 6].map((n) => rig.x(n))).toEqual([0x10n, 0x8000n, 1n, 0x0807060504030201n, 0xc00000n]);
    rig.setRegister(pc, TEXT);
    await rig.step();
    expect(rig.register(pc)).toBe(TEXT + 4n);
  });

  it("change the level with cpsr, and the stack pointer with it", async () => {
    const rig = await Rig.create(assemble("mov x0, sp\nmrs x1, currentel\n.balign 2048\n"));
    rig.setRegister(sp, 0x1111n);
    expect(rig.setRegister(cpsr, 0x3c4n)).toBeUndefined();
    rig.setRegister(sp, 0x2222n);
    expect(rig.setRegister(cpsr, 0x3c0n)).toBeUndefined();
    expect(rig.target.vcpus()[0]?.state).toBe("EL0 running");
    await rig.step();
    expect(rig.x(0)).toBe(0x2222n);
    await rig.step();
    // CurrentEL is UNDEFINED at EL0: the vector, with SP_EL1.
    expect([rig.register(pc), rig.register(sp)]).toEqual([0x400n, 0x1111n]);
  });

  it("change the translation with cpsr", async () => {
    const rig = await Rig.create(assemble("ldr x1, [x0]\nnop"));
    rig.cacheRam();
    rig.setRegister(0, TEXT);
    await rig.step();
    expect(rig.register(pc)).toBe(TEXT + 4n);
    // The page is EL1's: EL0 gets a Data Abort for it.
    rig.setRegister(cpsr, 0x3c0n);
    rig.setRegister(pc, TEXT);
    await rig.step();
    expect(rig.register(pc)).toBe(0x400n);
    expect(rig.machine.cores[0]?.vcpu.sysreg("FAR_EL1")).toBe(TEXT);
  });

  it.each([
    [0x3d5n, "cpsr.nRW = 1: this CPU has no AArch32 state"],
    [0x3c1n, "cpsr: EL0 uses SP_EL0, so SP must be 0"],
    [0x3c9n, "cpsr.EL = 2: EL2 is hosted, no guest code runs there"],
    [0x3cdn, "cpsr.EL = 3: EL3 is hosted, no guest code runs there"],
    [0x4003c5n, "cpsr: bits 0x400000 do not exist on this CPU; leave them 0"],
    [0x3c7n, "cpsr: bits 0x2 do not exist on this CPU; leave them 0"],
  ])("refuse cpsr = %d, and say why", async (value, text) => {
    const rig = await Rig.create(assemble("nop"));
    expect(rig.setRegister(cpsr, value)).toBe(text);
    expect(rig.register(cpsr)).toBe(0x3c5n);
  });

  it("take PAN in cpsr where the CPU has it", async () => {
    const rig = await Rig.create(assemble("nop"), { cpu: "max" });
    expect(rig.setRegister(cpsr, 0x4003c5n)).toBeUndefined();
    expect(rig.register(cpsr)).toBe(0x4003c5n);
  });

  it("refuse FPSR and FPCR bits that do not exist", async () => {
    const rig = await Rig.create(assemble("nop"));
    const refusal = rig.target.writeRegister(0, 1, FpuRegister.fpsr, Uint8Array.of(0xff, 0, 0, 0));
    expect((refusal as TargetError).text).toBe("fpsr: bits 0x60 do not exist on this CPU; leave them 0");
  });
});

const VIRTUAL = 0xffff_ff80_0000_0000n;

/**
 * Descriptors in level 3 of the high range, by page: to RAM at 0x4030_0000 + the page's number, unless said otherwise.
 */
const NORMAL = 0x703n;
const PAGES: readonly bigint[] = [
  NORMAL | 0x40300000n,
  (NORMAL & ~0x400n) | 0x40301000n, // no access flag
  NORMAL | 0x40n | 0x40302000n, // EL0 may access it: not for EL1 with PAN
  0n,
  NORMAL | 0x80n | 0x40304000n, // read-only
  NORMAL | 0x09000000n, // the UART
  NORMAL | 0x7000000000n, // beyond IPS
  NORMAL | 0x0b000000n, // nothing there
];

/** MMU on at EL1, with PAGES at VIRTUAL. */
async function mapped(options: Parameters<typeof Rig.create>[1] = {}): Promise<Rig> {
  const rig = await Rig.create(assemble("b ."), options);
  rig.setMemory(TABLE + 8n, 0x40000701n, 8); // 1 GiB of RAM at its own address
  rig.setMemory(TABLE + 0x1000n, (TABLE + 0x2000n) | 3n, 8);
  rig.setMemory(TABLE + 0x2000n, (TABLE + 0x3000n) | 3n, 8);
  PAGES.forEach((descriptor, n) => {
    rig.setMemory(TABLE + 0x3000n + 8n * BigInt(n), descriptor, 8);
    rig.setMemory(0x4030_0000n + 0x1000n * BigInt(n), 0x1000n + BigInt(n), 8);
  });
  const { vcpu } = rig.machine.cores[0]!;
  if (options.el2 === "guest") {
    vcpu.setSysreg("HCR_EL2", 1n << 31n);
    vcpu.pstate = 0x3c5;
  }
  vcpu.setSysreg("TTBR0_EL1", TABLE);
  vcpu.setSysreg("TTBR1_EL1", TABLE + 0x1000n);
  vcpu.setSysreg("TCR_EL1", TCR);
  vcpu.setSysreg("MAIR_EL1", 0xffn);
  vcpu.setSysreg("SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | 1n);
  vcpu.recomputeModes();
  rig.machine.engine.exports.flushCpu(vcpu.base);
  return rig;
}

const page = (n: number): bigint => VIRTUAL + 0x1000n * BigInt(n);

describe("memory", () => {
  it("is physical while the MMU is off", async () => {
    const rig = await Rig.create(assemble(".quad 0x1122334455667788"));
    expect(rig.memory(TEXT, 8)).toBe(0x1122334455667788n);
    expect(rig.memory(TEXT + 3n, 2)).toBe(0x4455n);
    expect(rig.memory(0x0b00_0000n, 4)).toMatch(/^0xb000000.*IPA 0xb000000$|no RAM and no device/);
    expect(rig.memory(VIRTUAL, 4)).toBe(
      `0x${VIRTUAL.toString(16)}: the MMU is off (EL1) and this is no physical address; stop after it comes on`,
    );
  });

  it.each(["hosted", "guest"] as const)("is what the translation says, EL2 %s", async (el2) => {
    const rig = await mapped({ el2, cpu: "max" });
    const misses = rig.machine.stats().tlbMisses;
    expect(rig.memory(page(0), 8)).toBe(0x1000n);
    expect(rig.memory(page(4), 8)).toBe(0x1004n);
    rig.setRegister(cpsr, rig.register(cpsr) | 0x400000n);
    expect(rig.memory(page(2), 8)).toBe(0x1002n);
    rig.setRegister(cpsr, 0x3c0n);
    expect(rig.memory(page(0), 8)).toBe(0x1000n);
    expect(rig.memory(TEXT, 4)).toBe(0x14000000n);
    expect(rig.machine.stats().tlbMisses).toBe(misses);
  });

  it("says which stage and level ended the walk", async () => {
    const rig = await mapped({ el2: "guest" });
    const at = (n: number, why: string): string => `0x${page(n).toString(16)}: ${why}`;
    const table = "TTBR1_EL1 = 0x40201000";
    const where = (level: number, descriptor: bigint, place: bigint): string =>
      `stage 1 level ${level}, descriptor 0x${descriptor.toString(16)} at 0x${place.toString(16)}`;
    const page3 = (n: number): string => where(3, PAGES[n] ?? 0n, TABLE + 0x3000n + 8n * BigInt(n));
    expect(rig.memory(page(1), 4)).toBe(at(1, `access flag fault at ${page3(1)}, ${table}`));
    expect(rig.memory(page(3), 4)).toBe(at(3, `translation fault at ${page3(3)}, ${table}`));
    expect(rig.memory(page(6), 4)).toBe(at(6, `address size fault at ${page3(6)}, ${table}`));
    expect(rig.memory(page(512), 4)).toBe(at(512, `translation fault at ${where(2, 0n, TABLE + 0x2008n)}, ${table}`));
    expect(rig.memory(0n, 4)).toBe(`0x0: translation fault at ${where(1, 0n, TABLE)}, TTBR0_EL1 = 0x40200000`);
    expect(rig.memory(page(7), 4)).toBe(
      `0xb000000 (virtual 0x${page(7).toString(16)}): no RAM and no device at this physical address`,
    );
  });

  it("says so when stage 2 has nothing there", async () => {
    const rig = await mapped();
    expect(rig.memory(page(7), 4)).toMatch(
      new RegExp(
        `^0x${page(7).toString(16)}: translation fault at stage 2 level \\d, descriptor 0x0 at 0x\\w+, VTTBR_EL2 = 0x\\w+, IPA 0xb000000$`,
      ),
    );
  });

  it("ends where it cannot be read any more", async () => {
    const rig = await mapped();
    expect((rig.target.readMemory(0, page(0) + 0xffcn, 64) as Uint8Array).length).toBe(4);
    const whole = rig.target.readMemory(0, page(4) + 0xff0n, 0x20) as Uint8Array;
    expect(whole.length).toBe(0x20);
  });

  it("is written through the translation too, read-only or not, all or nothing", async () => {
    const rig = await mapped();
    expect(rig.setMemory(page(4) + 8n, 0xabcdn, 2)).toBeUndefined();
    expect(rig.memory(0x4030_4008n, 2)).toBe(0xabcdn);
    expect(rig.setMemory(page(0) + 0xffcn, 0x1122334455667788n, 8)).toMatch(/access flag fault/);
    expect(rig.memory(page(0) + 0xffcn, 4)).toBe(0n);
  });

  it.each(["hosted", "guest"] as const)("shows device registers without touching them, EL2 %s", async (el2) => {
    const rig = await mapped({ el2 });
    // UARTPeriphID0 to 3 and UARTFR; then a byte in the FIFO, which a real read of UARTDR would take.
    expect(rig.memory(page(5) + 0xfe0n, 4)).toBe(0x11n);
    expect(rig.memory(page(5) + 0xfe0n, 16)).toBe(0x11n | (0x10n << 32n) | (0x34n << 64n));
    const uart = rig.machine.platform.console as Pl011;
    uart.write(0x30, 4, 0x301n);
    uart.write(0x2c, 4, 0x70n);
    uart.receive(Uint8Array.of(0x41));
    expect([rig.memory(page(5), 4), rig.memory(page(5), 4)]).toEqual([0x41n, 0x41n]);
    expect(rig.setMemory(page(5), 0x42n, 4)).toBeUndefined();
    expect(rig.console).toBe("B");
    expect(rig.setMemory(page(5) + 2n, 0x42n, 4)).toBe(
      "0x9000002: device registers are written 1, 2, 4 or 8 bytes at a time, aligned",
    );
    expect(rig.setMemory(page(5), 0n, 3)).toContain("1, 2, 4 or 8 bytes");
    // From RAM into the first register.
    expect(rig.setMemory(page(5) - 4n, 0x43n << 32n, 8)).toContain("a device begins there");
    expect(rig.console).toBe("B");
  });

  it("wraps at the end of the address space", async () => {
    const rig = await mapped();
    expect(rig.memory((1n << 64n) - 4n, 8)).toMatch(/^0xfffffffffffffffc: translation fault at stage 1 level 1/);
  });
});

interface Access {
  readonly instruction: string;
  /** Watched: kind, offset from `data`, bytes. */
  readonly watch: readonly [WatchKind, number, number];
  /** Offset of the address that the stop names; undefined when it does not stop. */
  readonly hits: number | undefined;
}

/** x0 points to `data`, 256 bytes aligned to 64; x1 = 5. */
const ACCESSES: readonly Access[] = [
  { instruction: "ldr x2, [x0]", watch: ["read", 0, 8], hits: 0 },
  { instruction: "ldr x2, [x0]", watch: ["access", 4, 1], hits: 4 },
  { instruction: "ldr x2, [x0]", watch: ["write", 0, 8], hits: undefined },
  { instruction: "ldr x2, [x0]", watch: ["read", 8, 8], hits: undefined },
  { instruction: "ldrb w2, [x0, #7]", watch: ["read", 0, 8], hits: 7 },
  { instruction: "str x1, [x0, #8]", watch: ["write", 0, 64], hits: 8 },
  { instruction: "str x1, [x0, #8]", watch: ["read", 0, 64], hits: undefined },
  { instruction: "str w1, [x0]", watch: ["write", 4, 4], hits: undefined },
  { instruction: "ldp x2, x3, [x0, #16]", watch: ["read", 24, 1], hits: 24 },
  { instruction: "stp x1, x1, [x0, #16]", watch: ["write", 31, 1], hits: 31 },
  { instruction: "str x1, [x0, #-8]!", watch: ["write", -8, 8], hits: -8 },
  { instruction: "ldr q2, [x0, #32]", watch: ["read", 47, 4], hits: 47 },
  { instruction: "st1 {v2.16b, v3.16b}, [x0]", watch: ["write", 20, 4], hits: 20 },
  { instruction: "ldxr x2, [x0]", watch: ["read", 0, 1], hits: 0 },
  { instruction: "ldadd x1, x2, [x0]", watch: ["write", 0, 8], hits: 0 },
  { instruction: "ldadd x1, x2, [x0]", watch: ["read", 0, 8], hits: 0 },
  { instruction: "cas x1, x2, [x0]", watch: ["access", 0, 8], hits: 0 },
  { instruction: "dc zva, x0", watch: ["write", 60, 2], hits: 60 },
  { instruction: "ldur x2, [x0, #-3]", watch: ["read", 0, 1], hits: 0 },
  { instruction: "prfm pldl1keep, [x0]", watch: ["access", 0, 64], hits: undefined },
];

describe("watchpoints", () => {
  it.each(ACCESSES)("$instruction, watched $watch: $hits", async ({ instruction, watch, hits }) => {
    const source = `mov x2, #(3 << 20)\nmsr cpacr_el1, x2\nadr x0, data\nmov x1, #5\nmov x2, #7\nit: ${instruction}\nend: nop`;
    const rig = await Rig.create(assemble(`${source}\n.balign 64\n.space 64\ndata: .space 256, 0x11`), { cpu: "max" });
    const data = rig.program.at("data");
    const [kind, offset, length] = watch;
    // Translated as normal memory, so that unaligned accesses are allowed.
    rig.cacheRam();
    rig.break("end");
    const remove = rig.point({ kind, address: data + BigInt(offset), length });
    const stop = await rig.continue();
    if (hits === undefined) {
      expect(stop.reason.kind).toBe("breakpoint");
      return;
    }
    expect(stop).toEqual({ vcpu: 0, reason: { kind: "watchpoint", via: kind, address: data + BigInt(hits) } });
    // Nothing has happened yet, and happens once the watchpoint is out of the way.
    expect([rig.pc(), rig.x(0), rig.x(2)]).toEqual([rig.program.at("it"), data, 7n]);
    const retired = rig.machine.stats().instructions;
    remove();
    expect((await rig.continue()).reason.kind).toBe("breakpoint");
    expect(rig.machine.stats().instructions).toBe(retired + 1);
  });

  it("are seen where the guest has been before, on either side of a page border", async () => {
    const rig = await Rig.create(
      assemble(`adr x0, data\nadd x1, x0, #4096\n1: str w2, [x0]\nstr w2, [x1]\nb 1b\n.balign 4096\ndata: .space 8192`),
    );
    rig.cacheRam();
    for (let n = 0; n < 10; n++) await rig.step();
    const border = rig.program.at("data") + 4096n;
    const remove = rig.point({ kind: "write", address: border - 2n, length: 4 });
    const reason = { kind: "watchpoint", via: "write" };
    expect(await rig.continue()).toEqual({ vcpu: 0, reason: { ...reason, address: border } });
    remove();
    rig.point({ kind: "write", address: border - 4098n, length: 4 });
    expect(await rig.continue()).toEqual({ vcpu: 0, reason: { ...reason, address: border - 4096n } });
  });

  it("see an access through a tagged pointer, and take a tagged address", async () => {
    const tag = 0xa5n << 56n;
    const rig = await Rig.create(assemble(`adr x0, data\nmovk x0, #0xa500, lsl #48\nldr x1, [x0]\nnop\ndata: .quad 9`));
    rig.cacheRam();
    const { vcpu } = rig.machine.cores[0]!;
    vcpu.setSysreg("TCR_EL1", TCR | (1n << 37n));
    const data = rig.program.at("data");
    for (const address of [data, data | tag]) {
      rig.setRegister(pc, TEXT);
      const remove = rig.point({ kind: "read", address, length: 8 });
      // In the debugger's words: GDB goes on, without a word, from an address that it does not watch.
      expect((await rig.continue()).reason).toEqual({ kind: "watchpoint", via: "read", address });
      expect(rig.pc()).toBe(TEXT + 8n);
      remove();
    }
  });

  it("let the fault come first", async () => {
    const rig = await Rig.create(assemble("mov x0, #0x2000\nldr x1, [x0]\nnop"));
    rig.cacheRam();
    rig.point({ kind: "read", address: 0x2000n, length: 8 });
    await rig.step();
    expect((await rig.step()).reason.kind).toBe("step");
    expect([rig.pc(), rig.machine.cores[0]?.vcpu.sysreg("FAR_EL1")]).toEqual([0x200n, 0x2000n]);
  });

  it("are seen by every vCPU, one switched on later too", async () => {
    const source = `ldr x0, =0xc4000003\nmov x1, #1\nadr x2, second\nhvc #0\nb .\nsecond: adr x0, data\nstr x0, [x0]\nb .\n.balign 8\ndata: .quad 0`;
    const rig = await Rig.create(assemble(source), { cpus: 2 });
    rig.point({ kind: "write", address: rig.program.at("data"), length: 4 });
    expect(await rig.continue()).toMatchObject({ vcpu: 1, reason: { kind: "watchpoint", via: "write" } });
  });

  it("are refused without a byte to watch", async () => {
    const rig = await Rig.create(assemble("nop"));
    const refusal = rig.target.insertPoint({ kind: "write", address: 0n, length: 0 });
    expect(refusal?.text).toBe("a watchpoint has at least one byte");
  });

  it("cost nothing once they are gone", async () => {
    const rig = await Rig.create(
      assemble("adr x0, .\nadr x1, data\n1: str x0, [x1]\nb 1b\n.balign 4096\ndata: .quad 0"),
    );
    rig.cacheRam();
    rig.point({ kind: "write", address: rig.program.at("data") + 64n, length: 8 })();
    const before = rig.machine.stats().tlbMisses;
    const stop = rig.continue();
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.target.interrupt();
    await stop;
    expect(rig.machine.stats().tlbMisses - before).toBeLessThan(10);
  });
});

describe("monitor", () => {
  it("lists its commands, each with an example", async () => {
    const rig = await Rig.create(assemble("nop"));
    const help = rig.target.monitor("help", 0) as string;
    for (const name of ["help", "info cores", "reset", "stats"]) {
      expect(help).toMatch(new RegExp(`^${name} .*monitor ${name}$`, "m"));
    }
    expect(rig.target.monitor("", 0)).toBe(help);
  });

  it("shows vCPUs and counters, also by shortened names", async () => {
    const rig = await Rig.create(assemble("nop\nnop\nnop"), { cpus: 2 });
    await rig.step();
    await rig.step();
    expect(rig.target.monitor("inf cp", 1)).toBe(
      "  CPU0  pc 0x0000000040080008  MPIDR 0x0  EL1 running\n" +
        "* CPU1  pc 0x0000000000000000  MPIDR 0x1  halted (PSCI off)\n",
    );
    expect(rig.target.monitor("inf co", 1)).toBe(rig.target.monitor("inf cp", 1));
    const stats = rig.target.monitor("stats", 0) as string;
    expect(stats).toMatch(/^instructions retired {2}2$/m);
    expect(stats).toMatch(/^virtual time +0\.000000 s$/m);
  });

  it("refuses what it does not know", async () => {
    const rig = await Rig.create(assemble("nop"));
    expect(rig.target.monitor("frobnicate", 0)).toMatchObject({
      text: 'no monitor command "frobnicate"; see: monitor help',
    });
    expect(rig.target.monitor("info", 0)).toBeInstanceOf(TargetError);
  });
});
