/**
 * ID register values from a CPU model (DDI 0487, D17.2 "ID_AA64*"): one row per field, so that what is advertised is
 * what the feature set has.
 */
import type { Feature } from "../../isa/features.js";
import type { CpuModel } from "../model.js";

/** A field: lowest bit, and its value for a model. All are four bits wide. */
type Field = readonly [low: number, value: (m: CpuModel) => number];

/** 1 with the first feature, 2 with the second as well, and so on. */
const levels =
  (...features: Feature[]) =>
  ({ features: has }: CpuModel): number => {
    const missing = features.findIndex((feature) => !has.has(feature));
    return missing < 0 ? features.length : missing;
  };
/** `value` with the feature. */
const given =
  (feature: Feature, value = 1) =>
  ({ features: has }: CpuModel): number =>
    has.has(feature) ? value : 0;
const always = (value: number) => (): number => value;

const fields = {
  ID_AA64PFR0_EL1: [
    // EL0–EL3: AArch64 only.
    [0, always(1)],
    [4, always(1)],
    [8, always(1)],
    [12, always(1)],
    [16, given("FP16")],
    [20, given("FP16")],
    // GIC system registers, version 3.0 or 4.0.
    [24, always(1)],
    [28, given("RAS")],
    [48, given("DIT")],
    [56, levels("CSV2", "CSV2_2")],
    [60, given("CSV3")],
  ],
  ID_AA64PFR1_EL1: [
    [0, given("BTI")],
    [4, given("SSBS", 2)],
  ],
  ID_AA64DFR0_EL1: [
    [0, always(6)],
    [8, (m) => (m.pmuCounters === 0 ? 0 : m.features.has("PMUv3p5") ? 6 : 1)],
    [12, (m) => m.breakpoints - 1],
    [20, (m) => m.watchpoints - 1],
    [28, (m) => m.contextBreakpoints - 1],
  ],
  ID_AA64ISAR0_EL1: [
    [4, levels("AES", "PMULL")],
    [8, given("SHA1")],
    [12, levels("SHA256", "SHA512")],
    [16, given("CRC32")],
    [20, given("LSE", 2)],
    [28, given("RDM")],
    [32, given("SHA3")],
    [36, given("SM3")],
    [40, given("SM4")],
    [44, given("DotProd")],
    [48, given("FHM")],
    [52, levels("FlagM", "FlagM2")],
    [56, levels("TLBIOS", "TLBIRANGE")],
    [60, given("RNG")],
  ],
  ID_AA64ISAR1_EL1: [
    [0, levels("DPB", "DPB2")],
    // APA and GPA: PAuth by QARMA5, without what later versions of it add.
    [4, given("PAuth")],
    [12, given("JSCVT")],
    [16, given("FCMA")],
    [20, levels("LRCPC", "LRCPC2")],
    [24, given("PAuth")],
    [32, given("FRINTTS")],
    [36, given("SB")],
    [40, given("SPECRES")],
    [44, given("BF16")],
    [48, given("DGH")],
    [52, given("I8MM")],
  ],
  ID_AA64ISAR2_EL1: [[24, given("CONSTPACFIELD")]],
  ID_AA64MMFR0_EL1: [
    [0, (m) => PA_RANGES.indexOf(m.physicalAddressBits)],
    // 16-bit ASIDs; data of either order at every level; Secure and Non-secure memory are distinct.
    [4, always(2)],
    [8, always(1)],
    [12, always(1)],
    // All granules: 16 KiB is said with 1, 64 KiB and 4 KiB with 0.
    [20, always(1)],
  ],
  ID_AA64MMFR1_EL1: [
    [0, given("HAFDBS", 2)],
    [4, given("VMID16", 2)],
    [8, given("VHE")],
    [12, given("HPDS")],
    [16, given("LOR")],
    [20, levels("PAN", "PAN2")],
    [28, given("XNX")],
    [36, given("ETS")],
    [40, given("HCX")],
  ],
  ID_AA64MMFR2_EL1: [
    [0, given("TTCNP")],
    [4, given("UAO")],
    [12, given("IESB")],
    [28, given("TTST")],
    [32, given("LSE2")],
    [36, given("IDST")],
    [40, given("S2FWB")],
    [48, given("TTL")],
    // Level 2: a block may become a table and back without an invalid entry between.
    [52, given("BBM", 2)],
    [60, given("E0PD")],
  ],
} satisfies Record<string, readonly Field[]>;

/** Meaning of ID_AA64MMFR0_EL1.PARange. */
const PA_RANGES: readonly number[] = [32, 36, 40, 42, 44, 48];

export type IdRegister = keyof typeof fields;

export function isIdRegister(name: string): name is IdRegister {
  return Object.hasOwn(fields, name);
}

/** Value of an ID register for a model. */
export function idValue(name: IdRegister, model: CpuModel): bigint {
  return (fields[name] as readonly Field[]).reduce(
    (value, [low, field]) => value | (BigInt(field(model)) << BigInt(low)),
    0n,
  );
}
