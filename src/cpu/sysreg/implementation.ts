/**
 * IMPLEMENTATION DEFINED registers of the Cortex-A72 (DDI 100095, section 4.3) that firmware and kernels touch, as
 * plain storage: there is no cache or bus behind them to control.
 */
import type { CpuModel } from "../model.js";
import { type RowOptions, register } from "./row.js";

const cortexA72 = (model: CpuModel): boolean => model.name === "cortex-a72";
const a72: RowOptions = { exists: cortexA72, trap: "implementation" };

export const IMPLEMENTATION = [
  // NumCores in bits 25–24.
  register("L2CTLR_EL1", [3, 1, 11, 0, 2], {
    ...a72,
    reset: ({ cpus }) => BigInt(Math.min(cpus, 4) - 1) << 24n,
    writable: 0xffff_ffffn & ~(3n << 24n),
  }),
  register("L2ECTLR_EL1", [3, 1, 11, 0, 3], a72),
  register("L2ACTLR_EL1", [3, 1, 15, 0, 0], a72),
  register("CPUACTLR_EL1", [3, 1, 15, 2, 0], a72),
  register("CPUECTLR_EL1", [3, 1, 15, 2, 1], a72),
  register("CPUMERRSR_EL1", [3, 1, 15, 2, 2], a72),
  register("L2MERRSR_EL1", [3, 1, 15, 2, 3], a72),
  register("CBAR_EL1", [3, 1, 15, 3, 0], { ...a72, access: "RO" }),
];
