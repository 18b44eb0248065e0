/** Steps on the real machine, and what happens beside them: interrupts, exceptions, waits, exclusives, time. */
import { describe, expect, it } from "vitest";
import { TargetError } from "../../src/gdb/index.js";
import { DEFAULT_STEP_MODE } from "../../src/machine/step.js";
import { assemble, Rig, type RigOptions } from "./debug-rig.js";

/**
 * EL1, or EL0 after it; the virtual timer fires every so many counts, its handler counts in X20 and sets it again. Code
 * under test begins at `code`.
 */
const withTimer = (code: string, options: { readonly el: 0 | 1; readonly el2?: "guest" }): string => `
      ${options.el2 === "guest" ? "ldr x0, =0x80000000\nmsr hcr_el2, x0\nmov x0, #0x3c5\nmsr spsr_el2, x0\nadr x0, 1f\nmsr elr_el2, x0\neret\n1:" : ""}
      adr   x0, base
      msr   vbar_el1, x0
      adr   x0, stack
      mov   sp, x0
      ldr   x1, =0x080a0000
      str   wzr, [x1, #0x14]
      add   x1, x1, #0x10000
      mov   w0, #(1 << 27)
      str   w0, [x1, #0x80]
      str   w0, [x1, #0x100]
      ldr   x1, =0x08000000
      mov   w0, #0x12
      str   w0, [x1]
      mov   x0, #0xff
      msr   s3_0_c4_c6_0, x0
      mov   x0, #1
      msr   s3_0_c12_c12_7, x0
      mov   x21, #8
      msr   cntv_tval_el0, x21
      msr   cntv_ctl_el0, x0
      ${options.el === 0 ? "adr x0, code\nmsr elr_el1, x0\nmsr spsr_el1, xzr\nadr x0, user\nmsr sp_el0, x0\neret" : "msr daifclr, #2"}
code: ${code}
      .balign 2048
base: .space 0x200
      b     sync
      .balign 128
      b     irq
      .balign 128
      .space 0x100
      b     sync
      .balign 128
      b     irq
      .balign 128
sync: add   x23, x23, #1
      eret
irq:  stp   x0, x1, [sp, #-16]!
      mrs   x0, s3_0_c12_c12_0
      add   x20, x20, #1
      msr   cntv_tval_el0, x21
      isb
      msr   s3_0_c12_c12_1, x0
      ldp   x0, x1, [sp], #16
      eret
      .balign 16
      .space 256
stack: .space 256
user:
`;

const COUNT = "mov x5, #0\n1: add x5, x5, #1\n add x6, x6, x5\n b 1b";

async function at(label: string, source: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.create(assemble(source), options);
  const remove = rig.break(label);
  await rig.continue();
  remove();
  return rig;
}

describe("an interrupt at a step", () => {
  it.each([
    [1, "hosted"],
    [0, "hosted"],
    [1, "guest"],
    [0, "guest"],
  ] as const)("has its handler run to completion, at EL%d, EL2 %s", async (el, el2) => {
    const rig = await at("code", withTimer(COUNT, el2 === "guest" ? { el, el2 } : { el }), { el2 });
    const code = rig.program.at("code");
    const before = rig.x(20);
    for (let n = 1; n <= 60; n++) {
      expect((await rig.step()).reason.kind).toBe("step");
      const expected = n === 1 ? 1 : 1 + ((n - 1) % 3);
      expect((rig.pc() - code) / 4n, `step ${n}`).toBe(BigInt(expected));
      expect(rig.machine.cores[0]?.vcpu.el).toBe(el);
    }
    expect(rig.x(5)).toBe(20n);
    expect(rig.x(20) - before).toBeGreaterThan(0n);
  });

  it("waits when interrupts are masked, and none is lost", async () => {
    const rig = await at("code", withTimer(COUNT, { el: 1 }));
    rig.machine.scheduler.stepMode = { ...DEFAULT_STEP_MODE, interrupts: "mask" };
    const before = rig.x(20);
    for (let n = 0; n < 60; n++) await rig.step();
    expect([rig.x(5), rig.x(20)]).toEqual([20n, before]);
    rig.break("irq");
    expect((await rig.continue()).reason.kind).toBe("breakpoint");
  });

  it("ends the step at its vector when it is to land there", async () => {
    const rig = await at("code", withTimer(COUNT, { el: 0 }));
    rig.machine.scheduler.stepMode = { ...DEFAULT_STEP_MODE, interrupts: "land" };
    const vector = rig.program.at("base") + 0x480n;
    let n = 0;
    do await rig.step();
    while (rig.pc() !== vector && ++n < 200);
    const { vcpu } = rig.machine.cores[0]!;
    expect([rig.pc(), vcpu.el]).toEqual([vector, 1]);
    const from = vcpu.sysreg("ELR_EL1");
    const counted = rig.x(20);
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("irq"));
    for (let i = 0; i < 8; i++) await rig.step();
    expect([rig.pc(), rig.x(20)]).toEqual([from, counted + 1n]);
  });

  it("stops at a breakpoint in the handler", async () => {
    const rig = await at("code", withTimer(COUNT, { el: 1 }));
    rig.break(rig.program.at("irq") + 8n);
    let stop = await rig.step();
    while (stop.reason.kind === "step") stop = await rig.step();
    expect(stop.reason.kind).toBe("breakpoint");
    expect(rig.pc()).toBe(rig.program.at("irq") + 8n);
    // From here a step is a step in the handler.
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("irq") + 12n);
  });

  it("never comes while time stands still", async () => {
    const rig = await at("code", withTimer(COUNT, { el: 1 }));
    rig.machine.scheduler.stepMode = { ...DEFAULT_STEP_MODE, timers: false };
    const [time, handled] = [rig.machine.scheduler.now(), rig.x(20)];
    for (let n = 0; n < 200; n++) await rig.step();
    expect([rig.machine.scheduler.now(), rig.x(20)]).toEqual([time, handled]);
  });

  it("leaves the run as it is without steps", async () => {
    const end = "ldr w0, =0x84000008\nhvc #0\nb .";
    const source = withTimer(
      `mov x5, #100\n1: sub x5, x5, #1\ncbnz x5, 1b\nldxr x9, [sp]\nstxr w10, x9, [sp]\n${end}`,
      { el: 1 },
    );
    const run = async (steps: number): Promise<unknown[]> => {
      const rig = await at("code", source);
      for (let n = 0; n < steps; n++) await rig.step();
      await rig.continue();
      return [rig.machine.stateHash(), rig.x(20)];
    };
    const alone = await run(0);
    expect(await run(150)).toEqual(alone);
    expect(await run(37)).toEqual(alone);
  });
});

describe("an interrupt that is caught", () => {
  it.each(["intid 27", "irq 27", "irq", "vector irq to el1"])("%s stops at the guest's vector", async (what) => {
    const rig = await at("code", withTimer(COUNT, { el: 0 }));
    rig.target.monitor(`catch ${what}`, 0);
    const { reason } = await rig.continue();
    expect(reason.kind === "catch" ? reason.text : reason.kind).toContain(
      "IRQ, INTID 27, from EL0 to EL1, vector 0x480",
    );
    expect(rig.pc()).toBe(rig.program.at("base") + 0x480n);
  });

  it("stops at hosted EL2 when that is said, and not for another INTID", async () => {
    const rig = await at("code", withTimer(COUNT, { el: 0 }));
    rig.target.monitor("catch intid 26", 0);
    rig.target.monitor("catch intid 27 to el2", 0);
    const { reason } = await rig.continue();
    expect(reason.kind === "catch" ? reason.text : reason.kind).toMatch(
      /^catch 2 .* IRQ, INTID 27, from EL0 to hosted EL2/,
    );
    // Nothing has been executed of the interrupted code or counted: it goes on as if nobody had looked.
    expect(rig.machine.cores[0]?.vcpu.el).toBe(0);
    await rig.step();
    expect(rig.machine.cores[0]?.vcpu.el).toBe(0);
  });
});

describe("a step over", () => {
  it("ERET arrives where it leads, with what is pending handled", async () => {
    const rig = await at(
      "code",
      withTimer("mov x5, #1\nmov x6, #2\nb .", { el: 0 }).replace("eret\ncode:", "back: eret\ncode:"),
      {},
    );
    expect(rig.machine.cores[0]?.vcpu.el).toBe(0);
    const again = await Rig.create(
      assemble(
        withTimer("mov x5, #1\nmov x6, #2\nb .", { el: 0 }).replace(
          "user\nmsr sp_el0, x0\neret",
          "user\nmsr sp_el0, x0\nback: eret",
        ),
      ),
    );
    again.break("back");
    await again.continue();
    await again.step();
    expect([again.pc(), again.machine.cores[0]?.vcpu.el]).toEqual([again.program.at("code"), 0]);
  });

  it("SVC stops at the vector, or behind it when exceptions are to complete", async () => {
    const rig = await at("code", withTimer("svc #0\nafter: nop\nb .", { el: 0 }));
    rig.machine.scheduler.stepMode = { ...DEFAULT_STEP_MODE, exceptions: "complete" };
    await rig.step();
    expect([rig.pc(), rig.x(23)]).toEqual([rig.program.at("after"), 1n]);
    const plain = await at("code", withTimer("svc #0\nafter: nop\nb .", { el: 0 }));
    await plain.step();
    expect(plain.pc()).toBe(plain.program.at("base") + 0x400n);
  });

  it("LDXR and STXR leaves the monitor armed", async () => {
    const rig = await at(
      "code",
      withTimer("ldxr x9, [sp]\nadd x9, x9, #1\nstxr w10, x9, [sp]\nnop\nb .", { el: 1 }).replace(
        "msr   cntv_ctl_el0, x0",
        "nop",
      ),
    );
    for (let n = 0; n < 3; n++) await rig.step();
    expect(rig.x(10)).toBe(0n);
  });

  it.each(["wfi", "wfe"])("%s goes on with the next instruction", async (wait) => {
    const rig = await at("code", `code: ${wait}\nnop\nb .`);
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("code") + 4n);
  });
});

describe("a step over a range", () => {
  const source = withTimer("mov x7, #0\nloop: add x7, x7, #1\ncmp x7, #50\nb.ne loop\nout: nop\nb .", { el: 1 });

  it("ends outside of it, handlers on the way completed", async () => {
    const rig = await at("code", source);
    const handled = rig.x(20);
    const range = { start: rig.program.at("code"), end: rig.program.at("out") };
    const stop = rig.nextStop();
    const stops = rig.stops.length;
    rig.target.resume(new Map([[0, { kind: "step", range }]]));
    expect((await stop).reason.kind).toBe("step");
    expect([rig.pc(), rig.x(7)]).toEqual([rig.program.at("out"), 50n]);
    expect(rig.stops.length).toBe(stops + 1);
    expect(rig.x(20)).toBeGreaterThan(handled);
  });

  it("can be interrupted, and stops at a breakpoint inside", async () => {
    const rig = await at("code", source.replace("#50", "#0"));
    const range = { start: rig.program.at("code"), end: rig.program.at("out") };
    const stop = rig.nextStop();
    rig.target.resume(new Map([[0, { kind: "step", range }]]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("interrupt");
    rig.break("loop");
    const next = rig.nextStop();
    rig.target.resume(new Map([[0, { kind: "step", range }]]));
    await next;
    expect((await rig.continue()).reason.kind).toBe("breakpoint");
    // A plain step after it is one instruction.
    await rig.step();
    expect(rig.pc()).toBe(rig.program.at("loop") + 4n);
  });
});

describe("monitor step", () => {
  it("shows and changes the setting", async () => {
    const rig = await Rig.create(assemble("nop"));
    const monitor = (command: string): string => {
      const output = rig.target.monitor(command, 0);
      return output instanceof TargetError ? `refused: ${output.text}` : output;
    };
    expect(monitor("step")).toMatch(/^interrupts complete .*\nexceptions land .*\ntimers run /);
    expect(rig.target.stepBits).toBe(9);
    expect(monitor("step interrupts mask timers stop")).toMatch(
      /^interrupts mask .*\nexceptions land .*\ntimers stop /,
    );
    expect(rig.target.stepBits).toBe(7);
    rig.target.stepBits = 1;
    expect(monitor("step exceptions complete")).toMatch(/^interrupts land .*\nexceptions complete .*\ntimers run /);
    expect(monitor("step default")).toMatch(/^interrupts complete/);
    expect(monitor("step sideways now")).toMatch(/^refused: no step setting "sideways now"; there are/);
  });
});
