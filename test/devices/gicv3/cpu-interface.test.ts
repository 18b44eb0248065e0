import { describe, expect, it } from "vitest";
import { EL1, EL2, Rig, SGI_BASE } from "./rig.js";

const SPURIOUS = 1023;

/** Two SPIs on vCPU 0, with these priorities, pending. */
function two(first: number, second: number): Rig {
  const rig = new Rig().enableGroup1();
  for (const [intid, priority] of [
    [40, first],
    [41, second],
  ] as const) {
    rig.enable(intid);
    rig.priority(intid, priority);
  }
  return rig;
}

describe("ICC_* values", () => {
  it("ICC_CTLR_EL1: five priority bits, 16-bit INTIDs, Aff3, range selectors", () => {
    const rig = new Rig();
    expect(rig.mrs("ICC_CTLR_EL1")).toBe((1 << 18) | (1 << 15) | (4 << 8));
    rig.msr("ICC_CTLR_EL1", 0xffff_ffff);
    expect(rig.mrs("ICC_CTLR_EL1")).toBe((1 << 18) | (1 << 15) | (4 << 8) | 3);
  });

  it("ICC_SRE_ELx: there is only the system register interface", () => {
    const rig = new Rig();
    for (const register of ["ICC_SRE_EL1", "ICC_SRE_EL2", "ICC_SRE_EL3"] as const) {
      const expected = register === "ICC_SRE_EL1" ? 7 : 15;
      rig.msr(register, 0);
      expect(rig.mrs(register)).toBe(expected);
    }
  });

  it("ICC_PMR_EL1 keeps five bits", () => {
    const rig = new Rig();
    rig.msr("ICC_PMR_EL1", 0xff);
    expect(rig.mrs("ICC_PMR_EL1")).toBe(0xf8);
    rig.msr("ICC_PMR_EL1", 0xf0);
    expect(rig.mrs("ICC_PMR_EL1")).toBe(0xf0);
  });

  it("binary points have minimums: BPR0 2, BPR1 3", () => {
    const rig = new Rig();
    expect([rig.mrs("ICC_BPR0_EL1"), rig.mrs("ICC_BPR1_EL1")]).toEqual([2, 3]);
    rig.msr("ICC_BPR0_EL1", 0);
    rig.msr("ICC_BPR1_EL1", 0);
    expect([rig.mrs("ICC_BPR0_EL1"), rig.mrs("ICC_BPR1_EL1")]).toEqual([2, 3]);
    rig.msr("ICC_BPR0_EL1", 5);
    rig.msr("ICC_BPR1_EL1", 0xff);
    expect([rig.mrs("ICC_BPR0_EL1"), rig.mrs("ICC_BPR1_EL1")]).toEqual([5, 7]);
  });

  it("CBPR: BPR1 shows BPR0 plus one and ignores writes", () => {
    const rig = new Rig();
    rig.msr("ICC_CTLR_EL1", 1);
    rig.msr("ICC_BPR0_EL1", 4);
    expect(rig.mrs("ICC_BPR1_EL1")).toBe(5);
    rig.msr("ICC_BPR1_EL1", 3);
    expect(rig.mrs("ICC_BPR1_EL1")).toBe(5);
    rig.msr("ICC_BPR0_EL1", 7);
    expect(rig.mrs("ICC_BPR1_EL1")).toBe(7);
    rig.msr("ICC_CTLR_EL1", 0);
    expect(rig.mrs("ICC_BPR1_EL1")).toBe(3);
  });

  it("list registers beyond the configured number do not exist", () => {
    const cpu = new Rig(1, { listRegisters: 2 }).gic.cpuInterface(0);
    expect(cpu.implements("ICH_LR1_EL2")).toBe(true);
    expect(cpu.implements("ICH_LR2_EL2")).toBe(false);
    expect(cpu.implements("ICC_PMR_EL1")).toBe(true);
    cpu.write("ICH_LR2_EL2", EL2, -1n);
    expect(cpu.read("ICH_LR2_EL2", EL2)).toBe(0n);
  });
});

describe("acknowledge and end of interrupt", () => {
  it("gives the highest priority first, then the lowest INTID", () => {
    const rig = two(0xa0, 0x80);
    rig.enable(39);
    rig.priority(39, 0xa0);
    rig.gicd(0x204, 0x7 << 7);
    const seen = [0, 1, 2, 3].map(() => {
      const intid = rig.mrs("ICC_IAR1_EL1");
      rig.msr("ICC_EOIR1_EL1", intid);
      return intid;
    });
    expect(seen).toEqual([41, 39, 40, SPURIOUS]);
  });

  it("RPR, APR and active state follow: acknowledge, end", () => {
    const rig = two(0xa0, 0xa0);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0xff);
    rig.gic.spi(8).set(true);
    expect(rig.mrs("ICC_HPPIR1_EL1")).toBe(40);
    expect(rig.mrs("ICC_HPPIR0_EL1")).toBe(SPURIOUS);
    expect(rig.mrs("ICC_IAR0_EL1"), "not a Group 0 interrupt").toBe(SPURIOUS);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0xa0);
    expect(rig.mrs("ICC_AP1R0_EL1")).toBe(1 << (0xa0 >> 3));
    expect(rig.isActive(40)).toBe(true);
    expect(rig.mrs("ICC_HPPIR1_EL1")).toBe(SPURIOUS);
    rig.gic.spi(8).set(false);
    rig.msr("ICC_EOIR1_EL1", 40);
    expect([rig.mrs("ICC_RPR_EL1"), rig.mrs("ICC_AP1R0_EL1"), rig.isActive(40)]).toEqual([0xff, 0, false]);
  });

  it("the lowest priority of all is a running priority too (APR bit 31)", () => {
    const rig = two(0xf8, 0xf8);
    rig.msr("ICC_PMR_EL1", 0xff);
    rig.gic.spi(8).set(true);
    expect(rig.mrs("ICC_IAR1_EL1"), "PMR 0xF8 masks 0xF8").toBe(SPURIOUS);
    rig.priority(40, 0xf0);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
    rig.msr("ICC_AP1R0_EL1", 0x8000_0000);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0xf8);
    expect(rig.mrs("ICC_AP1R0_EL1")).toBe(0x8000_0000);
  });

  it("PMR masks priorities that are not higher than it (Linux masks with 0x60 … 0xF0)", () => {
    const rig = two(0xa0, 0x20);
    rig.gic.spi(8).set(true);
    for (const [pmr, out] of [
      [0xf0, "irq"],
      [0xa8, "irq"],
      [0xa0, ""],
      [0x60, ""],
      [0, ""],
    ] as const) {
      rig.msr("ICC_PMR_EL1", pmr);
      expect([pmr, rig.out()]).toEqual([pmr, out]);
    }
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(SPURIOUS);
    expect(rig.mrs("ICC_HPPIR1_EL1"), "masked, but still the highest pending").toBe(40);
    rig.msr("ICC_PMR_EL1", 0x60);
    rig.gic.spi(9).set(true);
    expect(rig.out(), "a pseudo-NMI passes").toBe("irq");
  });

  it("preempts by group priority: nested, and not by a mere subpriority", () => {
    const rig = two(0xa0, 0x80);
    rig.gic.spi(8).set(true);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
    rig.gic.spi(9).set(true);
    expect(rig.out()).toBe("irq");
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(41);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0x80);
    expect(rig.mrs("ICC_AP1R0_EL1")).toBe((1 << 20) | (1 << 16));
    rig.gic.spi(9).set(false);
    rig.msr("ICC_EOIR1_EL1", 41);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0xa0);

    // Group priority in bits 7:6 only: 0x80 and 0xA0 are now the same group.
    rig.msr("ICC_BPR1_EL1", 6);
    rig.gic.spi(9).set(true);
    expect(rig.out()).toBe("");
    rig.gic.spi(8).set(false);
    rig.msr("ICC_EOIR1_EL1", 40);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(41);
    expect(rig.mrs("ICC_RPR_EL1"), "the group priority of 0x80").toBe(0x80);
  });

  it("the order among pending interrupts goes by the whole priority, also within a group priority", () => {
    const rig = two(0xa8, 0xa0);
    rig.msr("ICC_BPR1_EL1", 6);
    rig.gicd(0x204, 3 << 8);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(41);
    expect(rig.mrs("ICC_RPR_EL1")).toBe(0x80);
  });

  it("EOImode = 1 splits priority drop and deactivation; without it DIR does nothing", () => {
    const rig = two(0xa0, 0xa0);
    const wire = rig.gic.spi(8);
    wire.set(true);
    rig.mrs("ICC_IAR1_EL1");
    rig.msr("ICC_DIR_EL1", 40);
    expect(rig.isActive(40)).toBe(true);
    rig.msr("ICC_EOIR1_EL1", 40);
    expect(rig.isActive(40)).toBe(false);

    rig.msr("ICC_CTLR_EL1", 2);
    rig.mrs("ICC_IAR1_EL1");
    rig.msr("ICC_EOIR1_EL1", 40);
    expect([rig.mrs("ICC_RPR_EL1"), rig.isActive(40)]).toEqual([0xff, true]);
    expect(rig.out(), "active: not signalled again").toBe("");
    rig.msr("ICC_DIR_EL1", 40);
    expect([rig.isActive(40), rig.out()]).toEqual([false, "irq"]);
  });

  it("an interrupt still active blocks neither others nor itself after ICACTIVER", () => {
    const rig = two(0xa0, 0xa0);
    rig.gic.spi(8).set(true);
    rig.gic.spi(9).set(true);
    rig.msr("ICC_CTLR_EL1", 2);
    rig.mrs("ICC_IAR1_EL1");
    rig.msr("ICC_EOIR1_EL1", 40);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(41);
    rig.msr("ICC_EOIR1_EL1", 41);
    rig.gicd(0x384, 1 << 8);
    expect(rig.out()).toBe("irq");
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(40);
  });

  it("ends that belong to nothing are ignored", () => {
    const rig = two(0xa0, 0xa0);
    rig.msr("ICC_EOIR1_EL1", 40);
    rig.gic.spi(8).set(true);
    rig.mrs("ICC_IAR1_EL1");
    rig.msr("ICC_EOIR1_EL1", SPURIOUS);
    rig.msr("ICC_EOIR0_EL1", 40);
    rig.msr("ICC_EOIR1_EL1", 900);
    rig.msr("ICC_DIR_EL1", 0xff_ffff);
    expect([rig.mrs("ICC_RPR_EL1"), rig.isActive(40)]).toEqual([0xa0, true]);
  });

  it("a debugger's look at IAR acknowledges nothing", () => {
    const rig = two(0xa0, 0xa0);
    rig.gic.spi(8).set(true);
    const before = rig.gic.save();
    expect(rig.gic.cpuInterface(0).peek("ICC_IAR1_EL1", EL1)).toBe(40n);
    expect(rig.gic.cpuInterface(0).peek("ICC_PMR_EL1", EL1)).toBe(0xf0n);
    expect(rig.gic.save()).toEqual(before);
  });
});

describe("groups in a single security state", () => {
  it("Group 0 is FIQ with its own enable, acknowledge and end; Group 1 is IRQ", () => {
    const rig = two(0xa0, 0x80);
    rig.gicd(0x084, ~(1 << 9));
    rig.gic.spi(8).set(true);
    rig.gic.spi(9).set(true);
    expect(rig.out(), "Group 0 is not enabled at the CPU interface").toBe("irq");
    rig.msr("ICC_IGRPEN0_EL1", 1);
    expect(rig.mrs("ICC_IGRPEN0_EL1")).toBe(1);
    expect(rig.out()).toBe("fiq");
    expect(rig.mrs("ICC_IAR1_EL1"), "the highest is not of Group 1").toBe(SPURIOUS);
    expect(rig.mrs("ICC_HPPIR0_EL1")).toBe(41);
    expect(rig.mrs("ICC_IAR0_EL1")).toBe(41);
    expect(rig.mrs("ICC_AP0R0_EL1")).toBe(1 << 16);
    rig.msr("ICC_EOIR1_EL1", 41);
    expect(rig.mrs("ICC_RPR_EL1"), "the wrong group's EOIR").toBe(0x80);
    rig.gic.spi(9).set(false);
    rig.msr("ICC_EOIR0_EL1", 41);
    expect([rig.mrs("ICC_RPR_EL1"), rig.out()]).toEqual([0xff, "irq"]);
  });

  it("BPR0 rules Group 0, and with CBPR both", () => {
    const rig = two(0xa0, 0x80);
    rig.msr("ICC_BPR0_EL1", 5);
    rig.gic.spi(8).set(true);
    rig.mrs("ICC_IAR1_EL1");
    rig.gic.spi(9).set(true);
    expect(rig.out()).toBe("irq");
    rig.msr("ICC_CTLR_EL1", 1);
    expect(rig.out(), "bits 7:6 are the group priority now").toBe("");
  });

  it("ICC_IGRPEN1_EL1 off: not signalled, not acknowledged, not the highest pending", () => {
    const rig = two(0xa0, 0x80);
    rig.gic.spi(8).set(true);
    rig.msr("ICC_IGRPEN1_EL1", 0);
    expect([rig.out(), rig.mrs("ICC_IAR1_EL1"), rig.mrs("ICC_HPPIR1_EL1")]).toEqual(["", SPURIOUS, SPURIOUS]);
  });
});

describe("SGIs", () => {
  const sgi = (fields: { intid: number; targets?: number; aff1?: number; rs?: number; irm?: boolean }): bigint =>
    (BigInt(fields.intid) << 24n) |
    BigInt(fields.targets ?? 0) |
    (BigInt(fields.aff1 ?? 0) << 16n) |
    (BigInt(fields.rs ?? 0) << 44n) |
    (fields.irm ? 1n << 40n : 0n);

  function many(): Rig {
    const rig = new Rig(34).enableGroup1();
    for (let cpu = 0; cpu < 34; cpu++) rig.gicr(SGI_BASE + 0x100, 0xffff, cpu);
    return rig;
  }

  const receivers = (rig: Rig): number[] => rig.outputs.flatMap((outputs, cpu) => (outputs.irq.level ? [cpu] : []));

  it("reach the targets of a list, by affinity", () => {
    const rig = many();
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 3, targets: 0b1010_0000_0000_0001 }), EL1, 5);
    expect(receivers(rig)).toEqual([0, 13, 15]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1, 13)).toBe(3);
    rig.msr("ICC_EOIR1_EL1", 3, EL1, 13);
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 0, targets: 0b11, aff1: 2 }), EL1, 5);
    expect(receivers(rig)).toEqual([0, 15, 32, 33]);
  });

  it("a range selector moves the list by 16; Aff3 and Aff2 select too", () => {
    const rig = new Rig(3, {}, [0, 35, 0x0405_0021]).enableGroup1();
    for (let cpu = 0; cpu < 3; cpu++) rig.enable(3, cpu);
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 3, targets: 0b1000, rs: 1 }));
    expect(receivers(rig)).toEqual([]);
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 3, targets: 0b1000, rs: 2 }));
    expect(receivers(rig)).toEqual([1]);
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 3, targets: 0b10, rs: 2 }) | (4n << 48n) | (5n << 32n));
    expect(receivers(rig)).toEqual([1, 2]);
  });

  it("IRM: everyone but the sender", () => {
    const rig = many();
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 15, targets: 0xffff, irm: true }), EL1, 7);
    expect(receivers(rig)).toHaveLength(33);
    expect(receivers(rig)).not.toContain(7);
  });

  it("to oneself, and again while the first is active", () => {
    const rig = many();
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 1, targets: 1 }));
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(1);
    rig.msr("ICC_SGI1R_EL1", sgi({ intid: 1, targets: 1 }));
    expect(rig.out()).toBe("");
    rig.msr("ICC_EOIR1_EL1", 1);
    expect(rig.mrs("ICC_IAR1_EL1")).toBe(1);
  });

  it.each([
    ["ICC_SGI0R_EL1", true, false],
    ["ICC_ASGI1R_EL1", true, false],
    ["ICC_SGI1R_EL1", true, true],
  ] as const)(
    "%s in the single security state: to a target in Group 0 %s, in Group 1 %s",
    (register, group0, group1) => {
      const rig = many();
      rig.gicr(SGI_BASE + 0x080, 0xffff_fffd);
      rig.msr(register, sgi({ intid: 1, targets: 1 }));
      rig.msr(register, sgi({ intid: 2, targets: 1 }));
      expect([rig.isPending(1), rig.isPending(2)]).toEqual([group0, group1]);
    },
  );

  it("can be made pending through GICR_ISPENDR0, as Linux retriggers them", () => {
    const rig = many();
    rig.gicr(SGI_BASE + 0x200, 1 << 4, 9);
    expect(receivers(rig)).toEqual([9]);
  });
});
