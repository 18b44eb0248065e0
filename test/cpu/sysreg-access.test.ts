import { describe, expect, test } from "vitest";
import { type CpuModel, cpuModel } from "../../src/cpu/model.js";
import { peekSysreg } from "../../src/cpu/sysreg/access.js";
import { modelSysregs } from "../../src/cpu/sysreg/model-table.js";
import { resetSysregs } from "../../src/cpu/sysreg/reset.js";
import { ALL, encode, NEVER } from "../../src/cpu/sysreg/row.js";
import { SYSREGS, sysregByName } from "../../src/cpu/sysreg/table.js";
import { STACK_POINTER_TRAP } from "../../src/cpu/sysreg/traps.js";
import { CPU } from "../../src/engine/layout.js";
import { Bench, EVERYTHING } from "./sysreg-fixture.js";

const E2H = 1n << 34n;
const TGE = 1n << 27n;

/** A bench where nothing traps at any EL. */
function unrestricted(model: CpuModel, el: number): Bench {
  return new Bench(model)
    .set("CPACR_EL1", 3n << 20n)
    .set("SCTLR_EL1", (1n << 9n) | (1n << 14n) | (1n << 15n))
    .set("CNTKCTL_EL1", 0x303n)
    .set("CNTHCTL_EL2", 3n)
    .set("PMUSERENR_EL0", 15n)
    .clear("SCTLR_EL1", 1n << 20n)
    .set("HCR_EL2", (1n << 40n) | (1n << 53n))
    .set("SCR_EL3", (1n << 16n) | (1n << 11n) | (1n << 25n) | (1n << 38n))
    .enter(el);
}

describe.each([cpuModel("cortex-a72"), EVERYTHING])("every register of $name", (model) => {
  const rows = SYSREGS.filter((row) => row.encoding >= 0 && modelSysregs(new Bench(model).model).has(row));

  test("can be reached from its lowest EL and not from below, in each direction", () => {
    for (const row of rows) {
      if (row.aliasOf !== undefined || row.gic || row.state === "secure") continue;
      for (const direction of ["read", "write"] as const) {
        const lowest = direction === "read" ? row.readEl : row.writeEl;
        for (let el = 0; el <= 3; el++) {
          const fate = unrestricted(model, el).fate(row.name, direction);
          const missing = model === EVERYTHING && el === 0 && direction === "read" ? ["undefined", 1] : ["undefined"];
          const expected = el >= lowest && lowest !== NEVER ? ["done"] : missing;
          expect(expected, `${direction} ${row.name} at EL${el}`).toContain(fate);
        }
      }
    }
  });

  test("reads back what was written under its mask", () => {
    for (const row of rows) {
      if (row.readEl === NEVER || row.writeEl === NEVER || row.read || row.write || row.aliasOf) continue;
      const bench = unrestricted(model, 3).clear("SCR_EL3", row.state === "secure" ? 1n : 0n);
      const { writable } = modelSysregs(bench.model).of(row);
      const before = bench.vcpu.sysreg(row.name);
      for (const pattern of [ALL, 0xa5a5_5a5a_c3c3_3c3cn, 0n]) {
        bench.msr(row.name, pattern);
        expect(bench.mrs(row.name), row.name).toEqual({ value: (before & ~writable) | (pattern & writable) });
      }
    }
  });

  test("resets to the same values on every vCPU but for its identity", () => {
    const first = new Bench(model);
    const second = new Bench(model);
    resetSysregs(second.vcpu, { model: second.model, index: 1, cpus: 2, affinity: 1n });
    const differing = rows.filter(({ name }) => first.vcpu.sysreg(name) !== second.vcpu.sysreg(name));
    expect(differing.map(({ name }) => name)).toEqual([
      "MPIDR_EL1",
      "VMPIDR_EL2",
      "SCR_EL3",
      ...(model === EVERYTHING ? ["RNDR"] : []),
    ]);
    expect(second.enter(2).mrs("MPIDR_EL1")).toEqual({ value: 0x8000_0001n });
  });
});

describe("existence", () => {
  test("unknown encodings and those of absent features are UNDEFINED", () => {
    const bench = new Bench("cortex-a72").enter(3);
    expect(bench.access(encode(3, 7, 0, 0, 5), true)).toBe("undefined");
    for (const name of ["PAN", "UAO", "SSBS", "DIT", "TTBR1_EL2", "CONTEXTIDR_EL2", "LORID_EL1", "APIAKeyLo_EL1"]) {
      expect([name, bench.mrs(name)]).toEqual([name, "undefined"]);
      if (name !== "LORID_EL1") expect(new Bench(EVERYTHING).enter(3).fate(name, "read")).not.toBe("undefined");
    }
  });

  test("breakpoints and watchpoints up to the model's number", () => {
    const bench = new Bench();
    expect(bench.fate("DBGBVR5_EL1", "write")).toBe("done");
    expect(bench.fate("DBGBVR6_EL1", "write")).toBe("undefined");
    expect(bench.fate("DBGWCR3_EL1", "write")).toBe("done");
    expect(bench.fate("DBGWCR4_EL1", "write")).toBe("undefined");
  });

  test("Cortex-A72's own registers on that model only", () => {
    expect(new Bench().mrs("L2CTLR_EL1")).toEqual({ value: 1n << 24n });
    expect(new Bench(EVERYTHING).mrs("L2CTLR_EL1")).toBe("undefined");
  });

  test("the GIC says which of its registers exist", () => {
    const bench = new Bench().enter(2);
    expect(bench.mrs("ICH_LR3_EL2")).toEqual({ value: 0x5an });
    expect(bench.mrs("ICH_LR4_EL2")).toBe("undefined");
  });

  test("reads of write-only and writes of read-only registers are UNDEFINED", () => {
    const bench = new Bench().enter(3);
    expect(bench.mrs("OSLAR_EL1")).toBe("undefined");
    expect(bench.msr("MIDR_EL1", 0n)).toBe("undefined");
    expect(bench.mrs("ICC_EOIR1_EL1")).toBe("undefined");
  });
});

describe("identity", () => {
  test("EL1 reads VPIDR_EL2 and VMPIDR_EL2, EL2 and Secure EL1 the real ones", () => {
    const bench = new Bench();
    bench.vcpu.setSysreg("VPIDR_EL2", 0x1234n);
    bench.vcpu.setSysreg("VMPIDR_EL2", 0x8000_0003n);
    expect(bench.mrs("MIDR_EL1")).toEqual({ value: 0x1234n });
    expect(bench.mrs("MPIDR_EL1")).toEqual({ value: 0x8000_0003n });
    expect(bench.enter(2).mrs("MIDR_EL1")).toEqual({ value: 0x410f_d083n });
    expect(bench.clear("SCR_EL3", 1n).enter(1).mrs("MIDR_EL1")).toEqual({ value: 0x410f_d083n });
  });

  test("CCSIDR_EL1 follows CSSELR_EL1", () => {
    const bench = new Bench();
    const size = (select: bigint) => {
      bench.msr("CSSELR_EL1", select);
      return bench.mrs("CCSIDR_EL1");
    };
    expect([size(0n), size(1n), size(2n), size(3n)]).toEqual(
      [0x701f_e00an, 0x201f_e012n, 0x707f_e07an, 0n].map((value) => ({ value })),
    );
  });
});

describe("PSTATE and FP control", () => {
  test("NZCV, DAIF, CurrentEL and SPSel", () => {
    const bench = new Bench();
    expect(bench.mrs("CurrentEL")).toEqual({ value: 4n });
    bench.msr("NZCV", 0xffff_ffffn);
    expect(bench.mrs("NZCV")).toEqual({ value: 0xf000_0000n });
    bench.msr("NZCV", 0x5000_0000n);
    expect(bench.vcpu.nzcv()).toBe(0x5000_0000);
    bench.told.length = 0;
    bench.msr("DAIF", ALL);
    expect(bench.mrs("DAIF")).toEqual({ value: 0x3c0n });
    expect(bench.told).toEqual(["interrupts"]);
  });

  test("SPSel exchanges the stack pointer; SP_EL0 has no name while in use", () => {
    const bench = new Bench();
    bench.vcpu.sp = 0x1111n;
    bench.msr("SP_EL0", 0x2222n);
    expect(bench.mrs("SP_EL0")).toEqual({ value: 0x2222n });
    bench.msr("SPSel", 0n);
    expect(bench.vcpu.sp).toBe(0x2222n);
    expect(bench.mrs("SP_EL0")).toBe("undefined");
    // Engines take SP_EL0 from its slot but for this bit.
    expect(bench.vcpu.get32(CPU.readTraps) & STACK_POINTER_TRAP).not.toBe(0);
    expect(bench.vcpu.get32(CPU.writeTraps) & STACK_POINTER_TRAP).not.toBe(0);
    expect(bench.vcpu.spOf(1)).toBe(0x1111n);
    bench.msr("SPSel", 1n);
    expect(bench.vcpu.get32(CPU.readTraps) & STACK_POINTER_TRAP).toBe(0);
    expect(bench.vcpu.sp).toBe(0x1111n);
  });

  test("fpFast follows FPCR and FPSR", () => {
    const bench = new Bench().set("CPACR_EL1", 3n << 20n);
    const fast = (fpcr: bigint, fpsr: bigint): number => {
      bench.msr("FPCR", fpcr);
      bench.msr("FPSR", fpsr);
      return bench.vcpu.get32(CPU.fpFast);
    };
    expect(fast(0n, 0n)).toBe(0);
    expect(fast(0n, 0x10n)).toBe(1);
    for (const control of [1n << 22n, 1n << 26n, 5n << 22n]) expect(fast(control, 0x10n)).toBe(0);
    expect(fast(1n << 24n, 0n)).toBe(0);
    // FZ alone: another mode that is fast, for code that heeds it.
    expect(fast(1n << 24n, 0x10n) | 0).toBe(-1);
    expect(bench.mrs("FPSR")).toEqual({ value: 0x10n });
    bench.msr("FPSR", ALL);
    expect(bench.mrs("FPSR")).toEqual({ value: 0x0800_009fn });
    bench.msr("FPCR", ALL);
    expect(bench.mrs("FPCR")).toEqual({ value: 0x07c0_0000n });
  });
});

describe("VHE", () => {
  test("EL1 names at EL2 reach the EL2 register, _EL12 names the EL1 one", () => {
    const bench = new Bench(EVERYTHING).set("HCR_EL2", E2H).enter(2);
    bench.msr("VBAR_EL1", 0x8000n);
    bench.msr("VBAR_EL12", 0x4000n);
    expect(bench.vcpu.sysreg("VBAR_EL2")).toBe(0x8000n);
    expect(bench.vcpu.sysreg("VBAR_EL1")).toBe(0x4000n);
    bench.msr("CPACR_EL1", 3n << 20n);
    expect(bench.vcpu.sysreg("CPTR_EL2") & (3n << 20n)).toBe(3n << 20n);
    expect(bench.mrs("VBAR_EL12")).toEqual({ value: 0x4000n });
  });

  test("every redirected register: the alias is the register, its name is the EL2 one", () => {
    for (const row of SYSREGS.filter((candidate) => candidate.e2h !== undefined && !candidate.read)) {
      // SCXTNUM_EL1 is one of them.
      const bench = new Bench(EVERYTHING)
        .set("HCR_EL2", E2H)
        .set("SCR_EL3", 1n << 25n)
        .enter(2);
      const alias = row.name.replace(/EL1$/, "EL12").replace(/EL0$/, "EL02");
      bench.msr(alias, ALL);
      const { writable } = modelSysregs(bench.model).of(row);
      expect([row.name, bench.vcpu.sysreg(row.name) & writable]).toEqual([row.name, writable]);
      const target = sysregByName(row.e2h ?? "");
      if (target === undefined || target.read) continue;
      expect([row.name, bench.mrs(row.name)]).toEqual([row.name, { value: bench.vcpu.sysreg(target.name) }]);
    }
  });

  test("_EL12 names without E2H, at EL1, or without the feature are UNDEFINED; EL3 has them with E2H", () => {
    expect(new Bench(EVERYTHING).enter(2).mrs("SCTLR_EL12")).toBe("undefined");
    expect(new Bench(EVERYTHING).set("HCR_EL2", E2H).enter(1).mrs("SCTLR_EL12")).toBe("undefined");
    expect(new Bench(EVERYTHING).set("HCR_EL2", E2H).enter(3).fate("SCTLR_EL12", "read")).toBe("done");
    expect(new Bench("cortex-a72").enter(2).mrs("SCTLR_EL12")).toBe("undefined");
  });

  test("CPTR_EL3.TCPAC traps CPACR_EL1 from EL2 by its other name as well", () => {
    const bench = new Bench(EVERYTHING).set("HCR_EL2", E2H).set("CPTR_EL3", 1n << 31n);
    expect(bench.enter(2).fate("CPACR_EL12", "read")).toBe(3);
    expect(bench.enter(2).fate("CPACR_EL12", "write")).toBe(3);
    expect(bench.enter(3).fate("CPACR_EL12", "read")).toBe("done");
  });

  test("timer names reach the EL2 timers from EL2 and a host's EL0", () => {
    const bench = new Bench(EVERYTHING).set("HCR_EL2", E2H | TGE).set("CNTHCTL_EL2", 0x303n);
    bench.enter(2).msr("CNTP_CVAL_EL0", 100n);
    bench.enter(0).msr("CNTV_CVAL_EL0", 200n);
    expect([bench.vcpu.sysreg("CNTHP_CVAL_EL2"), bench.vcpu.sysreg("CNTHV_CVAL_EL2")]).toEqual([100n, 200n]);
    bench.enter(2).msr("CNTP_CVAL_EL02", 300n);
    expect(bench.vcpu.sysreg("CNTP_CVAL_EL0")).toBe(300n);
  });

  test("the virtual counter has no offset for a host", () => {
    const bench = new Bench(EVERYTHING).set("CNTVOFF_EL2", 100n).set("CNTKCTL_EL1", 3n).set("CNTHCTL_EL2", 3n);
    bench.time = 4000n;
    expect(bench.mrs("CNTVCT_EL0")).toEqual({ value: 900n });
    bench.set("HCR_EL2", E2H | TGE);
    expect(bench.enter(2).mrs("CNTVCT_EL0")).toEqual({ value: 1000n });
    expect(bench.enter(0).mrs("CNTVCT_EL0")).toEqual({ value: 1000n });
    expect(bench.vcpu.get32(CPU.readTraps)).not.toBe(0);
  });
});

describe("effects", () => {
  /** E2H is bit 34 of HCR_EL2, PTW bit 2, DC bit 12, TGE bit 27. */
  test.each<[string, bigint, string[]]>([
    ["SCTLR_EL1", 1n, ["modes", "table base", "interrupts"]],
    ["HCR_EL2", 1n, ["modes", "table base", "interrupts"]],
    ["HCR_EL2", 1n << 2n, ["modes", "table base", "interrupts"]],
    ["HCR_EL2", 1n << 4n, ["modes", "table base", "interrupts"]],
    ["HCR_EL2", 1n << 12n, ["modes", "translation", "interrupts"]],
    ["HCR_EL2", 1n << 27n, ["modes", "translation", "interrupts"]],
    ["SCR_EL3", 0n, ["modes", "table base", "interrupts"]],
    ["SCTLR_EL2", 1n, ["modes", "translation", "interrupts"]],
    ["TCR_EL1", 16n, ["modes", "table base", "interrupts"]],
    ["VTCR_EL2", 16n, ["modes", "table base", "interrupts"]],
    ["TCR_EL2", 16n, ["modes", "translation", "interrupts"]],
    ["CPTR_EL2", 0n, ["modes"]],
    ["TTBR0_EL1", 0n, ["table base"]],
    ["VTTBR_EL2", 0n, ["table base"]],
    ["DBGBCR0_EL1", 0n, ["debug"]],
    ["MDSCR_EL1", 0n, ["modes", "debug"]],
    ["TPIDR_EL0", 0n, []],
  ])("%s, written %s, tells %s", (name, value, told) => {
    const bench = new Bench().enter(3);
    bench.told.length = 0;
    bench.msr(name, value);
    expect(bench.told).toEqual(told);
  });

  test.each(["SCTLR_EL1", "HCR_EL2", "TCR_EL1", "TCR_EL2", "VTCR_EL2"])(
    "%s, written what is there, tells nothing",
    (name) => {
      const bench = new Bench().enter(3);
      bench.msr(name, 1n);
      bench.told.length = 0;
      bench.msr(name, 1n);
      expect(bench.told).toEqual([]);
    },
  );

  test.each(["SCTLR_EL1", "TCR_EL1"])("%s, written by EL1 itself, empties the TLBs", (name) => {
    const bench = new Bench();
    bench.told.length = 0;
    bench.msr(name, 1n);
    expect(bench.told).toEqual(["modes", "translation", "interrupts"]);
  });

  test("a VHE host's TGE keeps translations", () => {
    const bench = new Bench("max").enter(3);
    bench.msr("HCR_EL2", 1n << 34n);
    bench.told.length = 0;
    bench.msr("HCR_EL2", (1n << 34n) | (1n << 27n));
    expect(bench.told).toEqual(["modes", "table base", "interrupts"]);
  });

  test("a trap set by MSR takes hold at once", () => {
    const bench = new Bench().enter(2);
    bench.msr("HCR_EL2", 1n << 18n);
    bench.vcpu.pstate = 5;
    expect(bench.fate("ID_AA64PFR0_EL1", "read")).toBe(2);
  });

  test("the OS lock is set through OSLAR_EL1 and shown by OSLSR_EL1", () => {
    const bench = new Bench();
    expect(bench.mrs("OSLSR_EL1")).toEqual({ value: 0xan });
    bench.msr("OSLAR_EL1", 0n);
    expect(bench.mrs("OSLSR_EL1")).toEqual({ value: 8n });
    bench.msr("OSLAR_EL1", 1n);
    expect(bench.mrs("OSLSR_EL1")).toEqual({ value: 0xan });
  });

  test("claim tags are set and cleared by writing ones", () => {
    const bench = new Bench();
    bench.msr("DBGCLAIMSET_EL1", 0x35n);
    bench.msr("DBGCLAIMCLR_EL1", 0x11n);
    expect(bench.mrs("DBGCLAIMCLR_EL1")).toEqual({ value: 0x24n });
    expect(bench.mrs("DBGCLAIMSET_EL1")).toEqual({ value: 0xffn });
  });

  test("ISR_EL1 shows physical lines, or virtual ones where HCR_EL2 routes the physical away from EL1", () => {
    const bench = new Bench();
    bench.vcpu.set32(CPU.irqLines, 1 | 8 | 16);
    expect(bench.mrs("ISR_EL1")).toEqual({ value: 0x180n });
    bench.set("HCR_EL2", 0x18n);
    expect(bench.mrs("ISR_EL1")).toEqual({ value: 0x140n });
    expect(bench.enter(2).mrs("ISR_EL1")).toEqual({ value: 0x180n });
  });
});

describe("the GIC's registers", () => {
  test("are passed on with the state of the access", () => {
    const bench = new Bench();
    expect(bench.mrs("ICC_IAR1_EL1")).toEqual({ value: 0x5an });
    bench.set("HCR_EL2", 0x10n).msr("ICC_EOIR1_EL1", 27n);
    bench.enter(3).clear("SCR_EL3", 1n).set("SCR_EL3", 4n).mrs("ICC_PMR_EL1");
    bench.clear("SCR_EL3", 4n).set("SCR_EL3", 2n).mrs("ICC_PMR_EL1");
    expect(bench.gicAccesses).toEqual([
      { name: "ICC_IAR1_EL1", access: { el: 1, secure: false, fiqToEl3: false, irqToEl3: false, virtual: false } },
      {
        name: "ICC_EOIR1_EL1",
        access: { el: 1, secure: false, fiqToEl3: false, irqToEl3: false, virtual: true },
        value: 27n,
      },
      { name: "ICC_PMR_EL1", access: { el: 3, secure: true, fiqToEl3: true, irqToEl3: false, virtual: false } },
      { name: "ICC_PMR_EL1", access: { el: 3, secure: true, fiqToEl3: false, irqToEl3: true, virtual: false } },
    ]);
  });

  test("Group 0 is virtual with FMO, common registers with either", () => {
    const virtual = (hcr: bigint, name: string): boolean | undefined => {
      const bench = new Bench().set("HCR_EL2", hcr);
      bench.mrs(name);
      return bench.gicAccesses[0]?.access.virtual;
    };
    expect(virtual(8n, "ICC_IAR0_EL1")).toBe(true);
    expect(virtual(8n, "ICC_IAR1_EL1")).toBe(false);
    expect(virtual(8n, "ICC_PMR_EL1")).toBe(true);
    expect(virtual(0x10n, "ICC_PMR_EL1")).toBe(true);
    expect(virtual(0x10n, "ICC_IAR0_EL1")).toBe(false);
  });

  test("a debugger's look acknowledges nothing", () => {
    const bench = new Bench();
    const row = sysregByName("ICC_IAR1_EL1");
    expect(row && peekSysreg(bench.vcpu, bench.host, row)).toBe(0x6bn);
    expect(bench.gicAccesses).toEqual([]);
  });

  test("SRE is fixed", () => {
    const bench = new Bench().enter(3);
    bench.msr("ICC_SRE_EL3", 0n);
    expect(["ICC_SRE_EL1", "ICC_SRE_EL2", "ICC_SRE_EL3"].map((name) => bench.mrs(name))).toEqual(
      [7n, 15n, 15n].map((value) => ({ value })),
    );
  });
});
