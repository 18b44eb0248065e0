import { describe, expect, test } from "vitest";
import { EVENT, pmuOverflowIn, syncPmu } from "../../src/cpu/sysreg/pmu-counters.js";
import { Bench } from "./sysreg-fixture.js";

const E = 1n;
const P = 2n;
const C = 4n;
const LC = 64n;
const CYCLES = 1n << 31n;
const N = (count: bigint): bigint => count << 11n;
const IDENTITY = 0x4102_0000n;

/** A bench whose PMU counts with counters 0 (instructions), 1 (software increments) and the cycle counter. */
function counting(model?: string): Bench {
  const bench = new Bench(model);
  bench.msr("PMEVTYPER0_EL0", BigInt(EVENT.INST_RETIRED));
  bench.msr("PMEVTYPER1_EL0", BigInt(EVENT.SW_INCR));
  bench.msr("PMCNTENSET_EL0", CYCLES | 3n);
  bench.msr("PMCR_EL0", E);
  return bench;
}

const value = (bench: Bench, name: string): bigint => {
  const outcome = bench.mrs(name);
  if (outcome === "undefined" || "ec" in outcome) throw new Error(`${name} trapped`);
  return outcome.value;
};

describe("counting", () => {
  test("retired instructions are cycles and INST_RETIRED events; nothing counts without PMCR_EL0.E", () => {
    const bench = counting();
    bench.retired = 1000n;
    expect([value(bench, "PMCCNTR_EL0"), value(bench, "PMEVCNTR0_EL0"), value(bench, "PMEVCNTR1_EL0")]).toEqual([
      1000n,
      1000n,
      0n,
    ]);
    bench.msr("PMCR_EL0", 0n);
    bench.retired = 5000n;
    expect(value(bench, "PMCCNTR_EL0")).toBe(1000n);
    bench.msr("PMCR_EL0", E);
    bench.retired = 5010n;
    expect(value(bench, "PMCCNTR_EL0")).toBe(1010n);
  });

  test("a disabled counter stands still, from the instruction on that disables it", () => {
    const bench = counting();
    bench.retired = 100n;
    bench.msr("PMCNTENCLR_EL0", CYCLES);
    bench.retired = 300n;
    expect([value(bench, "PMCCNTR_EL0"), value(bench, "PMEVCNTR0_EL0")]).toEqual([100n, 300n]);
    expect(value(bench, "PMCNTENCLR_EL0")).toBe(3n);
  });

  test("PMSWINC counts where SW_INCR is the event", () => {
    const bench = counting();
    bench.msr("PMSWINC_EL0", 3n);
    bench.msr("PMSWINC_EL0", 2n);
    expect([value(bench, "PMEVCNTR0_EL0"), value(bench, "PMEVCNTR1_EL0")]).toEqual([0n, 2n]);
  });

  test("PMCR_EL0.C and P reset the cycle counter and the event counters", () => {
    const bench = counting();
    bench.retired = 100n;
    bench.msr("PMCR_EL0", E | C);
    expect([value(bench, "PMCCNTR_EL0"), value(bench, "PMEVCNTR0_EL0")]).toEqual([0n, 100n]);
    bench.msr("PMCR_EL0", E | P);
    expect(value(bench, "PMEVCNTR0_EL0")).toBe(0n);
    expect(value(bench, "PMCR_EL0")).toBe(IDENTITY | N(6n) | LC | E);
  });

  test("PMXEVTYPER and PMXEVCNTR are the selected counter's; selecting the cycle counter reaches its filter", () => {
    const bench = counting();
    bench.msr("PMSELR_EL0", 1n);
    bench.msr("PMXEVCNTR_EL0", 77n);
    expect([value(bench, "PMEVCNTR1_EL0"), value(bench, "PMXEVTYPER_EL0")]).toEqual([77n, 0n]);
    bench.msr("PMSELR_EL0", 31n);
    bench.msr("PMXEVTYPER_EL0", 0xffff_ffffn);
    expect(value(bench, "PMCCFILTR_EL0")).toBe(0xfc00_0000n);
    expect(value(bench, "PMXEVCNTR_EL0")).toBe(0n);
    bench.msr("PMSELR_EL0", 9n);
    bench.msr("PMXEVTYPER_EL0", 8n);
    expect(value(bench, "PMXEVTYPER_EL0")).toBe(0n);
  });

  test("advertises the events it counts", () => {
    expect(value(new Bench(), "PMCEID0_EL0")).toBe((1n << 0n) | (1n << 8n) | (1n << 17n) | (1n << 30n));
    expect(value(new Bench(), "PMCEID1_EL0")).toBe(0n);
  });
});

describe("overflow", () => {
  test("sets the flag at the wrap and drives the interrupt while it is enabled", () => {
    const bench = counting();
    bench.msr("PMEVCNTR0_EL0", 0xffff_fff0n);
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBeUndefined();
    bench.msr("PMINTENSET_EL1", 1n);
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBe(16n);
    bench.retired = 6n;
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBe(10n);
    bench.retired = 15n;
    syncPmu(bench.vcpu, bench.host);
    expect([bench.pmuLine, value(bench, "PMOVSCLR_EL0")]).toEqual([false, 0n]);
    bench.retired = 16n;
    syncPmu(bench.vcpu, bench.host);
    expect([bench.pmuLine, value(bench, "PMOVSSET_EL0"), value(bench, "PMEVCNTR0_EL0")]).toEqual([true, 1n, 0n]);
    bench.msr("PMINTENCLR_EL1", 1n);
    expect(bench.pmuLine).toBe(false);
    bench.msr("PMINTENSET_EL1", 1n);
    expect(bench.pmuLine).toBe(true);
    bench.msr("PMOVSCLR_EL0", 1n);
    expect(bench.pmuLine).toBe(false);
  });

  test("of the cycle counter is at 64 bits", () => {
    const bench = counting();
    bench.msr("PMINTENSET_EL1", CYCLES);
    bench.msr("PMCCNTR_EL0", (1n << 64n) - 5n);
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBe(5n);
    bench.retired = 5n;
    expect([value(bench, "PMOVSSET_EL0"), value(bench, "PMCCNTR_EL0"), bench.pmuLine]).toEqual([CYCLES, 0n, true]);
  });
});

describe("FEAT_PMUv3p5", () => {
  const LP = 1n << 7n;
  const HPMD = 1n << 17n;
  const HCCD = 1n << 23n;
  const HLP = 1n << 26n;
  const ALL_COUNTERS = 6n;

  test("event counters have 64 bits; without PMCR_EL0.LP they overflow at 32 and count on", () => {
    const bench = counting("max");
    bench.msr("PMINTENSET_EL1", 1n);
    bench.msr("PMEVCNTR0_EL0", 0x5_ffff_fff0n);
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBe(16n);
    bench.retired = 20n;
    expect([value(bench, "PMEVCNTR0_EL0"), value(bench, "PMOVSSET_EL0"), bench.pmuLine]).toEqual([
      0x6_0000_0004n,
      1n,
      true,
    ]);
  });

  test("with PMCR_EL0.LP they overflow at 64", () => {
    const bench = counting("max");
    bench.msr("PMCR_EL0", E | LP);
    bench.msr("PMINTENSET_EL1", 1n);
    bench.msr("PMEVCNTR0_EL0", 0xffff_fff0n);
    bench.retired = 20n;
    expect([value(bench, "PMEVCNTR0_EL0"), value(bench, "PMOVSSET_EL0")]).toEqual([0x1_0000_0004n, 0n]);
    bench.msr("PMEVCNTR0_EL0", (1n << 64n) - 3n);
    expect(pmuOverflowIn(bench.vcpu, bench.host)).toBe(3n);
    bench.retired = 25n;
    expect([value(bench, "PMEVCNTR0_EL0"), value(bench, "PMOVSSET_EL0")]).toEqual([2n, 1n]);
  });

  test("MDCR_EL2.HLP is for the counters of EL2", () => {
    const bench = counting("max");
    bench.enter(2).msr("MDCR_EL2", 1n | (1n << 7n) | HLP);
    bench.msr("PMEVCNTR0_EL0", 0xffff_ffffn);
    bench.msr("PMEVCNTR1_EL0", 0xffff_ffffn);
    bench.msr("PMEVTYPER0_EL0", BigInt(EVENT.SW_INCR) | (1n << 27n));
    bench.msr("PMEVTYPER1_EL0", BigInt(EVENT.SW_INCR) | (1n << 27n));
    bench.msr("PMSWINC_EL0", 3n);
    expect(value(bench, "PMOVSSET_EL0")).toBe(1n);
    expect(value(bench, "PMEVCNTR1_EL0")).toBe(0x1_0000_0000n);
  });

  test("MDCR_EL2.HPMD and HCCD stop counters at EL2, with PMCR_EL0.DP that of cycles too", () => {
    const counts = (mdcr: bigint, pmcr: bigint): bigint[] => {
      const bench = counting("max");
      bench.msr("PMEVTYPER0_EL0", BigInt(EVENT.SW_INCR) | (1n << 27n));
      bench.msr("PMCCFILTR_EL0", 1n << 27n);
      bench.msr("PMCR_EL0", E | pmcr);
      bench.enter(2).msr("MDCR_EL2", ALL_COUNTERS | mdcr);
      bench.msr("PMSWINC_EL0", 1n);
      bench.retired = 100n;
      return [value(bench, "PMEVCNTR0_EL0"), value(bench, "PMCCNTR_EL0")];
    };
    expect(counts(0n, 0n)).toEqual([1n, 100n]);
    expect(counts(HPMD, 0n)).toEqual([0n, 100n]);
    expect(counts(HPMD, 1n << 5n)).toEqual([0n, 0n]);
    expect(counts(HCCD, 0n)).toEqual([1n, 0n]);
  });
});

describe("MDCR_EL2.HPMN", () => {
  test("hides the upper counters from EL1; they run by HPME and are EL2's", () => {
    const bench = counting();
    bench.enter(2).msr("MDCR_EL2", 2n | (1n << 7n));
    bench.msr("PMEVTYPER4_EL0", BigInt(EVENT.INST_RETIRED));
    bench.msr("PMCNTENSET_EL0", 1n << 4n);
    bench.enter(1);
    expect(value(bench, "PMCR_EL0")).toBe(IDENTITY | N(2n) | LC | E);
    expect(value(bench, "PMCNTENSET_EL0")).toBe(CYCLES | 3n);
    bench.msr("PMCR_EL0", 0n);
    bench.msr("PMCNTENCLR_EL0", 0xffff_ffffn);
    bench.retired = 50n;
    bench.enter(2);
    expect([value(bench, "PMEVCNTR4_EL0"), value(bench, "PMEVCNTR0_EL0")]).toEqual([50n, 0n]);
    expect(value(bench, "PMCR_EL0")).toBe(IDENTITY | N(6n) | LC);
  });
});
