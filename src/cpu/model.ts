/**
 * CPU models: a named set of features and the implementation choices of one real or imagined PE. ID registers are
 * computed from it (sysreg/id.ts). Cortex-A72 values: Arm 100095, section 4.3.
 */
import type { Feature } from "../isa/features.js";

export interface CpuModel {
  readonly name: string;
  readonly features: ReadonlySet<Feature>;
  readonly midr: bigint;
  readonly revidr: bigint;
  readonly ctr: bigint;
  readonly clidr: bigint;
  readonly dczid: bigint;
  /** CCSIDR_EL1 by CSSELR_EL1[3:0]. */
  readonly cacheSizes: Readonly<Record<number, bigint>>;
  readonly physicalAddressBits: number;
  readonly breakpoints: number;
  readonly contextBreakpoints: number;
  readonly watchpoints: number;
  /** Event counters beside the cycle counter; 0 for no PMU. */
  readonly pmuCounters: number;
  /** CNTFRQ_EL0 at reset, in Hz. */
  readonly counterFrequency: number;
}

/** Of the usual board: a retired instruction takes 4 ns of virtual time, the system counter advances every fourth. */
export const COUNTER_FREQUENCY = 62_500_000;

const CORTEX_A72: CpuModel = {
  name: "cortex-a72",
  features: new Set<Feature>(["CRC32", "AES", "PMULL", "SHA1", "SHA256"]),
  midr: 0x410f_d083n,
  revidr: 0n,
  ctr: 0x8444_c004n,
  clidr: 0x0a20_0023n,
  dczid: 4n,
  // 32 KiB 2-way data, 48 KiB 3-way instruction, 1 MiB 16-way unified; lines of 64 bytes.
  cacheSizes: { 0: 0x701f_e00an, 1: 0x201f_e012n, 2: 0x707f_e07an },
  physicalAddressBits: 44,
  breakpoints: 6,
  contextBreakpoints: 2,
  watchpoints: 4,
  pmuCounters: 6,
  counterFrequency: COUNTER_FREQUENCY,
};

/** Every feature whose instructions, registers and translation behaviour are all there. */
const IMPLEMENTED: readonly Feature[] = [
  // Cryptography.
  "AES",
  "PMULL",
  "SHA1",
  "SHA256",
  "SHA512",
  "SHA3",
  "SM3",
  "SM4",
  // Data processing.
  "CRC32",
  "RDM",
  "DotProd",
  "I8MM",
  "BF16",
  "FP16",
  "FHM",
  "FCMA",
  "JSCVT",
  "FRINTTS",
  "FlagM",
  "FlagM2",
  "RNG",
  // Memory.
  "LSE",
  "LSE2",
  "LRCPC",
  "LRCPC2",
  "LOR",
  "DPB",
  "DPB2",
  // Exceptions, translation, speculation.
  "PAN",
  "PAN2",
  "UAO",
  "VHE",
  "HPDS",
  "VMID16",
  "TTL",
  "TTST",
  "XNX",
  "S2FWB",
  "E0PD",
  "TTCNP",
  "BBM",
  "ETS",
  "HAFDBS",
  "TLBIOS",
  "TLBIRANGE",
  "PAuth",
  "BTI",
  "IDST",
  "DIT",
  "SB",
  "SPECRES",
  "SSBS",
  "CSV2",
  "CSV2_2",
  "CSV3",
  "DGH",
  "RAS",
  "IESB",
  "HCX",
  // Counting.
  "PMUv3p5",
];

const MAX: CpuModel = {
  ...CORTEX_A72,
  name: "max",
  features: new Set(IMPLEMENTED),
  // Implementer 0: software, as reserved by the architecture.
  midr: 0x000f_0510n,
  // Instruction fetch is coherent with stores and needs no cache maintenance: IDC and DIC.
  ctr: 0xb444_c004n,
};

const MODELS = [CORTEX_A72, MAX] as const;

export const CPU_MODEL_NAMES: readonly string[] = MODELS.map(({ name }) => name);

/** The model of that name. Throws UnknownCpuModel. */
export function cpuModel(name: string): CpuModel {
  const model = MODELS.find((candidate) => candidate.name === name);
  if (model === undefined) throw new UnknownCpuModel(name);
  return model;
}

/** A CPU name that no model has. */
export class UnknownCpuModel extends Error {
  override readonly name = "UnknownCpuModel";
  readonly code = "UNKNOWN_CPU";

  constructor(readonly model: string) {
    super(`unknown CPU "${model}": this build knows ${CPU_MODEL_NAMES.join(", ")}`);
  }
}
