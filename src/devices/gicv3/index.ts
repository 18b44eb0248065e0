/** GICv3 (Arm IHI 0069H). */
export type { CpuInterface, CpuOutputs } from "./cpu-interface.js";
export type {
  CpuDescription,
  GicDescription,
  InterruptDescription,
  ListRegisterDescription,
} from "./describe.js";
export { GICD_REGISTERS } from "./distributor-registers.js";
export { type CpuWiring, type GicConfig, GicConfigError, type GicSnapshot, Gicv3 } from "./gicv3.js";
export { Its, type ItsSnapshot } from "./its.js";
export type { ItsDescription } from "./its-describe.js";
export { ITS_SIZE, TRANSLATER } from "./its-spec.js";
export type { AccessContext } from "./physical.js";
export { GICR_REGISTERS, REDISTRIBUTOR_SIZE } from "./redistributor.js";
export { GIC_SYSTEM_REGISTERS, type GicRegister, ichTrapBits, isVirtualAccess } from "./system-registers.js";
