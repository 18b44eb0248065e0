/** Two security states: GICD_CTLR.DS = 0 (Arm IHI 0069H, sections 4.6 and 4.8). */
import { beforeEach, describe, expect, it } from "vitest";
import type { AccessContext } from "../../../src/devices/gicv3/index.js";
import { EL1, EL2, EL3, EL3_SECURE, Rig, SECURE_EL1, SGI_BASE } from "./rig.js";

const SPURIOUS = 1023;
const G0 = 40;
const G1S = 41;
const G1NS = 42;
const EL1_FIQ_TRAPPED: AccessContext = { ...EL1, fiqToEl3: true };

/** SPIs 40, 41, 42 in Group 0, Secure Group 1, Non-secure Group 1, everything enabled. */
function secureRig(): Rig {
  const rig = new Rig(2, { securityExtensions: true });
  rig.gicd(0x0000, 0x37, 4, true);
  rig.gicd(0x084, 1 << 10, 4, true);
  rig.gicd(0xd04, 1 << 9, 4, true);
  rig.gicd(0x428, 0x0080_4020, 4, true);
  rig.gicd(0x104, 7 << 8, 4, true);
  for (let cpu = 0; cpu < 2; cpu++) {
    rig.msr("ICC_PMR_EL1", 0xf8, EL3, cpu);
    rig.msr("ICC_IGRPEN0_EL1", 1, EL3, cpu);
    rig.msr("ICC_IGRPEN1_EL3", 3, EL3, cpu);
  }
  return rig;
}

describe("the distributor's Non-secure view", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = secureRig();
  });

  it("GICD_CTLR: Secure sees everything, Non-secure its own enable in another place", () => {
    expect(rig.gicd(0, undefined, 4, true)).toBe(0x37);
    expect(rig.gicd(0)).toBe(0x12);
    rig.gicd(0, 0);
    expect(rig.gicd(0, undefined, 4, true)).toBe(0x35);
    expect(rig.gicd(0, 0xffff_ffff)).toBe(0x12);
    expect(rig.gicd(0, undefined, 4, true)).toBe(0x37);
  });

  it("DS can be set once: then there is one security state until reset", () => {
    expect(rig.gicd(0, 0x77, 4, true)).toBe(0x53);
    expect(rig.gicd(0, 0, 4, true)).toBe(0x50);
    expect(rig.gicd(4) & 0x400).toBe(0);
    expect(rig.gicd(0x084), "IGROUPR is open to all").toBe(1 << 10);
    expect(rig.gicd(0xd04, -1, 4, true), "IGRPMODR is RES0").toBe(0);
    rig.gic.reset();
    expect(rig.gicd(0, undefined, 4, true)).toBe(0x30);
  });

  it("interrupts of the Secure groups are RAZ/WI in every register", () => {
    expect(rig.gicd(0x084)).toBe(0);
    expect(rig.gicd(0xd04)).toBe(0);
    expect(rig.gicd(0x104)).toBe(1 << 10);
    rig.gicd(0x184, -1);
    expect(rig.gicd(0x104, undefined, 4, true)).toBe(3 << 8);
    rig.gicd(0x204, 7 << 8);
    expect(rig.gicd(0x204, undefined, 4, true)).toBe(1 << 10);
    rig.gicd(0x304, 7 << 8);
    expect(rig.gicd(0x304, undefined, 4, true)).toBe(1 << 10);
    expect(rig.gicd(0xc08, -1)).toBe(2 << 20);
    expect(rig.gicd(0xc08, undefined, 4, true)).toBe(2 << 20);
    const router = (intid: number) => 0x6000 + 8 * intid;
    expect(rig.gicd(router(G1S), 1)).toBe(0);
    expect(rig.gicd(router(G1NS), 1)).toBe(1);
  });

  it("priorities: the Non-secure half as a whole range", () => {
    expect(rig.gicd(0x428)).toBe(0);
    expect(rig.gicd(0x428, -1)).toBe(0x00f0_0000);
    expect(rig.gicd(0x428, undefined, 4, true)).toBe(0x00f8_4020);
    rig.gicd(0x42a, 0x40, 1);
    expect(rig.gicd(0x428)).toBe(0x0040_0000);
    expect(rig.gicd(0x42a, undefined, 1, true)).toBe(0xa0);
  });

  it("NSACR is a Secure register of two bits per interrupt", () => {
    expect(rig.gicd(0xe08, 0xe4b1_2d87, 4, true)).toBe(0xe4b1_2d87);
    expect(rig.gicd(0xe0c, 0x1234_5678, 4, true)).toBe(0x1234_5678);
    expect(rig.gicd(0xe08, undefined, 4, true)).toBe(0xe4b1_2d87);
    expect(rig.gicd(0xe08)).toBe(0);
    expect(rig.gicd(0xe00, -1, 4, true), "SGIs and PPIs are in the redistributors").toBe(0);
    expect(rig.gicr(SGI_BASE + 0xe00, -1, 0, 4, true)).toBe(0xffff_ffff);
    expect(rig.gicr(SGI_BASE + 0xe04, -1, 0, 4, true), "nor has a redistributor one for PPIs").toBe(0);
    rig.gicd(0x0, 0x77, 4, true);
    expect(rig.gicd(0xe08, undefined, 4, true), "RES0 with one security state").toBe(0);
  });

  it("an access that does not say is Non-secure", () => {
    rig.gic.distributor.write(0x084, 4, 0xffff_ffffn);
    expect(rig.gicd(0x084, undefined, 4, true)).toBe(1 << 10);
    expect(rig.gic.distributor.read(0x084, 4)).toBe(0n);
    expect(rig.gic.distributor.peek(0x084, 4)).toBe(0n);
    expect(rig.gic.distributor.peek(0x084, 4, true)).toBe(1n << 10n);
  });

  it("NSACR opens pending state step by step", () => {
    expect(rig.gicd(0xe08, -1), "not for Non-secure accesses").toBe(0);
    const field = (level: number) => rig.gicd(0xe08, (level << 16) | (level << 18), 4, true);
    rig.gicd(0x204, 3 << 8);
    expect(rig.gicd(0x204, undefined, 4, true)).toBe(0);
    field(1);
    rig.gicd(0x204, 1 << 8);
    rig.gicd(0x40, G1S);
    expect(rig.gicd(0x204)).toBe(3 << 8);
    rig.gicd(0x284, 3 << 8);
    rig.gicd(0x48, G1S);
    expect(rig.gicd(0x204)).toBe(3 << 8);
    field(2);
    rig.gicd(0x284, 3 << 8);
    expect(rig.gicd(0x204)).toBe(0);
    rig.gicd(0x304, 3 << 8, 4, true);
    expect(rig.gicd(0x384, 3 << 8), "active state can be seen, not changed").toBe(3 << 8);
    expect(rig.gicd(0x6000 + 8 * G0, 1)).toBe(0);
    field(3);
    expect(rig.gicd(0x6000 + 8 * G0, 1)).toBe(1);
  });

  it("the secure message registers are for Secure accesses", () => {
    rig.gicd(0x50, G1NS);
    expect(rig.isPending(G1NS)).toBe(false);
    rig.gicd(0x50, G0, 4, true);
    expect(rig.gicd(0x204, undefined, 4, true)).toBe(1 << 8);
    rig.gicd(0x58, G0, 4, true);
    expect(rig.gicd(0x204, undefined, 4, true)).toBe(0);
  });

  it("redistributors too: groups and the wake-up handshake are Secure", () => {
    rig.gicr(SGI_BASE + 0x080, 0xff00, 0, 4, true);
    rig.gicr(SGI_BASE + 0x100, -1);
    expect(rig.gicr(SGI_BASE + 0x100, undefined, 0, 4, true)).toBe(0xff00);
    expect(rig.gicr(SGI_BASE + 0x080)).toBe(0);
    expect(rig.gicr(0x14, 0)).toBe(0);
    expect(rig.gicr(0x14, undefined, 0, 4, true)).toBe(6);
    expect(rig.gicr(0x14, 0, 0, 4, true)).toBe(0);
    expect(rig.gicr(0, -1)).toBe(1 << 25);
    expect(rig.gicr(0, -1, 0, 4, true)).toBe(7 << 24);
  });
});

describe("signals by group: the PE makes IRQ or FIQ of Group 1 (table 4-3)", () => {
  it.each([
    [G0, "fiq"],
    [G1S, "secureGroup1"],
    [G1NS, "nonSecureGroup1"],
  ] as const)("INTID %i: %s", (intid, line) => {
    const rig = secureRig();
    rig.gic.spi(intid - 32).set(true);
    const names = ["irq", "fiq", "virq", "vfiq", "secureGroup1", "nonSecureGroup1"] as const;
    expect(names.filter((name) => rig.outputs[0]?.[name].level)).toEqual([line]);
  });

  it("with one security state Group 1 is IRQ everywhere", () => {
    const rig = new Rig().enableGroup1();
    rig.enable(33);
    rig.gic.spi(1).set(true);
    expect(rig.outputs[0]?.irq.level).toBe(true);
    expect(rig.outputs[0]?.nonSecureGroup1.level).toBe(false);
  });
});

describe("who may acknowledge, end and deactivate", () => {
  it.each([
    [G0, { SECURE_EL1: [G0, SPURIOUS], EL1: [SPURIOUS, SPURIOUS], EL3: [G0, SPURIOUS] }],
    [G1S, { SECURE_EL1: [SPURIOUS, G1S], EL1: [SPURIOUS, SPURIOUS], EL3: [1020, G1S] }],
    [G1NS, { SECURE_EL1: [SPURIOUS, SPURIOUS], EL1: [SPURIOUS, G1NS], EL3: [1021, G1NS] }],
  ])("INTID %i: what IAR0 and IAR1 give", (intid, expected) => {
    for (const [name, ctx] of Object.entries({ SECURE_EL1, EL1, EL3 })) {
      const rig = secureRig();
      rig.gic.spi(intid - 32).set(true);
      const cpu = rig.gic.cpuInterface(0);
      const peeked = [cpu.peek("ICC_HPPIR0_EL1", ctx), cpu.peek("ICC_HPPIR1_EL1", ctx)].map(Number);
      const acknowledged = [rig.mrs("ICC_IAR0_EL1", ctx), rig.mrs("ICC_IAR1_EL1", ctx)];
      const [group0, group1] = expected[name as keyof typeof expected] as [number, number];
      expect([name, ...peeked]).toEqual([name, group0, group1]);
      expect([name, ...acknowledged]).toEqual([name, group0, group1]);
    }
  });

  it("Non-secure software can end and deactivate its own group only", () => {
    const rig = secureRig();
    rig.gic.spi(G1S - 32).set(true);
    expect(rig.mrs("ICC_IAR1_EL1", SECURE_EL1)).toBe(G1S);
    rig.msr("ICC_EOIR1_EL1", G1S, EL1);
    expect(rig.mrs("ICC_RPR_EL1", EL3)).toBe(0x40);
    rig.msr("ICC_CTLR_EL1", 2, EL1);
    rig.msr("ICC_DIR_EL1", G1S, EL1);
    expect(rig.gicd(0x304, undefined, 4, true)).toBe(1 << 9);
    rig.msr("ICC_EOIR1_EL1", G1S, SECURE_EL1);
    expect(rig.mrs("ICC_RPR_EL1", EL3)).toBe(0xff);
    expect(rig.gicd(0x304, undefined, 4, true), "Secure EOImode is 0").toBe(0);
  });

  it("Secure EL1 cannot end the Non-secure group; EL3 can, with its own EOImode", () => {
    const rig = secureRig();
    rig.gic.spi(G1NS - 32).set(true);
    expect(rig.mrs("ICC_IAR1_EL1", EL3)).toBe(G1NS);
    rig.msr("ICC_EOIR1_EL1", G1NS, SECURE_EL1);
    expect(rig.mrs("ICC_RPR_EL1", EL3)).toBe(0x80);
    rig.msr("ICC_CTLR_EL3", 1 << 2, EL3);
    rig.msr("ICC_EOIR1_EL1", G1NS, EL3);
    expect([rig.mrs("ICC_RPR_EL1", EL3), rig.isActive(G1NS)]).toEqual([0xff, true]);
    rig.msr("ICC_DIR_EL1", G1NS, EL3);
    expect(rig.isActive(G1NS)).toBe(false);
  });

  it.each([
    { routed: "nothing", state: {}, kept: { EL1: [G0, G1S], EL2: [G0, G1S], SECURE_EL1: [], EL3: [] } },
    {
      routed: "FIQs",
      state: { fiqToEl3: true },
      kept: { EL1: [G0, G1S], EL2: [G0, G1S], SECURE_EL1: [G0], EL3: [] },
    },
    {
      routed: "IRQs",
      state: { irqToEl3: true },
      kept: { EL1: [G0, G1S, G1NS], EL2: [G0, G1S, G1NS], SECURE_EL1: [G1S, G1NS], EL3: [] },
    },
  ])("with $routed routed to EL3 ICC_DIR_EL1 keeps active what is not the writer's", ({ state, kept }) => {
    for (const [name, ctx] of Object.entries({ EL1, EL2, SECURE_EL1, EL3 })) {
      const rig = secureRig();
      rig.msr("ICC_CTLR_EL3", 0b11100, EL3);
      rig.gicd(0x304, 7 << 8, 4, true);
      for (const intid of [G0, G1S, G1NS]) rig.msr("ICC_DIR_EL1", intid, { ...ctx, ...state });
      const active = rig.gicd(0x304, undefined, 4, true);
      const left = [G0, G1S, G1NS].filter((intid) => active & (1 << (intid - 32)));
      expect([name, ...left]).toEqual([name, ...kept[name as keyof typeof kept]]);
    }
  });

  it("a guest's HW list register deactivates Non-secure Group 1 interrupts and no others", () => {
    const rig = secureRig();
    rig.gicd(0x304, 7 << 8, 4, true);
    rig.gic.cpuInterface(0).physical.deactivateForGuest(G1S);
    rig.gic.cpuInterface(0).physical.deactivateForGuest(G1NS);
    expect(rig.gicd(0x304, undefined, 4, true)).toBe(3 << 8);
  });
});

describe("banked system registers", () => {
  it("ICC_IGRPEN1_EL1 and ICC_IGRPEN1_EL3 show the same two bits", () => {
    const rig = new Rig(1, { securityExtensions: true });
    rig.msr("ICC_IGRPEN1_EL1", 1, EL3);
    expect(rig.mrs("ICC_IGRPEN1_EL3", EL3)).toBe(1);
    rig.msr("ICC_IGRPEN1_EL1", 1, EL3_SECURE);
    expect(rig.mrs("ICC_IGRPEN1_EL3", EL3)).toBe(3);
    rig.msr("ICC_IGRPEN1_EL3", 2, EL3);
    expect([rig.mrs("ICC_IGRPEN1_EL1", EL1), rig.mrs("ICC_IGRPEN1_EL1", SECURE_EL1)]).toEqual([0, 1]);
  });

  it("ICC_CTLR_EL3 holds what both copies of ICC_CTLR_EL1 show; CBPR is EL3's to write", () => {
    const rig = new Rig(1, { securityExtensions: true });
    const low = (ctx: AccessContext) => rig.mrs("ICC_CTLR_EL1", ctx) & 3;
    rig.msr("ICC_CTLR_EL1", 3, EL1);
    rig.msr("ICC_CTLR_EL1", 3, SECURE_EL1);
    expect([low(EL1), low(SECURE_EL1)]).toEqual([2, 2]);
    expect(rig.mrs("ICC_CTLR_EL3", EL3)).toBe((1 << 18) | (1 << 15) | (4 << 8) | 0b11000);
    rig.msr("ICC_CTLR_EL3", 0b01001, EL3);
    expect([low(EL1), low(SECURE_EL1)]).toEqual([0, 3]);
    rig.msr("ICC_CTLR_EL3", 0b10110, EL3);
    expect([low(EL1), low(SECURE_EL1), rig.mrs("ICC_CTLR_EL3", EL3) & 0x1f]).toEqual([3, 0, 0b10110]);
  });

  it("ICC_BPR1_EL1 and ICC_AP1R0_EL1 have a copy per state; the Secure minimum is BPR0's", () => {
    const rig = new Rig(1, { securityExtensions: true });
    rig.msr("ICC_BPR1_EL1", 0, SECURE_EL1);
    rig.msr("ICC_BPR1_EL1", 6, EL1);
    expect([rig.mrs("ICC_BPR1_EL1", SECURE_EL1), rig.mrs("ICC_BPR1_EL1", EL2)]).toEqual([2, 6]);
    rig.msr("ICC_CTLR_EL3", 1, EL3);
    rig.msr("ICC_BPR1_EL1", 5, SECURE_EL1);
    expect(rig.mrs("ICC_BPR0_EL1", SECURE_EL1), "CBPR: the Secure one is BPR0").toBe(5);
    rig.msr("ICC_AP1R0_EL1", 4, SECURE_EL1);
    rig.msr("ICC_AP1R0_EL1", 8, EL1);
    expect([rig.mrs("ICC_AP1R0_EL1", SECURE_EL1), rig.mrs("ICC_AP1R0_EL1", EL1)]).toEqual([4, 8]);
  });

  it("CBPR is about EL1 and EL2: EL3 reaches both copies of ICC_BPR1_EL1", () => {
    const rig = secureRig();
    rig.msr("ICC_BPR1_EL1", 6, EL3);
    rig.msr("ICC_BPR1_EL1", 4, EL3_SECURE);
    rig.msr("ICC_CTLR_EL3", 3, EL3);
    const seen = () => [EL2, SECURE_EL1, EL3, EL3_SECURE].map((ctx) => rig.mrs("ICC_BPR1_EL1", ctx));
    expect(seen()).toEqual([3, 2, 6, 4]);
    rig.msr("ICC_BPR1_EL1", 5, EL3);
    rig.msr("ICC_BPR1_EL1", 7, EL3_SECURE);
    expect(seen()).toEqual([3, 2, 5, 7]);
    rig.msr("ICC_BPR1_EL1", 5, SECURE_EL1);
    expect(seen()).toEqual([6, 5, 5, 7]);
  });

  it("PMR and RPR: with FIQs routed to EL3, Non-secure software sees its half of the priorities", () => {
    const rig = secureRig();
    rig.msr("ICC_PMR_EL1", 0x78, EL3);
    expect(rig.mrs("ICC_PMR_EL1", EL1_FIQ_TRAPPED)).toBe(0);
    rig.msr("ICC_PMR_EL1", 0xf0, EL1_FIQ_TRAPPED);
    expect(rig.mrs("ICC_PMR_EL1", EL3), "a Secure mask is not Non-secure software's to change").toBe(0x78);
    rig.msr("ICC_PMR_EL1", 0x80, EL3);
    rig.msr("ICC_PMR_EL1", 0xf0, EL1_FIQ_TRAPPED);
    expect(rig.mrs("ICC_PMR_EL1", EL3)).toBe(0xf8);
    expect(rig.mrs("ICC_PMR_EL1", EL1_FIQ_TRAPPED)).toBe(0xf0);
    expect(rig.mrs("ICC_PMR_EL1", SECURE_EL1)).toBe(0xf8);
    // Linux's probe for Group 0 access: the write of one bit is not readable through the shifted view.
    rig.msr("ICC_PMR_EL1", 1 << 3, EL1_FIQ_TRAPPED);
    expect(rig.mrs("ICC_PMR_EL1", EL1_FIQ_TRAPPED)).toBe(0);
    rig.msr("ICC_PMR_EL1", 1 << 3, EL1);
    expect(rig.mrs("ICC_PMR_EL1", EL1), "without the routing it is").toBe(8);

    rig.msr("ICC_PMR_EL1", 0xf8, EL3);
    expect(rig.mrs("ICC_RPR_EL1", EL1_FIQ_TRAPPED)).toBe(0xff);
    rig.gicd(0x42a, 0xa0, 1, true);
    rig.gic.spi(G1NS - 32).set(true);
    rig.mrs("ICC_IAR1_EL1", EL1);
    expect([rig.mrs("ICC_RPR_EL1", EL1_FIQ_TRAPPED), rig.mrs("ICC_RPR_EL1", EL3)]).toEqual([0x40, 0xa0]);
    rig.gic.spi(G0 - 32).set(true);
    rig.mrs("ICC_IAR0_EL1", EL3);
    expect(rig.mrs("ICC_RPR_EL1", EL1_FIQ_TRAPPED), "a Secure priority looks like the highest").toBe(0);
  });
});

describe("SGIs between security states", () => {
  const SGI = 2;
  const TO_CPU1 = (BigInt(SGI) << 24n) | 0b10n;

  function send(register: "ICC_SGI0R_EL1" | "ICC_SGI1R_EL1" | "ICC_ASGI1R_EL1", ctx: AccessContext, nsacr: number) {
    return (["0", "1S", "1NS"] as const).filter((group) => {
      const rig = secureRig();
      rig.gicr(SGI_BASE + 0x080, group === "1NS" ? 1 << SGI : 0, 1, 4, true);
      rig.gicr(SGI_BASE + 0xd00, group === "1S" ? 1 << SGI : 0, 1, 4, true);
      rig.gicr(SGI_BASE + 0xe00, nsacr << (2 * SGI), 1, 4, true);
      rig.msr(register, TO_CPU1, ctx);
      return rig.gicr(SGI_BASE + 0x200, undefined, 1, 4, true) === 1 << SGI;
    });
  }

  it.each([
    ["ICC_SGI0R_EL1", SECURE_EL1, 0, ["0"]],
    ["ICC_SGI1R_EL1", SECURE_EL1, 0, ["0", "1S"]],
    ["ICC_ASGI1R_EL1", SECURE_EL1, 0, ["1NS"]],
    ["ICC_SGI0R_EL1", EL1, 0, []],
    ["ICC_SGI0R_EL1", EL1, 1, ["0"]],
    ["ICC_SGI1R_EL1", EL1, 0, ["1NS"]],
    ["ICC_SGI1R_EL1", EL1, 2, ["1NS"]],
    ["ICC_ASGI1R_EL1", EL1, 0, []],
    ["ICC_ASGI1R_EL1", EL1, 1, ["0"]],
    ["ICC_ASGI1R_EL1", EL1, 2, ["0", "1S"]],
    ["ICC_SGI1R_EL1", EL3, 0, ["0", "1S"]],
  ] as const)("%s from %o with NSACR %i reaches groups %j", (register, ctx, nsacr, groups) => {
    expect(send(register, ctx, nsacr)).toEqual(groups);
  });
});
