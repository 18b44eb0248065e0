/**
 * Exception handling registers, stack pointers, reset vectors and thread identifiers (DDI 0487, D17.2), and those that
 * only AArch32 state would fill: firmware saves them without asking whether AArch32 is there.
 */
import { HCR, SCR } from "./bits.js";
import { type Access, hiddenSlot, mask, type RowOptions, register } from "./row.js";

export const EXCEPTION = [
  register("SPSR_EL1", [3, 0, 4, 0, 0], { e2h: "SPSR_EL2" }),
  register("ELR_EL1", [3, 0, 4, 0, 1], { e2h: "ELR_EL2" }),
  register("SP_EL0", [3, 0, 4, 1, 0], { trap: "stackPointer" }),
  register("ESR_EL1", [3, 0, 5, 2, 0], { trap: "virtualMemory", e2h: "ESR_EL2" }),
  register("FAR_EL1", [3, 0, 6, 0, 0], { trap: "virtualMemory", e2h: "FAR_EL2" }),
  register("VBAR_EL1", [3, 0, 12, 0, 0], { e2h: "VBAR_EL2" }),

  register("SPSR_EL2", [3, 4, 4, 0, 0]),
  register("ELR_EL2", [3, 4, 4, 0, 1]),
  register("SP_EL1", [3, 4, 4, 1, 0]),
  register("ESR_EL2", [3, 4, 5, 2, 0]),
  register("FAR_EL2", [3, 4, 6, 0, 0]),
  register("HPFAR_EL2", [3, 4, 6, 0, 4]),
  register("VBAR_EL2", [3, 4, 12, 0, 0]),

  register("SPSR_EL3", [3, 6, 4, 0, 0]),
  register("ELR_EL3", [3, 6, 4, 0, 1]),
  register("SP_EL2", [3, 6, 4, 1, 0]),
  register("ESR_EL3", [3, 6, 5, 2, 0]),
  register("FAR_EL3", [3, 6, 6, 0, 0]),
  register("VBAR_EL3", [3, 6, 12, 0, 0]),
  register("RVBAR_EL3", [3, 6, 12, 0, 1], { access: "RO" }),
  // AA64 reads as one. A reset request (RR) is not taken up: power control is the firmware interface's.
  register("RMR_EL3", [3, 6, 12, 0, 2], { reset: 1n, writable: 0n }),
  hiddenSlot("SP_EL3"),
];

/**
 * Where errors that ESB deferred are found: EL1 has those of virtual SErrors, and none that EL3 takes (DDI 0487,
 * DISR_EL1).
 */
function deferred({ vcpu, el }: Access): "DISR_EL1" | "VDISR_EL2" | undefined {
  const { el2, hcr, scr } = vcpu.controls;
  if (el === 1 && el2 && (hcr & HCR.AMO) !== 0) return "VDISR_EL2";
  return el < 3 && (scr & SCR.EA) !== 0 ? undefined : "DISR_EL1";
}

const deferredErrors: RowOptions = {
  features: ["RAS"],
  read: (access) => {
    const name = deferred(access);
    return name === undefined ? 0n : access.vcpu.sysreg(name);
  },
  write: (access, value) => {
    const name = deferred(access);
    if (name !== undefined) access.vcpu.setSysreg(name, value);
  },
};

/** FEAT_RAS without error records: ERRIDR_EL1.NUM is 0, and the registers of a selected record are UNDEFINED. */
export const ERRORS = [
  register("ERRIDR_EL1", [3, 0, 5, 3, 0], { access: "RO", features: ["RAS"], trap: "errorRecords" }),
  register("DISR_EL1", [3, 0, 12, 1, 1], deferredErrors),
  register("VSESR_EL2", [3, 4, 5, 2, 3], { features: ["RAS"] }),
  register("VDISR_EL2", [3, 4, 12, 1, 1], { features: ["RAS"] }),
];

const contextNumber: RowOptions = { features: ["CSV2_2"], trap: "contextNumber" };

export const THREAD = [
  register("TPIDR_EL0", [3, 3, 13, 0, 2]),
  register("TPIDRRO_EL0", [3, 3, 13, 0, 3], { writeEl: 1 }),
  register("TPIDR_EL1", [3, 0, 13, 0, 4]),
  register("TPIDR_EL2", [3, 4, 13, 0, 2]),
  register("TPIDR_EL3", [3, 6, 13, 0, 2]),
  register("SCXTNUM_EL0", [3, 3, 13, 0, 7], contextNumber),
  register("SCXTNUM_EL1", [3, 0, 13, 0, 7], { ...contextNumber, e2h: "SCXTNUM_EL2" }),
  register("SCXTNUM_EL2", [3, 4, 13, 0, 7], contextNumber),
  register("SCXTNUM_EL3", [3, 6, 13, 0, 7], contextNumber),
];

export const AARCH32 = [
  register("SPSR_irq", [3, 4, 4, 3, 0], { writable: 0n }),
  register("SPSR_abt", [3, 4, 4, 3, 1], { writable: 0n }),
  register("SPSR_und", [3, 4, 4, 3, 2], { writable: 0n }),
  register("SPSR_fiq", [3, 4, 4, 3, 3], { writable: 0n }),
  register("DACR32_EL2", [3, 4, 3, 0, 0], { writable: 0n }),
  register("IFSR32_EL2", [3, 4, 5, 0, 1], { writable: 0n }),
  register("FPEXC32_EL2", [3, 4, 5, 3, 0], { writable: 0n, reset: mask(30), trap: "floatingPoint" }),
  register("DBGVCR32_EL2", [2, 4, 0, 7, 0], { writable: 0n, trap: "debug" }),
  register("SDER32_EL3", [3, 6, 1, 1, 1], { writable: 0n }),
];
