import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SnapshotError } from "../../../src/bus/contract.js";
import type { InterruptDescription } from "../../../src/devices/gicv3/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { EL1, EL1V, EL2, EL3, listRegister, Rig, SGI_BASE } from "./rig.js";

statefulSuite("GICv3", () => {
  const rig = new Rig(2, { securityExtensions: true });
  return {
    component: rig.gic,
    disturb: () => {
      rig.gicd(0x0, 0x37, 4, true);
      for (let word = 1; word < 3; word++) {
        rig.gicd(0x080 + 4 * word, 0xf0f0_f0f0, 4, true);
        rig.gicd(0xd00 + 4 * word, 0x0f0f_0000, 4, true);
        rig.gicd(0xe00 + 8 * word, 0x1234_5678, 4, true);
        rig.gicd(0xc00 + 8 * word, 0x8888_8888, 4, true);
        rig.gicd(0x100 + 4 * word, 0xffff_ffff, 4, true);
      }
      rig.gicd(0x424, 0xa098_9088, 4, true);
      rig.gic.distributor.write(0x6000 + 8 * 40, 8, 1n, true);
      rig.gic.distributor.write(0x6000 + 8 * 41, 8, 0x8000_0000n, true);
      for (let cpu = 0; cpu < 2; cpu++) {
        rig.gicr(0x14, 0, cpu, 4, true);
        rig.gicr(0x0, 1 << 24, cpu, 4, true);
        rig.gicr(SGI_BASE + 0x080, 0xffff_0000, cpu, 4, true);
        rig.gicr(SGI_BASE + 0x100, 0xffff_ffff, cpu, 4, true);
        rig.gicr(SGI_BASE + 0x418, 0xa0a0_a0a0, cpu, 4, true);
        rig.msr("ICC_PMR_EL1", 0xf0, EL3, cpu);
        rig.msr("ICC_IGRPEN1_EL3", 3, EL3, cpu);
        rig.msr("ICC_IGRPEN0_EL1", 1, EL3, cpu);
        rig.msr("ICC_CTLR_EL3", 0x16, EL3, cpu);
        rig.msr("ICC_BPR0_EL1", 4, EL3, cpu);
      }
      rig.gic.spi(4).set(true);
      rig.gic.spi(5).set(true);
      rig.gic.spi(8).set(true);
      rig.gic.ppi(0, 11).set(true);
      rig.mrs("ICC_IAR1_EL1", EL1, 0);
      rig.msr("ICH_HCR_EL2", 3, EL2);
      rig.msr("ICC_PMR_EL1", 0xe0, EL1V);
      rig.msr("ICC_IGRPEN1_EL1", 1, EL1V);
      rig.msr("ICH_LR0_EL2", listRegister({ vintid: 27, pintid: 27 }), EL2);
      rig.msr("ICH_LR1_EL2", listRegister({ vintid: 3, priority: 0x90 }), EL2);
      rig.mrs("ICC_IAR1_EL1", EL1V);
    },
    runOn: () => {
      const seen: unknown[] = [rig.out(0), rig.out(1)];
      const drain = (cpu: number): void => {
        for (let i = 0; i < 5; i++) {
          const intid = rig.mrs("ICC_IAR1_EL1", EL3, cpu);
          seen.push(intid, rig.mrs("ICC_RPR_EL1", EL3, cpu));
          if (intid < 1020) rig.msr("ICC_EOIR1_EL1", intid, EL3, cpu);
        }
      };
      drain(0);
      drain(1);
      rig.msr("ICC_EOIR1_EL1", 3, EL1V);
      seen.push(rig.mrs("ICC_IAR1_EL1", EL1V), rig.out(0), rig.out(1), rig.gic.describe());
      return seen;
    },
  };
});

describe("lines after reset and restore", () => {
  it.each(["irq", "fiq", "virq", "vfiq"] as const)("%s is driven whatever it was", (name) => {
    const rig = new Rig(1);
    const wire = rig.outputs[0]?.[name];
    wire?.set(true);
    rig.gic.reset();
    expect(wire?.level).toBe(false);
    wire?.set(true);
    rig.gic.restore(rig.gic.save());
    expect(wire?.level).toBe(false);
  });
});

describe("lines in use", () => {
  it("are driven when their level changes, and only then", () => {
    const rig = new Rig(1).enableGroup1();
    const calls: string[] = [];
    for (const name of ["irq", "fiq", "virq", "vfiq"] as const) {
      const wire = rig.outputs[0]?.[name];
      if (wire) wire.set = (level) => calls.push(`${name}=${level}`);
    }
    rig.enable(33);
    rig.gic.spi(1).set(true);
    rig.gic.spi(2).set(true);
    rig.msr("ICH_HCR_EL2", 1, EL2);
    rig.msr("ICC_PMR_EL1", 0xe0, EL1V);
    rig.msr("ICC_IGRPEN1_EL1", 1, EL1V);
    rig.msr("ICH_LR1_EL2", listRegister({ vintid: 3 }), EL2);
    rig.gic.spi(1).set(false);
    expect(calls).toEqual(["irq=true", "virq=true", "irq=false"]);
  });
});

describe("snapshots of a GIC of another shape", () => {
  it("are refused with a reason", () => {
    const state = new Rig(2).gic.save();
    expect(() => new Rig(1).gic.restore(state)).toThrow(/2 vCPUs where this machine has 1/);
    expect(() => new Rig(2, { spis: 64 }).gic.restore(state)).toThrow(SnapshotError);
    expect(() => new Rig(2, { listRegisters: 16 }).gic.restore(state)).toThrow(/4 list registers/);
    expect(() => new Rig(2).gic.restore(state)).not.toThrow();
  });
});

describe("describe()", () => {
  it("is plain data: interrupts that are not at rest, priorities, list registers", () => {
    const rig = new Rig(2).enableGroup1();
    rig.enable(33);
    rig.gicd(0x6000 + 8 * 33, 1);
    rig.gic.spi(1).set(true);
    rig.gicd(0x204 + 4, 1);
    rig.gicd(0x6000 + 8 * 64, 0x8000_0000);
    rig.msr("ICH_LR2_EL2", listRegister({ vintid: 33, pintid: 33, state: "active" }), EL2, 1);
    rig.msr("ICH_HCR_EL2", 1, EL2, 1);
    const description = rig.gic.describe();
    expect(description.securityStates).toBe(1);
    expect(description.groupsEnabled).toEqual(["0", "1NS"]);
    const common = { active: false, pending: true, trigger: "level", group: "1NS", priority: 0xa0 };
    expect(description.interrupts).toEqual([
      { ...common, intid: 33, enabled: true, level: true, target: 1 },
      { ...common, intid: 64, enabled: false, level: false, target: "any" },
    ]);
    const [first, second] = description.cpus;
    expect(first).toMatchObject({ cpu: 0, affinity: 0, priorityMask: 0xf0, runningPriority: 0xff, interrupts: [] });
    expect(first).not.toHaveProperty("signalled");
    expect([first?.virtual.enabled, second?.virtual.enabled]).toEqual([false, true]);
    expect(second).toMatchObject({ signalled: "1NS" });
    expect(second?.virtual.listRegisters[2]).toEqual({
      index: 2,
      state: "active",
      vintid: 33,
      group: 1,
      priority: 0xa0,
      pintid: 33,
    });
    expect(second?.virtual.listRegisters[0]).toMatchObject({ state: "invalid", maintenance: false });
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });
});

/** The highest priority pending interrupt of a vCPU, from the plain description: the slow and obvious way. */
function expectedPending(rig: Rig, cpu: number): number {
  const { interrupts, cpus } = rig.gic.describe();
  const own = cpus[cpu]?.interrupts ?? [];
  const mine = interrupts.filter(({ target }) => target === cpu || target === "any");
  const ready = (interrupt: InterruptDescription): boolean =>
    interrupt.enabled && interrupt.pending && !interrupt.active && interrupt.group === "1NS";
  const candidates = [...own, ...mine].filter(ready);
  candidates.sort((a, b) => a.priority - b.priority || a.intid - b.intid);
  return candidates[0]?.intid ?? 1023;
}

describe("any sequence of events", () => {
  const intid = fc.constantFrom(0, 5, 15, 27, 30, 32, 33, 63, 64, 100, 287);
  const cpu = fc.constantFrom(0, 1, 2);
  const action = fc.oneof(
    fc.record({ kind: fc.constant("wire"), intid, level: fc.boolean(), cpu }),
    fc.record({ kind: fc.constant("register"), intid, offset: fc.constantFrom(0x100, 0x180, 0x200, 0x280), cpu }),
    fc.record({ kind: fc.constant("priority"), intid, value: fc.nat(255), cpu }),
    fc.record({ kind: fc.constant("route"), intid, value: fc.constantFrom(0, 1, 2, 3, 0x8000_0000), cpu }),
    fc.record({ kind: fc.constant("group"), intid, cpu }),
    fc.record({ kind: fc.constant("edge"), intid, cpu }),
    fc.record({ kind: fc.constant("acknowledge"), cpu }),
    fc.record({ kind: fc.constant("end"), cpu }),
    fc.record({ kind: fc.constant("sgi"), intid: fc.nat(15), value: fc.nat(7), cpu }),
  );
  type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

  function apply(rig: Rig, taken: number[][], step: Action): void {
    const { cpu } = step;
    const write = (id: number, offset: number, value: number): void => {
      if (id < 32) rig.gicr(SGI_BASE + offset, value, cpu);
      else rig.gicd(offset + 4 * (id >> 5), value);
    };
    const stack = taken[cpu] as number[];
    if ("level" in step) {
      if (step.intid >= 32) rig.gic.spi(step.intid - 32).set(step.level);
      else if (step.intid >= 16) rig.gic.ppi(cpu, step.intid - 16).set(step.level);
    } else if ("offset" in step) {
      write(step.intid, step.offset, 1 << (step.intid & 31));
    } else if (step.kind === "priority" && "value" in step) {
      rig.priority(step.intid, step.value, cpu);
    } else if (step.kind === "route" && "value" in step) {
      if (step.intid >= 32) rig.gic.distributor.write(0x6000 + 8 * step.intid, 8, BigInt(step.value));
    } else if (step.kind === "group" && "intid" in step) {
      write(step.intid, 0x080, 0xffff_0000);
    } else if (step.kind === "edge" && "intid" in step) {
      if (step.intid >= 32) rig.gicd(0xc00 + 4 * (step.intid >> 4), 0xaaaa_aaaa);
    } else if (step.kind === "acknowledge") {
      const expected = expectedPending(rig, cpu);
      const got = rig.mrs("ICC_IAR1_EL1", EL1, cpu);
      if (got === 1023) return;
      expect(got).toBe(expected);
      stack.push(got);
    } else if (step.kind === "end") {
      const top = stack.pop();
      if (top !== undefined) rig.msr("ICC_EOIR1_EL1", top, EL1, cpu);
    } else if (step.kind === "sgi" && "value" in step) {
      rig.msr("ICC_SGI1R_EL1", (BigInt(step.intid) << 24n) | BigInt(step.value), EL1, cpu);
    }
  }

  it("signals exactly the interrupt that the plain definition says", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (steps) => {
        const rig = new Rig(3).enableGroup1();
        for (let word = 1; word < 9; word++) rig.gicd(0x100 + 4 * word, -1);
        for (let cpu = 0; cpu < 3; cpu++) rig.gicr(SGI_BASE + 0x100, -1, cpu);
        const taken: number[][] = [[], [], []];
        for (const step of steps) {
          apply(rig, taken, step);
          for (let cpu = 0; cpu < 3; cpu++) {
            const expected = expectedPending(rig, cpu);
            expect(rig.mrs("ICC_HPPIR1_EL1", EL1, cpu)).toBe(expected);
            const description = rig.gic.describe();
            const priority =
              [...(description.cpus[cpu]?.interrupts ?? []), ...description.interrupts].find(
                (i) => i.intid === expected,
              )?.priority ?? 0xff;
            const running = rig.mrs("ICC_RPR_EL1", EL1, cpu);
            expect(rig.out(cpu)).toBe(priority < 0xf0 && priority < running ? "irq" : "");
          }
        }
      }),
      { numRuns: 60, seed: 20240229 },
    );
  });
});
