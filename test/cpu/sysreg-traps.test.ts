import { describe, expect, test } from "vitest";
import { encode } from "../../src/cpu/sysreg/row.js";
import { SYSREGS } from "../../src/cpu/sysreg/table.js";
import { TRAP_BIT, TRAP_CLASSES, type TrapClass } from "../../src/cpu/sysreg/traps.js";
import { CPU, MODE } from "../../src/engine/layout.js";
import { Bench, EVERYTHING } from "./sysreg-fixture.js";

const E2H = 1n << 34n;
const TGE = 1n << 27n;
const bit = (n: number): bigint => 1n << BigInt(n);

/** A control, what it is set to, and who then takes an access: the register tables of DDI 0487, D17. */
interface Case {
  readonly control: readonly [name: string, bits: bigint];
  readonly cleared?: true;
  readonly register: string;
  readonly direction: "read" | "write";
  readonly el: number;
  /** Fate without the control set (or with it, for enables), and with. */
  readonly without: number | "done";
  readonly with: number | "done";
}

const trap = (
  control: readonly [string, bigint],
  register: string,
  direction: "read" | "write",
  el: number,
  target: number,
): Case => ({ control, register, direction, el, without: "done", with: target });
const enable = (
  control: readonly [string, bigint],
  register: string,
  direction: "read" | "write",
  el: number,
  target: number,
): Case => ({ control, register, direction, el, without: target, with: "done" });

const hcr = (n: number) => ["HCR_EL2", bit(n)] as const;
const CASES: Case[] = [
  // EL0 enables.
  enable(["SCTLR_EL1", bit(15)], "CTR_EL0", "read", 0, 1),
  enable(["SCTLR_EL1", bit(9)], "DAIF", "read", 0, 1),
  enable(["SCTLR_EL1", bit(9)], "DAIF", "write", 0, 1),
  enable(["CNTKCTL_EL1", bit(1)], "CNTVCT_EL0", "read", 0, 1),
  enable(["CNTKCTL_EL1", bit(1)], "CNTFRQ_EL0", "read", 0, 1),
  enable(["CNTKCTL_EL1", bit(0)], "CNTFRQ_EL0", "read", 0, 1),
  enable(["CNTKCTL_EL1", bit(8)], "CNTV_CTL_EL0", "write", 0, 1),
  enable(["PMUSERENR_EL0", bit(0)], "PMCR_EL0", "read", 0, 1),
  enable(["PMUSERENR_EL0", bit(0)], "PMCNTENSET_EL0", "write", 0, 1),
  enable(["PMUSERENR_EL0", bit(1)], "PMSWINC_EL0", "write", 0, 1),
  enable(["PMUSERENR_EL0", bit(2)], "PMCCNTR_EL0", "read", 0, 1),
  enable(["PMUSERENR_EL0", bit(3)], "PMXEVCNTR_EL0", "read", 0, 1),
  enable(["PMUSERENR_EL0", bit(3)], "PMSELR_EL0", "write", 0, 1),
  enable(["CPACR_EL1", 3n << 20n], "FPCR", "read", 0, 1),
  enable(["CPACR_EL1", 3n << 20n], "FPSR", "write", 1, 1),
  enable(["CPACR_EL1", 1n << 20n], "FPSR", "write", 1, 1),
  trap(["MDSCR_EL1", bit(12)], "MDCCSR_EL0", "read", 0, 1),
  trap(["MDSCR_EL1", bit(12)], "DBGDTR_EL0", "write", 0, 1),
  // EL2 traps of EL1.
  trap(hcr(26), "SCTLR_EL1", "write", 1, 2),
  trap(hcr(26), "CONTEXTIDR_EL1", "write", 1, 2),
  trap(hcr(26), "MAIR_EL1", "write", 1, 2),
  trap(hcr(30), "TTBR0_EL1", "read", 1, 2),
  trap(hcr(30), "FAR_EL1", "read", 1, 2),
  trap(hcr(16), "REVIDR_EL1", "read", 1, 2),
  trap(hcr(17), "CLIDR_EL1", "read", 1, 2),
  trap(hcr(17), "CSSELR_EL1", "write", 1, 2),
  trap(hcr(17), "CTR_EL0", "read", 1, 2),
  trap(hcr(18), "ID_AA64PFR0_EL1", "read", 1, 2),
  trap(hcr(18), "ID_RAZ_C0_C7_7", "read", 1, 2),
  trap(hcr(21), "ACTLR_EL1", "write", 1, 2),
  trap(hcr(20), "CPUACTLR_EL1", "read", 1, 2),
  trap(["CPTR_EL2", bit(31)], "CPACR_EL1", "write", 1, 2),
  trap(["CPTR_EL2", bit(10)], "FPCR", "read", 2, 2),
  enable(["CNTHCTL_EL2", bit(0)], "CNTPCT_EL0", "read", 1, 2),
  enable(["CNTHCTL_EL2", bit(1)], "CNTP_CVAL_EL0", "write", 1, 2),
  trap(["MDCR_EL2", bit(9)], "DBGBVR0_EL1", "write", 1, 2),
  trap(["MDCR_EL2", bit(9)], "MDSCR_EL1", "read", 1, 2),
  trap(["MDCR_EL2", bit(9)], "MDCCSR_EL0", "read", 0, 2),
  trap(["MDCR_EL2", bit(10)], "OSLAR_EL1", "write", 1, 2),
  trap(["MDCR_EL2", bit(11)], "MDRAR_EL1", "read", 1, 2),
  trap(["MDCR_EL2", bit(8)], "MDRAR_EL1", "read", 1, 2),
  trap(["MDCR_EL2", bit(6)], "PMCCNTR_EL0", "read", 1, 2),
  trap(["MDCR_EL2", bit(6)], "PMINTENSET_EL1", "write", 1, 2),
  trap(["MDCR_EL2", bit(5)], "PMCR_EL0", "write", 1, 2),
  trap(["ICH_HCR_EL2", bit(10)], "ICC_PMR_EL1", "write", 1, 2),
  trap(["ICH_HCR_EL2", bit(10)], "ICC_SGI1R_EL1", "write", 1, 2),
  trap(["ICH_HCR_EL2", bit(11)], "ICC_IAR0_EL1", "read", 1, 2),
  trap(["ICH_HCR_EL2", bit(12)], "ICC_IAR1_EL1", "read", 1, 2),
  trap(["ICH_HCR_EL2", bit(14)], "ICC_DIR_EL1", "write", 1, 2),
  trap(hcr(4), "ICC_SGI1R_EL1", "write", 1, 2),
  trap(hcr(3), "ICC_SGI0R_EL1", "write", 1, 2),
  // EL3 traps.
  trap(["CPTR_EL3", bit(31)], "CPACR_EL1", "read", 1, 3),
  trap(["CPTR_EL3", bit(31)], "CPTR_EL2", "write", 2, 3),
  trap(["CPTR_EL3", bit(10)], "FPCR", "read", 3, 3),
  trap(["MDCR_EL3", bit(9)], "DBGWCR0_EL1", "read", 2, 3),
  trap(["MDCR_EL3", bit(9)], "MDCR_EL2", "write", 2, 3),
  trap(["MDCR_EL3", bit(10)], "OSLSR_EL1", "read", 1, 3),
  trap(["MDCR_EL3", bit(6)], "PMCR_EL0", "read", 2, 3),
  trap(["SCR_EL3", bit(1)], "ICC_IAR1_EL1", "read", 1, 3),
  trap(["SCR_EL3", bit(2)], "ICC_IAR0_EL1", "read", 2, 3),
  trap(["SCR_EL3", bit(1) | bit(2)], "ICC_PMR_EL1", "write", 2, 3),
  { ...trap(["SCR_EL3", bit(1)], "ICC_PMR_EL1", "write", 2, 3), with: "done" },
];

/** Everything EL0 and EL1 may need, so that each case sees its own control only. */
function open(bench: Bench, except: string): Bench {
  if (except !== "CPACR_EL1") bench.set("CPACR_EL1", 3n << 20n);
  if (except !== "CNTHCTL_EL2") bench.set("CNTHCTL_EL2", 3n);
  return bench;
}

describe("traps and enables", () => {
  test.each(CASES)("$control of $register: $direction at EL$el", ({ control, register, direction, el, ...fates }) => {
    const [name, bits] = control;
    const bench = open(new Bench().clear("CNTHCTL_EL2", 3n), name).enter(el);
    expect(bench.fate(register, direction)).toBe(fates.without);
    bench.set(name, bits);
    expect(bench.fate(register, direction)).toBe(fates.with);
  });

  test.each(CASES)("the engine sees the same: $control of $register: $direction at EL$el", (c) => {
    const row = SYSREGS.find(({ name }) => name === c.register);
    const position = row?.trap && TRAP_BIT[row.trap];
    if (position === undefined) {
      expect(TRAP_CLASSES[row?.trap ?? "redirect"].inline).toBeUndefined();
      return;
    }
    const bench = open(new Bench().clear("CNTHCTL_EL2", 3n), c.control[0]).enter(c.el);
    const active = (): boolean =>
      ((bench.vcpu.get32(c.direction === "read" ? CPU.readTraps : CPU.writeTraps) >>> position) & 1) === 1;
    expect(active()).toBe(c.without !== "done");
    bench.set(...c.control);
    expect(active()).toBe(c.with !== "done");
  });

  test("every class of traps is used by a register, and tested or never a trap", () => {
    const used = new Set<TrapClass | undefined>(SYSREGS.map((row) => row.trap));
    const tested = new Set(CASES.map((c) => SYSREGS.find((row) => row.name === c.register)?.trap));
    const elsewhere = ["redirect", "stackPointer", "identity", "zeroing"];
    elsewhere.push("limitedOrdering", "authenticationKeys", "secureTimer");
    elsewhere.push("errorRecords", "contextNumber", "hypervisorExtension");
    for (const name of Object.keys(TRAP_CLASSES) as TrapClass[]) {
      if (name !== "redirect") expect(used).toContain(name);
      if (!elsewhere.includes(name) && name !== "physicalTimer") expect(tested).toContain(name);
    }
  });

  test("EL2 controls do nothing in Secure state, nor the virtual interface's", () => {
    const bench = new Bench().set("HCR_EL2", bit(26) | bit(30) | bit(18)).set("ICH_HCR_EL2", bit(12));
    bench.clear("SCR_EL3", 1n);
    for (const name of ["SCTLR_EL1", "ID_AA64PFR0_EL1", "ICC_IAR1_EL1"]) expect(bench.fate(name, "read")).toBe("done");
  });

  test("TGE sends what EL0 may not do to EL2", () => {
    const bench = new Bench().set("HCR_EL2", TGE).enter(0);
    expect(bench.fate("CTR_EL0", "read")).toBe(2);
    expect(bench.fate("CNTVCT_EL0", "read")).toBe(2);
  });

  test("an EL0 check comes before one of EL2, that before one of EL3", () => {
    const bench = new Bench().set("MDCR_EL2", bit(6)).set("MDCR_EL3", bit(6)).enter(0);
    expect(bench.fate("PMCCNTR_EL0", "read")).toBe(1);
    bench.set("PMUSERENR_EL0", 1n);
    expect(bench.fate("PMCCNTR_EL0", "read")).toBe(2);
    bench.clear("MDCR_EL2", bit(6));
    expect(bench.fate("PMCCNTR_EL0", "read")).toBe(3);
  });

  test("a VHE host's EL0 is governed by SCTLR_EL2 and CNTHCTL_EL2", () => {
    const bench = new Bench(EVERYTHING)
      .set("HCR_EL2", E2H | TGE)
      .clear("CNTHCTL_EL2", 3n)
      .enter(0);
    expect(bench.fate("CTR_EL0", "read")).toBe(2);
    bench.set("SCTLR_EL2", bit(15)).set("HCR_EL2", bit(17));
    expect(bench.fate("CTR_EL0", "read")).toBe("done");
    expect(bench.fate("CNTPCT_EL0", "read")).toBe(2);
    bench.set("CNTHCTL_EL2", bit(0));
    expect(bench.fate("CNTPCT_EL0", "read")).toBe("done");
  });

  test("with E2H the EL1 enables of CNTHCTL_EL2 are bits 10 and 11", () => {
    const bench = new Bench(EVERYTHING).set("HCR_EL2", E2H).set("CNTHCTL_EL2", 3n);
    expect(bench.fate("CNTPCT_EL0", "read")).toBe(2);
    expect(bench.fate("CNTP_CTL_EL0", "read")).toBe(2);
    bench.set("CNTHCTL_EL2", bit(10) | bit(11));
    expect(bench.fate("CNTPCT_EL0", "read")).toBe("done");
    expect(bench.fate("CNTP_CTL_EL0", "read")).toBe("done");
  });

  test("limited ordering, authentication keys and the secure timer", () => {
    const bench = new Bench(EVERYTHING);
    expect(bench.fate("LORID_EL1", "read")).toBe("done");
    expect(bench.set("SCR_EL3", bit(14)).fate("LORC_EL1", "write")).toBe(3);
    expect(bench.set("HCR_EL2", bit(35)).fate("LORC_EL1", "write")).toBe(2);
    expect(bench.fate("APIAKeyLo_EL1", "write")).toBe(2);
    expect(bench.set("HCR_EL2", bit(40)).fate("APIAKeyLo_EL1", "write")).toBe(3);
    expect(bench.set("SCR_EL3", bit(16)).fate("APIAKeyLo_EL1", "write")).toBe("done");
    expect(bench.fate("CNTPS_CTL_EL1", "read")).toBe("undefined");
    bench.clear("SCR_EL3", 1n);
    expect(bench.fate("CNTPS_CTL_EL1", "read")).toBe(3);
    expect(bench.fate("LORC_EL1", "read")).toBe("undefined");
    expect(bench.set("SCR_EL3", bit(11)).fate("CNTPS_CTL_EL1", "read")).toBe("done");
  });
});

describe("of max", () => {
  test("error records: HCR_EL2.TERR, then SCR_EL3.TERR", () => {
    const bench = new Bench("max");
    expect(bench.mrs("ERRIDR_EL1")).toEqual({ value: 0n });
    expect(bench.set("SCR_EL3", bit(15)).fate("ERRIDR_EL1", "read")).toBe(3);
    expect(bench.set("HCR_EL2", bit(36)).fate("ERRIDR_EL1", "read")).toBe(2);
    expect(bench.enter(2).fate("ERRIDR_EL1", "read")).toBe(3);
    expect(bench.fate("ERRIDR_EL1", "write")).toBe("undefined");
  });

  test("context numbers: SCTLR_EL1.TSCXT, then HCR_EL2.EnSCXT, then SCR_EL3.EnSCXT", () => {
    const bench = new Bench("max").set("SCTLR_EL1", bit(20)).clear("HCR_EL2", bit(53)).clear("SCR_EL3", bit(25));
    expect(bench.enter(0).fate("SCXTNUM_EL0", "read")).toBe(1);
    expect(bench.set("HCR_EL2", TGE).fate("SCXTNUM_EL0", "read")).toBe(2);
    bench.clear("HCR_EL2", TGE).clear("SCTLR_EL1", bit(20));
    expect(bench.fate("SCXTNUM_EL0", "write")).toBe(2);
    expect(bench.enter(1).fate("SCXTNUM_EL1", "write")).toBe(2);
    expect(bench.set("HCR_EL2", bit(53)).fate("SCXTNUM_EL1", "write")).toBe(3);
    expect(bench.enter(2).fate("SCXTNUM_EL2", "read")).toBe(3);
    expect(bench.set("SCR_EL3", bit(25)).fate("SCXTNUM_EL2", "read")).toBe("done");
    expect(bench.enter(0).fate("SCXTNUM_EL0", "read")).toBe("done");
  });

  test("EL0 of a VHE host asks SCTLR_EL2.TSCXT alone", () => {
    const bench = new Bench("max")
      .set("HCR_EL2", E2H | TGE)
      .set("SCR_EL3", bit(25))
      .set("SCTLR_EL1", bit(20));
    expect(bench.clear("SCTLR_EL2", bit(20)).enter(0).fate("SCXTNUM_EL0", "read")).toBe("done");
    expect(bench.set("SCTLR_EL2", bit(20)).fate("SCXTNUM_EL0", "read")).toBe(2);
  });

  test("HCRX_EL2 needs SCR_EL3.HXEn and has no bits", () => {
    const bench = new Bench("max").enter(2);
    expect(bench.fate("HCRX_EL2", "write")).toBe(3);
    bench.set("SCR_EL3", bit(38)).msr("HCRX_EL2", ~0n & ((1n << 64n) - 1n));
    expect(bench.mrs("HCRX_EL2")).toEqual({ value: 0n });
  });

  test("DISR_EL1 is VDISR_EL2 for EL1 with HCR_EL2.AMO, and reads as zero where EL3 takes errors", () => {
    const bench = new Bench("max").enter(1);
    bench.msr("DISR_EL1", 1n);
    bench.set("HCR_EL2", bit(5)).msr("DISR_EL1", 2n);
    expect(bench.mrs("DISR_EL1")).toEqual({ value: 2n });
    expect([bench.vcpu.sysreg("DISR_EL1"), bench.vcpu.sysreg("VDISR_EL2")]).toEqual([1n, 2n]);
    expect(bench.enter(2).mrs("DISR_EL1")).toEqual({ value: 1n });
    expect(bench.set("SCR_EL3", bit(3)).mrs("DISR_EL1")).toEqual({ value: 0n });
    expect(bench.enter(3).mrs("DISR_EL1")).toEqual({ value: 1n });
  });

  test("random numbers clear NZCV, differ, and are the same in every run", () => {
    const draw = (): bigint[] => {
      const bench = new Bench("max").enter(0);
      bench.vcpu.setNzcv(0xf000_0000);
      return ["RNDR", "RNDRRS", "RNDR"].map((name) => {
        const outcome = bench.mrs(name);
        expect(bench.vcpu.nzcv()).toBe(0);
        if (outcome === "undefined" || "ec" in outcome) throw new Error(`${name} cannot be read`);
        return outcome.value;
      });
    };
    expect(new Set(draw()).size).toBe(3);
    expect(draw()).toEqual(draw());
    expect(new Bench("cortex-a72").fate("RNDR", "read")).toBe("undefined");
  });
});

describe("syndromes", () => {
  test("EC 0x18: Op0, Op2, Op1, CRn, Rt, CRm, direction in their places", () => {
    const bench = new Bench().set("HCR_EL2", bit(26) | bit(30));
    const { op0, op2, op1, crn, crm } = { op0: 3, op2: 2, op1: 0, crn: 2, crm: 0 };
    const iss = (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (3 << 5) | (crm << 1);
    expect(bench.msr("TCR_EL1", 0n)).toEqual({ targetEl: 2, ec: 0x18, iss });
    expect(bench.mrs("TCR_EL1")).toEqual({ targetEl: 2, ec: 0x18, iss: iss | 1 });
  });

  test("EC 0x07 with CV and COND for FPCR and FPSR", () => {
    expect(new Bench().mrs("FPCR")).toEqual({ targetEl: 1, ec: 0x07, iss: 0x1e0_0000 });
  });

  test("HCR_EL2.TIDCP takes unallocated IMPLEMENTATION DEFINED encodings of EL1, and nothing else", () => {
    const vendor = encode(3, 1, 15, 7, 7);
    const bench = new Bench();
    expect(bench.access(vendor, true)).toBe("undefined");
    bench.set("HCR_EL2", bit(20));
    expect(bench.access(vendor, true)).toMatchObject({ targetEl: 2, ec: 0x18 });
    expect(bench.access(encode(3, 1, 13, 7, 7), true)).toBe("undefined");
    expect(bench.enter(2).access(vendor, true)).toBe("undefined");
  });

  test("FEAT_IDST: an EL0 read of the ID space traps to EL1, without it it is UNDEFINED", () => {
    expect(new Bench(EVERYTHING).enter(0).mrs("ID_AA64ISAR0_EL1")).toMatchObject({ targetEl: 1, ec: 0x18 });
    expect(new Bench(EVERYTHING).enter(0).mrs("MIDR_EL1")).toMatchObject({ targetEl: 1 });
    expect(new Bench(EVERYTHING).enter(0).mrs("SCTLR_EL1")).toBe("undefined");
    expect(new Bench("cortex-a72").enter(0).mrs("ID_AA64ISAR0_EL1")).toBe("undefined");
  });
});

describe("what the engine is told of a mode", () => {
  test("FP traps by EL", () => {
    const fp = (bench: Bench): number[] =>
      [0, 1, 2, 3].map((el) => bench.vcpu.get32(CPU.modes + MODE.size * el + MODE.fpTrap));
    const bench = new Bench();
    expect(fp(bench)).toEqual([1, 1, 0, 0]);
    expect(fp(bench.set("CPACR_EL1", 1n << 20n))).toEqual([1, 0, 0, 0]);
    expect(fp(bench.set("CPACR_EL1", 3n << 20n))).toEqual([0, 0, 0, 0]);
    expect(fp(bench.set("CPTR_EL2", bit(10)))).toEqual([1, 1, 1, 0]);
    expect(fp(bench.clear("SCR_EL3", 1n))).toEqual([0, 0, 0, 0]);
    expect(fp(bench.set("CPTR_EL3", bit(10)))).toEqual([1, 1, 1, 1]);
    const host = new Bench(EVERYTHING).set("HCR_EL2", E2H | TGE).clear("CPTR_EL2", 0x33ffn);
    expect(fp(host)).toEqual([1, 1, 1, 0]);
    expect(fp(host.set("CPTR_EL2", 1n << 20n))).toEqual([1, 1, 0, 0]);
    expect(fp(host.set("CPTR_EL2", 3n << 20n))).toEqual([0, 1, 0, 0]);
  });

  test("translation contexts, with PAN where it applies", () => {
    const context = (bench: Bench, el: number): number => bench.enter(el).vcpu.get32(CPU.context);
    const bench = new Bench(EVERYTHING);
    expect([0, 1, 2, 3].map((el) => context(bench, el))).toEqual([0, 1, 3, 7]);
    expect([0, 1, 2, 3].map((el) => context(bench.set("HCR_EL2", E2H), el))).toEqual([0, 1, 5, 7]);
    expect(context(bench.set("HCR_EL2", TGE), 0)).toBe(4);
    bench.enter(1).msr("PAN", 1n << 22n);
    expect(bench.vcpu.get32(CPU.context)).toBe(2);
    bench.enter(2).msr("PAN", 1n << 22n);
    expect(bench.vcpu.get32(CPU.context)).toBe(6);
  });

  test("DC ZVA and DCZID_EL0 agree about where zeroing is prohibited", () => {
    const bench = new Bench();
    const seen = (el: number): [bigint, number] => {
      const outcome = bench.enter(el).mrs("DCZID_EL0");
      if (outcome === "undefined" || "ec" in outcome) throw new Error("DCZID_EL0 never traps");
      return [outcome.value, (bench.vcpu.get32(CPU.zvaTrap) >> el) & 1];
    };
    expect([seen(0), seen(1), seen(2)]).toEqual([
      [0x14n, 1],
      [4n, 0],
      [4n, 0],
    ]);
    bench.set("SCTLR_EL1", bit(14));
    expect([seen(0), seen(1), seen(2)]).toEqual([
      [4n, 0],
      [4n, 0],
      [4n, 0],
    ]);
    bench.set("HCR_EL2", bit(28));
    expect([seen(0), seen(1), seen(2)]).toEqual([
      [0x14n, 1],
      [0x14n, 1],
      [4n, 0],
    ]);
  });

  test("another identity for EL1 is left to the slow path, the real one is not", () => {
    const identity = 1 << (TRAP_BIT.identity ?? Number.NaN);
    const active = (bench: Bench): boolean => (bench.vcpu.get32(CPU.readTraps) & identity) !== 0;
    const bench = new Bench();
    expect(active(bench)).toBe(false);
    bench.enter(2).msr("VPIDR_EL2", 0x1234n);
    expect([active(bench), active(bench.enter(1)), active(bench.enter(3))]).toEqual([false, true, false]);
    expect(active(bench.clear("SCR_EL3", 1n).enter(1))).toBe(false);
  });

  test("EL2 is enabled by SCR_EL3.NS where EL2 exists", () => {
    const bench = new Bench();
    expect(bench.vcpu.get32(CPU.el2Enabled)).toBe(1);
    bench.clear("SCR_EL3", 1n);
    expect(bench.vcpu.get32(CPU.el2Enabled)).toBe(0);
    bench.vcpu.set32(CPU.hasEl3, 0);
    bench.vcpu.recomputeModes();
    expect(bench.vcpu.get32(CPU.el2Enabled)).toBe(1);
    bench.vcpu.set32(CPU.hasEl2, 0);
    bench.vcpu.recomputeModes();
    expect(bench.vcpu.get32(CPU.el2Enabled)).toBe(0);
  });
});
