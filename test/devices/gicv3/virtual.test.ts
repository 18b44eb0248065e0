/** The virtual CPU interface: list registers, ICV_*, the maintenance interrupt (Arm IHI 0069H, chapter 6). */
import { beforeEach, describe, expect, it } from "vitest";
import { type GicRegister, ichTrapBits, isVirtualAccess } from "../../../src/devices/gicv3/index.js";
import { EL1, EL1V, EL2, listRegister, Rig } from "./rig.js";

const SPURIOUS = 1023;
const MAINTENANCE = 25;

const LR = ["ICH_LR0_EL2", "ICH_LR1_EL2", "ICH_LR2_EL2", "ICH_LR3_EL2"] as const;

let rig: Rig;
beforeEach(() => {
  rig = new Rig().enableGroup1();
  rig.enable(MAINTENANCE);
  rig.msr("ICH_HCR_EL2", 1, EL2);
  rig.msr("ICC_PMR_EL1", 0xf0, EL1V);
  rig.msr("ICC_IGRPEN1_EL1", 1, EL1V);
});

function lr(n: number, fields: Parameters<typeof listRegister>[0]): void {
  rig.msr(LR[n] as GicRegister, listRegister(fields), EL2);
}

function stateOf(n: number): number {
  return Number(rig.mrs64(LR[n] as GicRegister, EL2) >> 62n);
}

describe("ICH_* values", () => {
  it("ICH_VTR_EL2 says what there is", () => {
    expect(rig.mrs("ICH_VTR_EL2", EL2)).toBe(0x9038_0003);
    expect(new Rig(1, { listRegisters: 16 }).mrs("ICH_VTR_EL2", EL2) & 0x1f).toBe(15);
    rig.msr("ICH_VTR_EL2", 0, EL2);
    expect(rig.mrs("ICH_VTR_EL2", EL2)).toBe(0x9038_0003);
  });

  it("ICH_HCR_EL2 keeps what is implemented", () => {
    rig.msr("ICH_HCR_EL2", 0xffff_ffff_ffff_ffffn, EL2);
    expect(rig.mrs64("ICH_HCR_EL2", EL2)).toBe(0xf800_7cffn);
  });

  it("ICH_LR<n>_EL2 keeps its implemented bits, five of priority", () => {
    rig.msr("ICH_LR3_EL2", -1n & 0xffff_ffff_ffff_ffffn, EL2);
    expect(rig.mrs64("ICH_LR3_EL2", EL2)).toBe(0xf0f8_1fff_ffff_ffffn);
  });

  it("ICH_VMCR_EL2 is the guest's ICV_* in one register, both ways", () => {
    rig.msr("ICC_CTLR_EL1", 3, EL1V);
    rig.msr("ICC_IGRPEN0_EL1", 1, EL1V);
    rig.msr("ICC_BPR0_EL1", 4, EL1V);
    rig.msr("ICC_PMR_EL1", 0xa8, EL1V);
    expect(rig.mrs("ICH_VMCR_EL2", EL2)).toBe(((0xa8 << 24) | (4 << 21) | (3 << 18) | 0x21b) >>> 0);
    rig.msr("ICH_VMCR_EL2", (0x58 << 24) | (5 << 21) | (6 << 18) | 2, EL2);
    expect(rig.mrs("ICC_PMR_EL1", EL1V)).toBe(0x58);
    expect(rig.mrs("ICC_BPR0_EL1", EL1V)).toBe(5);
    expect(rig.mrs("ICC_BPR1_EL1", EL1V)).toBe(6);
    expect(rig.mrs("ICC_CTLR_EL1", EL1V) & 3).toBe(0);
    expect([rig.mrs("ICC_IGRPEN0_EL1", EL1V), rig.mrs("ICC_IGRPEN1_EL1", EL1V)]).toEqual([0, 1]);
    rig.msr("ICC_CTLR_EL1", 2, EL1V);
    expect(rig.mrs("ICC_CTLR_EL1", EL1V) & 3).toBe(2);
    rig.msr("ICH_VMCR_EL2", -1n & 0xffff_ffff_ffff_ffffn, EL2);
    expect(rig.mrs64("ICH_VMCR_EL2", EL2), "what is implemented of it").toBe(0xf8fc_021bn);
    rig.msr("ICH_VMCR_EL2", 0, EL2);
    expect(rig.mrs("ICH_VMCR_EL2", EL2), "minimum binary points, VFIQEn").toBe((2 << 21) | (3 << 18) | 8);
  });

  it("the guest's registers are not EL2's", () => {
    rig.msr("ICC_PMR_EL1", 0x50, EL1V);
    expect([rig.mrs("ICC_PMR_EL1", EL1V), rig.mrs("ICC_PMR_EL1", EL2)]).toEqual([0x50, 0xf0]);
    rig.msr("ICC_IGRPEN1_EL1", 0, EL1V);
    expect(rig.mrs("ICC_IGRPEN1_EL1", EL1)).toBe(1);
    rig.msr("ICC_CTLR_EL1", 1, EL1V);
    expect([rig.mrs("ICC_IGRPEN0_EL1", EL1V), rig.mrs("ICC_IGRPEN1_EL1", EL1V)], "not CTLR's bits").toEqual([0, 0]);
    rig.msr("ICC_BPR0_EL1", 6, EL1V);
    expect(rig.mrs("ICC_BPR1_EL1", EL1V), "VCBPR: BPR0 plus one").toBe(7);
    rig.msr("ICC_BPR1_EL1", 3, EL1V);
    expect([rig.mrs("ICC_BPR1_EL1", EL1V), rig.mrs("ICC_BPR1_EL1", EL1)]).toEqual([7, 3]);
    expect(rig.mrs("ICC_CTLR_EL1", EL1V)).toBe((1 << 18) | (1 << 15) | (4 << 8) | 1);
  });

  it("active priorities can be saved and restored by EL2, and seen by the guest", () => {
    rig.msr("ICH_AP1R0_EL2", 1 << 20, EL2);
    rig.msr("ICH_AP0R0_EL2", 0x8000_0000, EL2);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xa0);
    expect(rig.mrs("ICC_AP1R0_EL1", EL1V)).toBe(1 << 20);
    expect(rig.mrs("ICC_AP0R0_EL1", EL1V)).toBe(0x8000_0000);
    expect(rig.mrs("ICC_AP1R0_EL1", EL1)).toBe(0);
  });
});

describe("virtual interrupts", () => {
  it("the pending list register with the highest priority is taken first; groups go to vIRQ and vFIQ", () => {
    lr(0, { vintid: 40, priority: 0xa0 });
    lr(1, { vintid: 41, priority: 0x80 });
    lr(2, { vintid: 3, priority: 0x40, group: 0 });
    expect(rig.out(), "virtual Group 0 is not enabled").toBe("virq");
    expect(rig.mrs("ICC_HPPIR1_EL1", EL1V)).toBe(41);
    rig.msr("ICC_IGRPEN0_EL1", 1, EL1V);
    expect(rig.out()).toBe("vfiq");
    expect(rig.mrs("ICC_HPPIR1_EL1", EL1V)).toBe(SPURIOUS);
    expect(rig.mrs("ICC_HPPIR0_EL1", EL1V)).toBe(3);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(SPURIOUS);
    expect(rig.mrs("ICC_IAR0_EL1", EL1V)).toBe(3);
    expect([stateOf(2), rig.mrs("ICH_AP0R0_EL2", EL2)]).toEqual([2, 1 << 8]);
    rig.msr("ICC_EOIR0_EL1", 3, EL1V);
    expect([stateOf(2), rig.mrs("ICH_AP0R0_EL2", EL2)]).toEqual([0, 0]);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(41);
  });

  it("virtual priority mask and preemption", () => {
    lr(0, { vintid: 40, priority: 0xa0 });
    rig.msr("ICC_PMR_EL1", 0xa0, EL1V);
    expect([rig.out(), rig.mrs("ICC_IAR1_EL1", EL1V)]).toEqual(["", SPURIOUS]);
    rig.msr("ICC_PMR_EL1", 0xa8, EL1V);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(40);
    lr(1, { vintid: 41, priority: 0x98 });
    expect(rig.out()).toBe("virq");
    rig.msr("ICC_BPR1_EL1", 6, EL1V);
    expect(rig.out(), "the same group priority").toBe("");
    rig.msr("ICC_BPR1_EL1", 3, EL1V);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(41);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0x98);
    rig.msr("ICC_EOIR1_EL1", 41, EL1V);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xa0);
  });

  it("virtual Group 0 goes by BPR0, Group 1 by BPR1, and with VCBPR both by BPR0", () => {
    rig.msr("ICC_IGRPEN0_EL1", 1, EL1V);
    rig.msr("ICC_BPR0_EL1", 5, EL1V);
    lr(0, { vintid: 40, priority: 0xa0 });
    rig.mrs("ICC_IAR1_EL1", EL1V);
    lr(1, { vintid: 41, priority: 0x80 });
    expect(rig.out()).toBe("virq");
    rig.msr("ICC_CTLR_EL1", 1, EL1V);
    expect(rig.out(), "bits 7:6 are the group priority of both").toBe("");
    rig.msr("ICC_CTLR_EL1", 0, EL1V);
    lr(1, { vintid: 3, priority: 0x80, group: 0 });
    expect(rig.out(), "of Group 0 in any case").toBe("");
    rig.msr("ICC_BPR0_EL1", 2, EL1V);
    expect(rig.out()).toBe("vfiq");
  });

  it("ICH_HCR_EL2.En = 0: nothing is signalled, nothing can be acknowledged", () => {
    lr(0, { vintid: 40 });
    rig.msr("ICH_HCR_EL2", 0, EL2);
    expect([rig.out(), rig.mrs("ICC_IAR1_EL1", EL1V), stateOf(0)]).toEqual(["", SPURIOUS, 1]);
  });

  it("pending and active: pending again after the end", () => {
    rig.msr("ICH_LR0_EL2", listRegister({ vintid: 40 }) | (3n << 62n), EL2);
    rig.msr("ICH_AP1R0_EL2", 1 << 20, EL2);
    expect(rig.out()).toBe("");
    rig.msr("ICC_EOIR1_EL1", 40, EL1V);
    expect([stateOf(0), rig.out()]).toEqual([1, "virq"]);
  });

  it("LPIs have no active state", () => {
    lr(0, { vintid: 8192 });
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(8192);
    expect([stateOf(0), rig.mrs("ICC_RPR_EL1", EL1V)]).toEqual([0, 0xa0]);
    rig.msr("ICC_EOIR1_EL1", 8192, EL1V);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xff);
    expect(rig.mrs("ICH_HCR_EL2", EL2) >>> 27, "not counted").toBe(0);
  });

  it("a special INTID in a list register is returned and gone, with nothing active", () => {
    lr(0, { vintid: 1020 });
    expect(rig.gic.cpuInterface(0).peek("ICC_IAR1_EL1", EL1V)).toBe(1020n);
    expect(stateOf(0)).toBe(1);
    expect(rig.mrs("ICC_IAR1_EL1", EL1V)).toBe(1020);
    expect(rig.mrs("ICC_RPR_EL1", EL1V)).toBe(0xff);
    expect([stateOf(0), rig.out()]).toEqual([0, ""]);
  });

  it("a peek at ICV_IAR1_EL1 acknowledges nothing", () => {
    lr(0, { vintid: 40 });
    expect(rig.gic.cpuInterface(0).peek("ICC_IAR1_EL1", EL1V)).toBe(40n);
    expect(stateOf(0)).toBe(1);
  });

  it("ends out of order: the priority drops, the list register of another priority stays active", () => {
    lr(0, { vintid: 40, priority: 0xa0 });
    rig.mrs("ICC_IAR1_EL1", EL1V);
    lr(1, { vintid: 41, priority: 0x80 });
    rig.mrs("ICC_IAR1_EL1", EL1V);
    rig.msr("ICC_EOIR1_EL1", 40, EL1V);
    expect([stateOf(0), stateOf(1), rig.mrs("ICC_RPR_EL1", EL1V)]).toEqual([2, 2, 0xa0]);
    rig.msr("ICC_EOIR1_EL1", SPURIOUS, EL1V);
    expect(rig.mrs("ICC_RPR_EL1", EL1V), "special INTIDs drop nothing").toBe(0xa0);
  });

  it("EOIcount counts ends for which no list register is left", () => {
    const count = () => rig.mrs("ICH_HCR_EL2", EL2) >>> 27;
    rig.msr("ICC_EOIR1_EL1", 50, EL1V);
    expect(count(), "nothing was active").toBe(0);
    rig.msr("ICH_AP1R0_EL2", 1 << 20, EL2);
    rig.msr("ICC_EOIR1_EL1", 50, EL1V);
    expect(count()).toBe(1);
    rig.msr("ICC_CTLR_EL1", 2, EL1V);
    rig.msr("ICH_AP1R0_EL2", 1 << 20, EL2);
    rig.msr("ICC_EOIR1_EL1", 50, EL1V);
    expect(count(), "with VEOIM the deactivation is DIR's").toBe(1);
    rig.msr("ICC_DIR_EL1", 50, EL1V);
    expect(count()).toBe(2);
    rig.msr("ICC_DIR_EL1", 9000, EL1V);
    expect(count()).toBe(2);
    for (let i = 0; i < 31; i++) rig.msr("ICC_DIR_EL1", 50, EL1V);
    expect([count(), rig.mrs("ICH_HCR_EL2", EL2) & 1], "five bits, the others untouched").toEqual([1, 1]);
  });

  it("DIR without VEOIM does nothing", () => {
    lr(0, { vintid: 40, state: "active" });
    rig.msr("ICC_DIR_EL1", 40, EL1V);
    expect(stateOf(0)).toBe(2);
  });
});

describe("the maintenance interrupt", () => {
  const misr = () => rig.mrs("ICH_MISR_EL2", EL2);
  const raised = () => rig.isPending(MAINTENANCE);

  it("EOI: a list register that asked to be told (HW = 0, EOI = 1)", () => {
    lr(1, { vintid: 40, maintenance: true });
    rig.mrs("ICC_IAR1_EL1", EL1V);
    expect([misr(), raised()]).toEqual([0, false]);
    rig.msr("ICC_EOIR1_EL1", 40, EL1V);
    expect([misr(), raised(), rig.out()]).toEqual([1, true, "irq"]);
    expect(rig.mrs("ICH_EISR_EL2", EL2)).toBe(0b0010);
    expect(rig.mrs("ICH_ELRSR_EL2", EL2), "not free until EL2 has looked").toBe(0b1101);
    rig.msr("ICH_LR1_EL2", 0, EL2);
    expect([misr(), raised(), rig.out()]).toEqual([0, false, ""]);
    expect(rig.mrs("ICH_ELRSR_EL2", EL2)).toBe(0b1111);
  });

  it("bit 41 of a HW list register is part of the pINTID, not a request", () => {
    rig.msr("ICH_LR0_EL2", (1n << 61n) | (1n << 41n) | 40n, EL2);
    expect([misr(), rig.mrs("ICH_EISR_EL2", EL2), rig.mrs("ICH_ELRSR_EL2", EL2)]).toEqual([0, 0, 0b1111]);
  });

  it("U: at most one valid list register", () => {
    for (let n = 0; n < 3; n++) lr(n, { vintid: 40 + n });
    rig.msr("ICH_HCR_EL2", 3, EL2);
    expect(raised()).toBe(false);
    rig.msr("ICH_LR0_EL2", 0, EL2);
    expect(raised()).toBe(false);
    rig.msr("ICH_LR1_EL2", 0, EL2);
    expect([misr(), raised()]).toEqual([2, true]);
    rig.msr("ICH_HCR_EL2", 1, EL2);
    expect(raised()).toBe(false);
  });

  it("LRENP: an end that found no list register", () => {
    rig.msr("ICH_HCR_EL2", 5, EL2);
    rig.msr("ICH_AP1R0_EL2", 1 << 20, EL2);
    rig.msr("ICC_EOIR1_EL1", 50, EL1V);
    expect([misr(), raised()]).toEqual([4, true]);
    rig.msr("ICH_HCR_EL2", 0x0800_0001, EL2);
    expect(raised(), "counted, but nobody asked").toBe(false);
    rig.msr("ICH_HCR_EL2", 5, EL2);
    expect(raised(), "EOIcount written as zero").toBe(false);
  });

  it("NP: nothing pending", () => {
    lr(0, { vintid: 40 });
    rig.msr("ICH_HCR_EL2", 9, EL2);
    expect(raised()).toBe(false);
    rig.mrs("ICC_IAR1_EL1", EL1V);
    expect([misr(), raised()]).toEqual([8, true]);
  });

  it.each([
    ["VGrp0E", 4, "ICC_IGRPEN0_EL1", 1],
    ["VGrp0D", 5, "ICC_IGRPEN0_EL1", 0],
    ["VGrp1E", 6, "ICC_IGRPEN1_EL1", 1],
    ["VGrp1D", 7, "ICC_IGRPEN1_EL1", 0],
  ] as const)("%s: the guest changes a group enable", (_, bit, register, value) => {
    rig.msr(register, 1 - value, EL1V);
    rig.msr("ICH_HCR_EL2", 1 | (1 << bit), EL2);
    expect(raised()).toBe(false);
    rig.msr(register, value, EL1V);
    expect([misr(), raised()]).toEqual([1 << bit, true]);
    rig.msr("ICH_HCR_EL2", 1 << bit, EL2);
    expect(raised(), "En = 0").toBe(false);
  });

  it("comes on the PPI the machine says", () => {
    const other = new Rig(1, { maintenancePpi: 5 });
    other.msr("ICH_HCR_EL2", 9, EL2);
    expect([other.isPending(21), other.isPending(25)]).toEqual([true, false]);
  });
});

describe("what the CPU decides by", () => {
  it("ICH_HCR_EL2's traps", () => {
    const TC = 1 << 10;
    const TALL0 = 1 << 11;
    const TALL1 = 1 << 12;
    const TDIR = 1 << 14;
    const expected: Partial<Record<GicRegister, number>> = {
      ICC_PMR_EL1: TC,
      ICC_RPR_EL1: TC,
      ICC_CTLR_EL1: TC,
      ICC_SGI0R_EL1: TC,
      ICC_SGI1R_EL1: TC,
      ICC_ASGI1R_EL1: TC,
      ICC_DIR_EL1: TC | TDIR,
      ICC_IAR0_EL1: TALL0,
      ICC_EOIR0_EL1: TALL0,
      ICC_HPPIR0_EL1: TALL0,
      ICC_BPR0_EL1: TALL0,
      ICC_AP0R0_EL1: TALL0,
      ICC_IGRPEN0_EL1: TALL0,
      ICC_IAR1_EL1: TALL1,
      ICC_EOIR1_EL1: TALL1,
      ICC_HPPIR1_EL1: TALL1,
      ICC_BPR1_EL1: TALL1,
      ICC_AP1R0_EL1: TALL1,
      ICC_IGRPEN1_EL1: TALL1,
      ICC_SRE_EL1: 0,
    };
    for (const [register, bits] of Object.entries(expected)) {
      expect([register, ichTrapBits(register as GicRegister)]).toEqual([register, bits]);
    }
  });

  it("HCR_EL2.FMO and IMO: which accesses are virtual", () => {
    const virtual = (register: GicRegister) =>
      [isVirtualAccess(register, true, false), isVirtualAccess(register, false, true)].map(Number).join("");
    expect(virtual("ICC_IAR0_EL1")).toBe("10");
    expect(virtual("ICC_IAR1_EL1")).toBe("01");
    expect(virtual("ICC_PMR_EL1")).toBe("11");
    expect(virtual("ICC_SGI1R_EL1")).toBe("00");
    expect(virtual("ICH_HCR_EL2")).toBe("00");
    expect(isVirtualAccess("ICC_PMR_EL1", false, false)).toBe(false);
  });
});
