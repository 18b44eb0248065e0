import { describe, expect, test } from "vitest";
import { CPU_MODEL_NAMES, type CpuModel, cpuModel, UnknownCpuModel } from "../../src/cpu/model.js";
import { FEATURES, type Feature } from "../../src/isa/features.js";
import { Bench } from "./sysreg-fixture.js";

function read(name: string, model: string | CpuModel = "cortex-a72"): bigint {
  const outcome = new Bench(model).enter(3).mrs(name);
  if (outcome === "undefined" || "ec" in outcome) throw new Error(`${name} cannot be read at EL3`);
  return outcome.value;
}

describe("cortex-a72", () => {
  /** As `qemu-system-aarch64 -M virt,secure=on,virtualization=on -cpu cortex-a72` (7.2) shows them to GDB. */
  test.each([
    ["MIDR_EL1", 0x410f_d083n],
    ["REVIDR_EL1", 0n],
    ["CTR_EL0", 0x8444_c004n],
    ["CLIDR_EL1", 0x0a20_0023n],
    ["DCZID_EL0", 4n],
    ["ID_AA64PFR1_EL1", 0n],
    ["ID_AA64DFR0_EL1", 0x1030_5106n],
    ["ID_AA64DFR1_EL1", 0n],
    ["ID_AA64AFR0_EL1", 0n],
    ["ID_AA64ISAR0_EL1", 0x1_1120n],
    ["ID_AA64ISAR1_EL1", 0n],
    ["ID_AA64MMFR1_EL1", 0n],
    ["ID_AA64MMFR2_EL1", 0n],
    ["PMCR_EL0", 0x4102_3000n | (1n << 6n)],
    ["MDCR_EL2", 6n],
    ["OSLSR_EL1", 0xan],
    ["VMPIDR_EL2", 0x8000_0000n],
    ["VPIDR_EL2", 0x410f_d083n],
    ["RVBAR_EL3", 0n],
  ])("%s is QEMU's", (name, value) => {
    expect(read(name)).toBe(value);
  });

  test("differs from the real one where it does: no AArch32, GIC registers, 16K granule", () => {
    expect(read("ID_AA64PFR0_EL1"), "at EL3, where firmware wants AArch32 at EL1").toBe(0x0100_1121n);
    expect(read("ID_AA64MMFR0_EL1")).toBe(0x0010_1124n);
    for (const name of ["ID_PFR0_EL1", "ID_ISAR5_EL1", "MVFR0_EL1", "ID_RAZ_C0_C7_5"]) expect(read(name)).toBe(0n);
  });
});

/** Field of an ID register, the features in the order of its values, the first of those, and the one without them. */
const FIELDS: [register: string, low: number, features: Feature[], first?: number, without?: number][] = [
  ["ID_AA64ISAR0_EL1", 4, ["AES", "PMULL"]],
  ["ID_AA64ISAR0_EL1", 8, ["SHA1"]],
  ["ID_AA64ISAR0_EL1", 12, ["SHA256", "SHA512"]],
  ["ID_AA64ISAR0_EL1", 16, ["CRC32"]],
  ["ID_AA64ISAR0_EL1", 20, ["LSE"], 2],
  ["ID_AA64ISAR0_EL1", 28, ["RDM"]],
  ["ID_AA64ISAR0_EL1", 32, ["SHA3"]],
  ["ID_AA64ISAR0_EL1", 36, ["SM3"]],
  ["ID_AA64ISAR0_EL1", 40, ["SM4"]],
  ["ID_AA64ISAR0_EL1", 44, ["DotProd"]],
  ["ID_AA64ISAR0_EL1", 48, ["FHM"]],
  ["ID_AA64ISAR0_EL1", 52, ["FlagM", "FlagM2"]],
  ["ID_AA64ISAR0_EL1", 56, ["TLBIOS", "TLBIRANGE"]],
  ["ID_AA64ISAR0_EL1", 60, ["RNG"]],
  ["ID_AA64ISAR1_EL1", 0, ["DPB", "DPB2"]],
  ["ID_AA64ISAR1_EL1", 4, ["PAuth"]],
  ["ID_AA64ISAR1_EL1", 24, ["PAuth"]],
  ["ID_AA64ISAR1_EL1", 12, ["JSCVT"]],
  ["ID_AA64ISAR1_EL1", 16, ["FCMA"]],
  ["ID_AA64ISAR1_EL1", 20, ["LRCPC", "LRCPC2"]],
  ["ID_AA64ISAR1_EL1", 32, ["FRINTTS"]],
  ["ID_AA64ISAR1_EL1", 36, ["SB"]],
  ["ID_AA64ISAR1_EL1", 40, ["SPECRES"]],
  ["ID_AA64ISAR1_EL1", 44, ["BF16"]],
  ["ID_AA64ISAR1_EL1", 48, ["DGH"]],
  ["ID_AA64ISAR1_EL1", 52, ["I8MM"]],
  ["ID_AA64ISAR2_EL1", 24, ["CONSTPACFIELD"]],
  ["ID_AA64DFR0_EL1", 8, ["PMUv3p5"], 6, 1],
  ["ID_AA64PFR0_EL1", 16, ["FP16"]],
  ["ID_AA64PFR0_EL1", 20, ["FP16"]],
  ["ID_AA64PFR0_EL1", 28, ["RAS"]],
  ["ID_AA64PFR0_EL1", 48, ["DIT"]],
  ["ID_AA64PFR0_EL1", 56, ["CSV2", "CSV2_2"]],
  ["ID_AA64PFR0_EL1", 60, ["CSV3"]],
  ["ID_AA64PFR1_EL1", 0, ["BTI"]],
  ["ID_AA64PFR1_EL1", 4, ["SSBS"], 2],
  ["ID_AA64MMFR1_EL1", 4, ["VMID16"], 2],
  ["ID_AA64MMFR1_EL1", 8, ["VHE"]],
  ["ID_AA64MMFR1_EL1", 12, ["HPDS"]],
  ["ID_AA64MMFR1_EL1", 16, ["LOR"]],
  ["ID_AA64MMFR1_EL1", 20, ["PAN", "PAN2"]],
  ["ID_AA64MMFR1_EL1", 0, ["HAFDBS"], 2],
  ["ID_AA64MMFR1_EL1", 28, ["XNX"]],
  ["ID_AA64MMFR1_EL1", 36, ["ETS"]],
  ["ID_AA64MMFR1_EL1", 40, ["HCX"]],
  ["ID_AA64MMFR2_EL1", 0, ["TTCNP"]],
  ["ID_AA64MMFR2_EL1", 4, ["UAO"]],
  ["ID_AA64MMFR2_EL1", 12, ["IESB"]],
  ["ID_AA64MMFR2_EL1", 28, ["TTST"]],
  ["ID_AA64MMFR2_EL1", 32, ["LSE2"]],
  ["ID_AA64MMFR2_EL1", 36, ["IDST"]],
  ["ID_AA64MMFR2_EL1", 40, ["S2FWB"]],
  ["ID_AA64MMFR2_EL1", 48, ["TTL"]],
  ["ID_AA64MMFR2_EL1", 52, ["BBM"], 2],
  ["ID_AA64MMFR2_EL1", 60, ["E0PD"]],
];

describe("features and ID registers", () => {
  const withFeatures = (...features: Feature[]): CpuModel => ({ ...cpuModel("max"), features: new Set(features) });
  const field = (register: string, low: number, model: CpuModel): number =>
    Number((read(register, model) >> BigInt(low)) & 15n);

  test.each(FIELDS)("%s[%i] counts %j", (register, low, features, first = 1, without = 0) => {
    expect(field(register, low, withFeatures())).toBe(without);
    features.forEach((_, index) => {
      expect(field(register, low, withFeatures(...features.slice(0, index + 1)))).toBe(first + index);
    });
  });

  test("a feature changes its own fields and no others", () => {
    const registers = [...new Set(FIELDS.map(([register]) => register))];
    const values = (model: CpuModel): bigint[] => registers.map((register) => read(register, model));
    const none = values(withFeatures());
    for (const feature of FEATURES) {
      const own = FIELDS.filter(([, , features]) => features[0] === feature);
      const expected = registers.map((register, index) =>
        own
          .filter(([name]) => name === register)
          .reduce((value, [, low, , first = 1, without = 0]) => {
            return value + (BigInt(first - without) << BigInt(low));
          }, none[index]!),
      );
      expect([feature, ...values(withFeatures(feature))]).toEqual([feature, ...expected]);
    }
  });

  test("every feature is advertised", () => {
    expect([...FEATURES].filter((feature) => !FIELDS.some(([, , features]) => features.includes(feature)))).toEqual([]);
  });
});

describe("models", () => {
  test("are found by name; an unknown one is an error that names them", () => {
    for (const name of CPU_MODEL_NAMES) expect(cpuModel(name).name).toBe(name);
    expect(() => cpuModel("cortex-a9")).toThrow(UnknownCpuModel);
    expect(() => cpuModel("cortex-a9")).toThrow('unknown CPU "cortex-a9": this build knows cortex-a72, max');
  });
});
