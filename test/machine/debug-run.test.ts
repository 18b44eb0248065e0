/** Run control of the real machine: steps, breakpoints, interrupts, power; and that looking changes nothing. */
import { describe, expect, it, vi } from "vitest";
import { CODE_PAGE, CPU, GLOBAL } from "../../src/engine/layout.js";
import { CoreRegister } from "../../src/gdb/index.js";
import type { MonitorClient } from "../../src/gdb/target.js";
import { DEFAULT_STEP_MODE } from "../../src/machine/step.js";
import { assemble, Rig, TEXT } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const COUNT = `
      mov   x0, #0
loop: add   x0, x0, #1
      add   x1, x1, x0
      b     loop
`;

/** PSCI SYSTEM_OFF through hosted EL2. */
const OFF = `
off:  ldr   w0, =0x84000008
      hvc   #0
`;

const step = (vcpu = 0) => ({ vcpu, reason: { kind: "step" } });
const breakpoint = (vcpu = 0, via = "software") => ({ vcpu, reason: { kind: "breakpoint", via } });

describe("standing", () => {
  it("stands at the first instruction until it is let go", async () => {
    const rig = await Rig.create(assemble(COUNT), { cpus: 2 });
    expect(rig.target.standing).toEqual({ vcpu: 0, reason: { kind: "reset" } });
    expect(rig.pc()).toBe(TEXT);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(rig.machine.stats().instructions).toBe(0);
    expect(rig.target.vcpus()).toEqual([
      { id: 0, name: "CPU0", state: "EL1 running" },
      { id: 1, name: "CPU1", state: "halted (PSCI off)" },
    ]);
  });

  it("says in which world a vCPU is", async () => {
    const rig = await Rig.create(assemble("nop"), { el2: "guest", el3: "guest" });
    const { vcpu } = rig.machine.cores[0]!;
    const seen = [0x3cd, 0x3c5, 0x3c0].map((pstate) => {
      vcpu.pstate = pstate;
      return rig.target.vcpus()[0]?.state;
    });
    expect(seen).toEqual(["EL3 running", "S-EL1 running", "S-EL0 running"]);
    vcpu.setSysreg("SCR_EL3", vcpu.sysreg("SCR_EL3") | 1n);
    vcpu.recomputeModes();
    expect(rig.target.vcpus()[0]?.state).toBe("EL0 running");
  });

  it("runs at once when nobody waits", async () => {
    const rig = await Rig.create(assemble(COUNT), { wait: false });
    expect(rig.target.standing).toBeUndefined();
    const stop = rig.nextStop();
    rig.target.interrupt();
    expect(await stop).toEqual({ vcpu: 0, reason: { kind: "interrupt" } });
  });

  it("lets no virtual time pass", async () => {
    const rig = await Rig.create(assemble(COUNT), { idle: "realtime" });
    rig.break("loop");
    await rig.continue();
    const before = rig.machine.scheduler.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(rig.machine.scheduler.now()).toBe(before);
    expect(before).toBe(1n);
  });
});

describe("a debugger that resumes whenever it is told of a stop", () => {
  it("leaves the event loop its turns", async () => {
    const rig = await Rig.create(assemble(COUNT));
    const MOST = 20_000;
    let done = false;
    rig.target.listen({
      stopped: () => {
        if (!done && rig.stops.length < MOST) rig.target.resume(new Map([[0, { kind: "step" }]]));
      },
    });
    const turn = new Promise((resolve) => setTimeout(resolve, 1));
    await rig.step();
    await turn;
    done = true;
    expect(rig.stops.length).toBeLessThan(MOST);
  });
});

describe("a step", () => {
  it("executes exactly one instruction", async () => {
    const rig = await Rig.create(assemble(COUNT));
    const pcs: bigint[] = [];
    for (let n = 0; n < 7; n++) {
      expect(await rig.step()).toEqual(step());
      pcs.push(rig.pc() - TEXT);
    }
    expect(pcs).toEqual([4n, 8n, 12n, 4n, 8n, 12n, 4n]);
    expect(rig.x(0)).toBe(2n);
    expect(rig.machine.stats().instructions).toBe(7);
  });

  it("executes an instruction that has a breakpoint, and stops before the next one", async () => {
    const rig = await Rig.create(assemble(COUNT));
    for (const label of [TEXT, TEXT + 4n, TEXT + 8n]) rig.break(label);
    for (const pc of [4n, 8n, 12n]) {
      expect(await rig.step()).toEqual(step());
      expect(rig.pc()).toBe(TEXT + pc);
    }
    expect(rig.x(0)).toBe(1n);
  });

  it("goes over page borders", async () => {
    const source = `b edge\n.balign 4096\n.space 4092\nedge: add x1, x1, #1\nover: add x1, x1, #2\n`;
    const rig = await Rig.create(assemble(source));
    rig.break("over");
    await rig.step();
    await rig.step();
    expect([rig.pc(), rig.x(1)]).toEqual([rig.program.at("over"), 1n]);
    await rig.step();
    expect(rig.x(1)).toBe(3n);
  });

  it("stops at the vector when the instruction takes an exception", async () => {
    const rig = await Rig.create(assemble("adr x0, base\nmsr vbar_el1, x0\nisb\nsvc #5\n.balign 2048\nbase: nop\n"));
    for (let n = 0; n < 4; n++) await rig.step();
    expect(rig.pc()).toBe(rig.program.at("base") + 0x200n);
    expect(rig.machine.cores[0]?.vcpu.sysreg("ESR_EL1")).toBe((0x15n << 26n) | (1n << 25n) | 5n);
  });

  it("stops at the vector when the next instruction cannot be fetched", async () => {
    const rig = await Rig.create(assemble("adr x0, base\nmsr vbar_el1, x0\nbr xzr\n.balign 2048\nbase: nop\n"));
    for (let n = 0; n < 3; n++) await rig.step();
    expect(rig.pc()).toBe(0n);
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("base") + 0x200n);
  });

  it.each(["hosted", "guest"] as const)("sees a call to a hosted level as one instruction, EL2 %s", async (el2) => {
    const call = el2 === "hosted" ? "hvc" : "smc";
    const rig = await Rig.create(assemble(`ldr w0, =0x84000000\n${call} #0\nafter: nop\n`), { el2 });
    await rig.step();
    await rig.step();
    expect([rig.pc(), rig.x(0)]).toEqual([rig.program.at("after"), 0x10001n]);
  });

  it("sees a device access that hosted EL2 carries out as one instruction", async () => {
    const rig = await Rig.create(assemble("mov x1, #0x09000000\nmov w0, #'A'\nstr w0, [x1]\nldr w2, [x1, #0x18]\nnop"));
    for (let n = 0; n < 4; n++) await rig.step();
    expect([rig.pc() - TEXT, rig.console]).toEqual([16n, "A"]);
    expect(rig.x(2) & 0x10n).toBe(0x10n);
  });

  it.each(["wfi", "wfe"])("does not wait in %s", async (instruction) => {
    for (const el2 of ["hosted", "guest"] as const) {
      const rig = await Rig.create(assemble(`${instruction}\n${instruction}\nnop\n`), { el2 });
      for (let n = 1; n <= 2; n++) {
        expect(await rig.step()).toEqual(step());
        expect(rig.pc()).toBe(TEXT + 4n * BigInt(n));
      }
      expect(rig.target.vcpus()[0]?.state).toMatch(/^EL[12] running$/);
    }
  });

  it("goes on from a WFI that a vCPU waits in", async () => {
    const rig = await Rig.create(assemble("wfi\nmov x0, #1\nmov x0, #2\n"));
    const stop = rig.continue();
    while (rig.machine.cores[0]?.state !== "wfi") await new Promise((resolve) => setTimeout(resolve, 5));
    rig.target.interrupt();
    await stop;
    expect(rig.target.vcpus()[0]?.state).toBe("EL1 waiting (WFI)");
    await rig.step();
    expect([rig.pc(), rig.x(0)]).toEqual([TEXT + 8n, 1n]);
  });

  it.each(["hosted", "guest"] as const)(
    "leaves a pending interrupt pending, for the continue to take, when it is to mask them, EL2 %s",
    async (el2) => {
      const rig = await Rig.create(assemble(timerGuest(el2)), { el2 });
      rig.machine.scheduler.stepMode = { ...DEFAULT_STEP_MODE, interrupts: "mask" };
      rig.break("ready");
      await rig.continue();
      const pcs: bigint[] = [];
      for (let n = 0; n < 4; n++) {
        await rig.step();
        pcs.push(rig.pc() - rig.program.at("ready"));
      }
      expect(pcs).toEqual([4n, 8n, 12n, 16n]);
      // ISR_EL1.I: the interrupt is there for the guest to see.
      expect(rig.x(5)).toBe(0x80n);
      rig.break("irq");
      expect(await rig.continue()).toEqual(breakpoint());
      expect(rig.machine.cores[0]?.vcpu.sysreg("ELR_EL1")).toBe(rig.program.at("ready") + 16n);
    },
  );
});

/** Masks nothing but IRQs until `ready`, where the EL1 virtual timer's has become pending. */
function timerGuest(el2: "hosted" | "guest"): string {
  return `
      ${el2 === "guest" ? "ldr x0, =0x80000000\nmsr hcr_el2, x0\nmov x0, #0x3c5\nmsr spsr_el2, x0\nadr x0, 1f\nmsr elr_el2, x0\neret\n1:" : ""}
      adr   x0, base
      msr   vbar_el1, x0
      ldr   x1, =0x080a0000          // GICR: awake, PPI 11 in group 1, enabled
      str   wzr, [x1, #0x14]
      add   x1, x1, #0x10000
      mov   w0, #(1 << 27)
      str   w0, [x1, #0x80]
      str   w0, [x1, #0x100]
      ldr   x1, =0x08000000          // GICD: EnableGrp1, ARE
      mov   w0, #0x12
      str   w0, [x1]
      mov   x0, #0xff
      msr   s3_0_c4_c6_0, x0         // ICC_PMR_EL1
      mov   x0, #1
      msr   s3_0_c12_c12_7, x0       // ICC_IGRPEN1_EL1
      msr   cntv_tval_el0, xzr
      msr   cntv_ctl_el0, x0
      isb
1:    mrs   x2, isr_el1
      cbz   x2, 1b
ready: msr  daifclr, #2
      mrs   x5, isr_el1
      add   x6, x6, #1
      add   x6, x6, #1
      b     .
      .balign 2048
base: .space 0x280
irq:  b     irq
`;
}

describe("a breakpoint", () => {
  it("stops before its instruction, also at the first one, and again each time", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.break(TEXT, "hardware");
    expect(await rig.continue()).toEqual(breakpoint(0, "hardware"));
    expect(rig.pc()).toBe(TEXT);
    await rig.step();
    rig.break("loop");
    for (let n = 0n; n < 5n; n++) {
      expect(await rig.continue()).toEqual(breakpoint());
      expect([rig.pc(), rig.x(0)]).toEqual([TEXT + 4n, n]);
      await rig.step();
    }
    expect(await rig.continue()).toEqual(breakpoint());
    const { now, loaded } = rig.image();
    expect(now).toEqual(loaded);
  });

  it("is gone when it is removed, and back when it is set again", async () => {
    const rig = await Rig.create(assemble(`${COUNT}`));
    const remove = rig.break("loop");
    await rig.continue();
    remove();
    rig.break(TEXT + 8n);
    expect(await rig.continue()).toEqual(breakpoint());
    expect(rig.pc()).toBe(TEXT + 8n);
    await rig.step();
    rig.break("loop");
    await rig.continue();
    expect(rig.pc()).toBe(TEXT + 4n);
  });

  it("can be set in code that runs already, and costs only its own page", async () => {
    const far = (label: string, next: string) => `${label}: add x1, x1, #1\nb ${next}\n.balign 4096\n`;
    const rig = await Rig.create(assemble(far("one", "two") + far("two", "three") + far("three", "one")));
    const running = rig.continue();
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.target.interrupt();
    await running;
    const { view } = rig.machine.engine;
    const pagesUsed = (): number =>
      (view.getInt32(GLOBAL.codeNext, true) - view.getInt32(GLOBAL.codeStart, true)) / CODE_PAGE.size;
    expect(pagesUsed()).toBe(3);
    const remove = rig.break("two");
    expect(await rig.continue()).toEqual(breakpoint());
    expect(rig.pc()).toBe(rig.program.at("two"));
    await rig.step();
    await rig.continue();
    expect([pagesUsed(), view.getInt32(GLOBAL.breakpoints, true)]).toEqual([4, 1]);
    remove();
    expect(view.getInt32(GLOBAL.breakpoints, true)).toBe(0);
  });

  it("holds as long as one of several at the same place is left", async () => {
    const rig = await Rig.create(assemble(COUNT));
    const removeFirst = rig.break("loop");
    const removeSecond = rig.break("loop", "hardware");
    removeFirst();
    expect(await rig.continue()).toEqual(breakpoint(0, "hardware"));
    removeSecond();
    const stop = rig.continue();
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("interrupt");
  });

  it("is refused where no instruction can be", async () => {
    const rig = await Rig.create(assemble(COUNT));
    expect(() => rig.break(TEXT + 2n)).toThrow("breakpoint at 0x40080002: A64 instructions are at multiples of 4");
  });

  it("stops where nothing is mapped, before the abort, and lets it happen when it is stepped", async () => {
    const rig = await Rig.create(assemble(unmapped("br x1")));
    rig.break(8n);
    rig.break("current");
    expect(await rig.continue()).toEqual(breakpoint());
    expect(rig.pc()).toBe(8n);
    const { machine } = rig;
    const executed = machine.stats().instructions;
    expect(await rig.continue()).toEqual(breakpoint());
    expect([rig.pc(), machine.stats().instructions]).toEqual([8n, executed]);
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("current"));
    expect(machine.cores[0]?.vcpu.sysreg("FAR_EL1")).toBe(8n);
  });

  it("waits for the page at EL0, where the kernel may bring it", async () => {
    const rig = await Rig.create(assemble(unmapped("msr elr_el1, x1\nmsr spsr_el1, xzr\neret")));
    rig.break(8n);
    rig.break("lower");
    expect(await rig.continue()).toEqual(breakpoint());
    expect(rig.pc()).toBe(rig.program.at("lower"));
    expect(rig.machine.cores[0]?.vcpu.sysreg("FAR_EL1")).toBe(8n);
  });

  it("outlives the engine's dropping of all code", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.break("loop");
    await rig.continue();
    rig.machine.engine.dropCode();
    await rig.step();
    expect(await rig.continue()).toEqual(breakpoint());
    expect(rig.x(0)).toBe(1n);
  });

  it("is the same, and counts the same instructions, when the engine has hardly any room for code", async () => {
    // Three pages of code, room for two: every jump from page to page drops all code.
    const far = (label: string, next: string) => `${label}: add x1, x1, #1\nb ${next}\n.balign 4096\n`;
    const rig = await Rig.create(assemble(far("one", "two") + far("two", "three") + far("three", "one")));
    const { view } = rig.machine.engine;
    const room = view.getInt32(GLOBAL.codeStart, true) + 2 * CODE_PAGE.size;
    view.setInt32(GLOBAL.codeEnd, room, true);
    for (let n = 1; n <= 7; n++) {
      await rig.step();
      expect(rig.machine.stats().instructions).toBe(n);
    }
    rig.break("three");
    for (const n of [5n, 8n]) {
      expect(await rig.continue()).toEqual(breakpoint());
      expect([rig.x(1), rig.machine.stats().instructions]).toEqual([n, 2 * Number(n)]);
      await rig.step();
    }
    expect(rig.machine.stats().exits.codeFull).toBeGreaterThan(3);
  });

  it("does not hide that the guest rewrites the code around it, or under it", async () => {
    // The loop's increment becomes 16 in the second round; then the instruction at the breakpoint itself, 256.
    const rig = await Rig.create(
      assemble(`
      mov   x0, #0
      adr   x2, patch
      ldr   w3, =0x91004000          // add x0, x0, #16
      ldr   w5, =0x91040000          // add x0, x0, #256
loop: add   x4, x4, #1
patch: add  x0, x0, #1
here: nop
      str   w3, [x2]
      mov   w3, w5
      ic    ivau, x2
      isb
      b     loop
`),
    );
    rig.break("here");
    const removePatch = rig.break("patch");
    const seen: bigint[] = [];
    for (let n = 0; n < 3; n++) {
      expect(await rig.continue()).toEqual(breakpoint());
      expect(rig.pc()).toBe(rig.program.at("patch"));
      await rig.step();
      expect(await rig.continue()).toEqual(breakpoint());
      expect(rig.pc()).toBe(rig.program.at("here"));
      seen.push(rig.x(0));
      await rig.step();
    }
    expect(seen).toEqual([1n, 17n, 273n]);
    removePatch();
    await rig.continue();
    expect(rig.pc()).toBe(rig.program.at("here"));
  });

  it("stops at code that the debugger wrote", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.break("loop");
    await rig.continue();
    rig.setMemory(TEXT + 4n, 0x91400400n, 4); // add x0, x0, #1, lsl #12
    await rig.step();
    await rig.continue();
    expect(rig.x(0)).toBe(0x1000n);
  });

  it("stops every vCPU, each for itself", async () => {
    const rig = await Rig.create(assemble(twoCounters()), { cpus: 2 });
    rig.break("second");
    expect(await rig.continue()).toEqual(breakpoint(1));
    expect(rig.target.vcpus().map(({ state }) => state)).toEqual(["EL1 running", "EL1 running"]);
    rig.break("first");
    const who = new Set<number>();
    for (let n = 0; n < 6; n++) {
      await rig.step(n % 2);
      who.add((await rig.continue()).vcpu);
    }
    expect(who).toEqual(new Set([0, 1]));
  });

  it("is at its virtual address only, also before the MMU is on", async () => {
    const rig = await Rig.create(assemble(mmuGuest()));
    rig.break(HIGH + rig.program.at("high"), "hardware");
    rig.break(rig.program.at("low_twin"));
    const seen: bigint[] = [];
    for (let n = 0; n < 3; n++) {
      await rig.continue();
      seen.push(rig.pc());
      await rig.step();
    }
    expect(seen).toEqual([rig.program.at("low_twin"), HIGH + rig.program.at("high"), HIGH + rig.program.at("high")]);
    // Passed twice through the low mapping of the same code, without a stop.
    expect(rig.x(9)).toBe(2n);
  });
});

const HIGH = 0xffff_ff80_0000_0000n;

/**
 * Turns the MMU on with RAM at its own address and at HIGH + that, then runs one function through both, in turn. The
 * tables are at RAM base + 2 MiB: 4 KiB granule, 39-bit ranges, 1 GiB blocks.
 */
function mmuGuest(): string {
  return `
      ldr   x1, =0x40200000
      ldr   x0, =0x40000701          // block 1, normal memory, inner shareable, AF
      str   x0, [x1, #8]
      msr   ttbr0_el1, x1
      msr   ttbr1_el1, x1
      ldr   x0, =0xb5193519          // 4 KiB, 39 bits, cacheable
      msr   tcr_el1, x0
      mov   x0, #0xff
      msr   mair_el1, x0
low_twin: isb
      mrs   x0, sctlr_el1
      orr   x0, x0, #1
      msr   sctlr_el1, x0
      isb
      ldr   x10, =${HIGH}
      adr   x11, both
      add   x12, x11, x10
1:    blr   x11
      blr   x12
      b     1b
both: adr   x13, .
      tst   x13, x10
      cinc  x9, x9, eq
      b.eq  2f
high: nop
2:    ret
`;
}

/** Goes to address 8, to which X1 points and where nothing is mapped. */
function unmapped(go: string): string {
  return `
      .include "mmu-on.s"
      mmu_on table
      adr   x0, vectors
      msr   vbar_el1, x0
      mov   x1, #8
      ${go}
      .balign 2048
vectors: .skip 0x200
current: b    current
      .balign 512
lower: b      lower
      .balign 4096
table: .quad  0, 0x40000000 + BLOCK
`;
}

/** Two vCPUs that count, each in code of its own; the second is started through PSCI. */
function twoCounters(): string {
  return `
      ldr   x0, =0xc4000003
      mov   x1, #1
      adr   x2, second
      mov   x3, #7
      hvc   #0
      mov   x0, #0
first: add  x0, x0, #1
      eor   x2, x2, x0, lsl #3
      b     first
second: add x0, x0, #1
      sub   x2, x2, x0, lsl #5
      b     second
`;
}

describe("code that has been compiled", () => {
  /**
   * A loop of eight instructions that has run hot, and stands somewhere in it; x0 counts rounds, x1 all instructions.
   */
  async function hotLoop(): Promise<Rig> {
    const counts = "add x1, x1, #1\n".repeat(5);
    const source = `adr x2, data\nmov x0, #0\nround: add x0, x0, #1\n${counts}str x0, [x2]\nb round\n.balign 4096\ndata: .quad 0`;
    const rig = await Rig.create(assemble(source));
    rig.cacheRam();
    const { vcpu } = rig.machine.cores[0]!;
    const compiled = (): bigint => vcpu.get64(CPU.statCompiled);
    const stop = rig.continue();
    while (compiled() === 0n) await new Promise((resolve) => setTimeout(resolve, 5));
    rig.target.interrupt();
    await stop;
    return rig;
  }

  it("is stepped instruction by instruction", async () => {
    const rig = await hotLoop();
    const round = rig.program.at("round");
    for (let n = 0; n < 20; n++) {
      const [from, before] = [rig.pc(), rig.machine.stats().instructions];
      const added = rig.x(0) + rig.x(1);
      await rig.step();
      expect(rig.pc()).toBe(from === round + 28n ? round : from + 4n);
      expect(rig.x(0) + rig.x(1) - added).toBe(from < round + 24n ? 1n : 0n);
      expect(rig.machine.stats().instructions).toBe(before + 1);
    }
  });

  it("has breakpoints in its midst, round by round, and runs on without them", async () => {
    const rig = await hotLoop();
    const place = rig.program.at("round") + 12n;
    const remove = rig.break(place);
    await rig.continue();
    for (let n = 0; n < 5; n++) {
      const [rounds, before] = [rig.x(0), rig.machine.stats().instructions];
      expect(rig.pc()).toBe(place);
      await rig.step();
      expect(await rig.continue()).toEqual(breakpoint());
      expect([rig.x(0), rig.machine.stats().instructions]).toEqual([rounds + 1n, before + 8]);
    }
    remove();
    const rounds = rig.x(0);
    const running = rig.continue();
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.target.interrupt();
    await running;
    expect(rig.x(0) - rounds).toBeGreaterThan(1000n);
  });

  it("stops before what is watched, with nothing counted twice", async () => {
    const rig = await hotLoop();
    const point = { kind: "write", address: rig.program.at("data"), length: 8 } as const;
    let seen: { rounds: bigint; instructions: number } | undefined;
    for (let n = 0; n < 5; n++) {
      const remove = rig.point(point);
      expect((await rig.continue()).reason).toEqual({ kind: "watchpoint", via: "write", address: point.address });
      expect(rig.pc()).toBe(rig.program.at("round") + 24n);
      const now = { rounds: rig.x(0), instructions: rig.machine.stats().instructions };
      expect(rig.memory(point.address, 8)).toBe(now.rounds - 1n);
      if (seen !== undefined) {
        expect(now).toEqual({ rounds: seen.rounds + 1n, instructions: seen.instructions + 8 });
      }
      seen = now;
      remove();
      await rig.step();
    }
  });
});

describe("a listener", () => {
  it("may let the machine go on at once, as a step over a range does", async () => {
    const rig = await Rig.create(assemble(COUNT));
    const pcs: bigint[] = [];
    const done = new Promise<void>((resolve) => {
      const stopListening = rig.target.listen({
        stopped() {
          pcs.push(rig.pc() - TEXT);
          if (pcs.length === 4) stopListening();
          if (pcs.length === 4) resolve();
          else rig.target.resume(new Map([[0, { kind: "step" }]]));
        },
      });
    });
    rig.target.resume(new Map([[0, { kind: "step" }]]));
    await done;
    expect(pcs).toEqual([4n, 8n, 12n, 4n]);
  });
});

describe("several vCPUs", () => {
  it("holds those that no action names", async () => {
    const rig = await Rig.create(assemble(twoCounters()), { cpus: 2 });
    rig.break("second");
    await rig.continue();
    const before = [rig.pc(0), rig.x(0, 0)];
    for (let n = 0; n < 10; n++) await rig.step(1);
    expect([rig.pc(0), rig.x(0, 0)]).toEqual(before);
    const running = rig.nextStop();
    rig.target.resume(new Map([[0, { kind: "continue" }]]));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const held = rig.pc(1);
    rig.target.interrupt();
    await running;
    expect(rig.pc(1)).toBe(held);
    expect(rig.x(0, 0)).toBeGreaterThan(1000n);
  });

  it("does not let a vCPU that runs keep another from its step", async () => {
    const rig = await Rig.create(assemble(twoCounters()), { cpus: 2 });
    const remove = rig.break("second");
    await rig.continue();
    remove();
    for (const vcpu of [0, 1, 0, 1]) {
      const from = rig.pc(vcpu);
      expect((await rig.step(vcpu, "running")).vcpu).toBe(vcpu);
      expect(rig.pc(vcpu)).not.toBe(from);
    }
  });

  it("gives a vCPU that is switched off no step, and can be interrupted", async () => {
    const rig = await Rig.create(assemble(COUNT), { cpus: 2 });
    const stop = rig.step(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rig.stops).toEqual([]);
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("interrupt");
    expect(rig.machine.stats().instructions).toBe(0);
  });

  it("runs as it would alone: turns, time and memory, whatever a debugger looks at", async () => {
    const guest = assemble(racers());
    const alone = await Rig.create(guest, { cpus: 3, wait: false });
    expect(await alone.ended).toEqual({ reason: "system-off" });
    expect(alone.console).toMatch(/^[0-9a-z]+$/);

    const rig = await Rig.create(guest, { cpus: 3 });
    const remove = rig.break("visit");
    for (let n = 0; n < 60; n++) {
      const { vcpu } = await rig.continue();
      for (let steps = 0; steps < n % 4; steps++) await rig.step(vcpu, "running");
    }
    remove();
    for (let n = 0; n < 20; n++) {
      const unwatch = rig.point({ kind: "write", address: rig.program.at("token"), length: 8 });
      const { vcpu, reason } = await rig.continue();
      expect(reason.kind).toBe("watchpoint");
      unwatch();
      await rig.step(vcpu, "running");
    }
    rig.target.detach();
    expect(await rig.ended).toEqual({ reason: "system-off" });
    expect(rig.console).toBe(alone.console);
    expect(rig.machine.stateHash()).toBe(alone.machine.stateHash());
  });
});

describe("a reset in the middle of a turn", () => {
  it("leads to the same run as power-on", async () => {
    const guest = assemble(racers());
    const alone = await Rig.create(guest, { cpus: 3, wait: false });
    await alone.ended;
    const rig = await Rig.create(guest, { cpus: 3 });
    const remove = rig.break("visit");
    for (let n = 0; n < 9; n++) {
      const { vcpu } = await rig.continue();
      await rig.step(vcpu);
    }
    rig.target.reset();
    remove();
    rig.target.detach();
    expect(await rig.ended).toEqual({ reason: "system-off" });
    expect(rig.console.endsWith(alone.console)).toBe(true);
    expect(rig.machine.scheduler.now()).toBe(alone.machine.scheduler.now());
  });
});

/**
 * Three vCPUs that draw from one sequence under LDXR/STXR, with WFE while another holds it; the last one switches off.
 */
function racers(): string {
  return `
      mov   x20, #0
      ldr   x0, =0xc4000003
      mov   x1, #1
      adr   x2, race
      mov   x3, #1
      hvc   #0
      ldr   x0, =0xc4000003
      mov   x1, #2
      adr   x2, race
      mov   x3, #2
      hvc   #0
      mov   x0, #0
race: mov   x20, x0
      adr   x1, token
visit: ldaxr x2, [x1]
      cbnz  x2, 1f
      add   x3, x20, #1
      stxr  w4, x3, [x1]
      cbnz  w4, visit
      ldr   x5, [x1, #8]             // the sequence: whose turn it was and when
      mrs   x6, cntvct_el0
      add   x6, x6, x20
      ror   x5, x5, #7
      eor   x5, x5, x6
      ldr   x7, [x1, #16]
      add   x7, x7, #1
      stp   x5, x7, [x1, #8]
      mov   x9, #0x1000
2:    subs  x9, x9, #1
      b.ne  2b
      stlr  xzr, [x1]
      sev
      ldr   x8, =3000
      cmp   x7, x8
      b.hs  finish
      b     visit
1:    wfe
      b     visit
finish:
      mov   x1, #0x09000000
      mov   x3, #16
3:    ror   x5, x5, #60
      and   w2, w5, #15
      add   w2, w2, #'a'
      str   w2, [x1]
      subs  x3, x3, #1
      b.ne  3b
      ${OFF}
      .balign 64
token: .quad 0, 0, 0
`;
}

describe("power", () => {
  it("reports why a machine cannot go on", async () => {
    const rig = await Rig.create(assemble("b ."));
    const stop = rig.continue();
    rig.machine.fail("EL2 has nowhere to return to");
    const text = expect.stringMatching(/^the machine cannot go on: EL2 has nowhere to return to\nCPU0 EL1 PC 0x.*\n$/);
    expect((await stop).reason).toEqual({ kind: "exited", code: 1, text });
  });

  it("reports the guest's end, and its state can still be read", async () => {
    const rig = await Rig.create(assemble(`mov x7, #42\n${OFF}`));
    expect(await rig.continue()).toEqual({ vcpu: 0, reason: { kind: "exited", code: 0 } });
    expect(rig.target.standing?.reason.kind).toBe("exited");
    expect(rig.x(7)).toBe(42n);
    expect(await rig.ended).toEqual({ reason: "system-off" });
    expect(rig.target.monitor("reset", 0)).toMatchObject({ text: "reset: the machine has ended" });
  });

  it("keeps breakpoints and watchpoints over the guest's reset", async () => {
    const source = `adr x1, word\nldr w0, [x1]\nadd w0, w0, #1\nstr w0, [x1]\nldr w0, =0x84000009\nhvc #0\n.balign 8\nword: .quad 0`;
    const rig = await Rig.create(assemble(source), { noReboot: false });
    rig.break(TEXT);
    rig.point({ kind: "read", address: rig.program.at("word"), length: 4 });
    for (let n = 0; n < 3; n++) {
      expect((await rig.continue()).reason.kind).toBe("breakpoint");
      expect(rig.machine.scheduler.now()).toBe(0n);
      await rig.step();
      expect((await rig.continue()).reason.kind).toBe("watchpoint");
      // As a debugger goes on from a watchpoint: without it.
      rig.setRegister(CoreRegister.pc, rig.pc() + 4n);
    }
  });

  it("resets on a debugger's word and stands at the first instruction", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.break("loop");
    await rig.continue();
    rig.setRegister(1, 7n);
    expect(rig.target.monitor("reset", 0)).toContain("first instruction");
    expect(rig.target.standing?.reason.kind).toBe("reset");
    expect([rig.pc(), rig.x(1), rig.machine.scheduler.now()]).toEqual([TEXT, 0n, 0n]);
    expect(await rig.continue()).toEqual(breakpoint());
  });

  it.each([
    { state: "running", attached: false, others: 0, words: "runs from", stands: false },
    { state: "running", attached: false, others: 1, words: "stands at", stands: true },
    { state: "running", attached: true, others: 0, words: "stands at", stands: true },
    { state: "standing", attached: false, others: 0, words: "stands at", stands: true },
  ])(
    "$words its first instruction: reset while $state, asked by a client that is attached: $attached; others: $others",
    async (given) => {
      const { state, attached, others, words, stands } = given;
      const rig = await Rig.create(assemble(COUNT), { wait: state === "standing" });
      const client = { attached, observes: false } as MonitorClient;
      for (let i = 0; i < others; i++) rig.target.listen({ stopped() {} });
      const { scheduler } = rig.machine;
      if (state === "running") await vi.waitUntil(() => scheduler.now() > 1000n);
      const before = scheduler.now();
      const hit = rig.nextStop();
      rig.break("loop");
      expect(rig.target.monitor("reset", 0, client)).toBe(`reset: the machine ${words} its first instruction\n`);
      expect(rig.target.standing?.reason.kind).toBe(stands ? "reset" : undefined);
      // It is at its beginning, and goes on by itself or not.
      if (stands) expect([rig.pc(), scheduler.now()]).toEqual([TEXT, 0n]);
      else {
        expect(await hit).toEqual(breakpoint());
        expect(scheduler.now()).toBeLessThan(before);
      }
    },
  );

  it.each(["standing", "running"])("is killed while %s", async (state) => {
    const rig = await Rig.create(assemble(COUNT), { wait: state === "standing" });
    rig.target.kill();
    expect(rig.machine.ended).toBeUndefined();
    expect(await rig.ended).toEqual({ reason: "killed" });
    expect(rig.target.standing?.reason).toEqual({ kind: "killed" });
  });

  it("runs on after a detach, as though nothing had been asked", async () => {
    const rig = await Rig.create(assemble(twoCounters()), { cpus: 2 });
    const remove = rig.break("second");
    await rig.continue();
    remove();
    rig.target.resume(new Map([[1, { kind: "step" }]]));
    rig.target.interrupt();
    rig.target.detach();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(rig.target.standing).toBeUndefined();
    expect(rig.stops).toHaveLength(1);
    const stop = rig.nextStop();
    rig.target.interrupt();
    await stop;
    expect(rig.x(0, 0)).toBeGreaterThan(1000n);
    expect(rig.x(0, 1)).toBeGreaterThan(1000n);
  });
});

describe("an interrupt", () => {
  it("stops a running guest, an idle one, and only once", async () => {
    const rig = await Rig.create(assemble("wfi\nb ."), { idle: "realtime" });
    for (let n = 0; n < 3; n++) {
      const stop = rig.continue();
      if (n > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      rig.target.interrupt();
      rig.target.interrupt();
      expect(await stop).toEqual({ vcpu: 0, reason: { kind: "interrupt" } });
    }
    expect(rig.stops).toHaveLength(3);
  });

  it("shows the vCPU that executes next, not one that waits", async () => {
    const source = `ldr x0, =0xc4000003\nmov x1, #1\nadr x2, second\nhvc #0\nidle: wfi\nb idle\nsecond: b second`;
    const rig = await Rig.create(assemble(source), { cpus: 2 });
    const stop = rig.continue();
    await new Promise((resolve) => setTimeout(resolve, 30));
    rig.target.interrupt();
    expect(await stop).toEqual({ vcpu: 1, reason: { kind: "interrupt" } });
  });

  it("finds no old stop after a detach that came first", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.target.resume(new Map([[0, { kind: "continue" }]]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    // The machine runs, and is yet to hear of the first when the second comes.
    rig.target.interrupt();
    rig.target.detach();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rig.stops).toEqual([]);
    const stop = rig.nextStop();
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("interrupt");
    expect(rig.x(0)).toBeGreaterThan(1000n);
  });

  it("comes second to what stopped the machine first", async () => {
    const rig = await Rig.create(assemble(COUNT));
    rig.break("loop");
    const stop = rig.continue();
    await new Promise((resolve) => setImmediate(resolve));
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("breakpoint");
    await rig.step();
    expect(await rig.continue()).toEqual(breakpoint());
  });
});
