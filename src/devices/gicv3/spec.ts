/** GICv3: constants of the programming model (Arm IHI 0069H, GIC architecture specification v3 and v4). */

/** First INTID of each class (section 2.2). */
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;

/** Special INTIDs (section 2.2.1). */
export const INTID_SECURE = 1020;
export const INTID_NONSECURE = 1021;
export const INTID_SPURIOUS = 1023;
/** INTIDs from here on are LPIs, which have no active state. */
export const FIRST_LPI = 8192;
/** GICD_TYPER.IDbits and GITS_TYPER.ID_bits, plus one. */
export const INTID_BITS = 16;

/** The interrupt groups of section 4.6, as indices. With one security state, Group 1 is `G1NS`. */
export const G0 = 0;
export const G1S = 1;
export const G1NS = 2;
export type Group = typeof G0 | typeof G1S | typeof G1NS;

/** Five priority bits: 32 levels, and as many that preempt (section 4.8). */
export const PRIORITY_BITS = 5;
export const PRIORITY_MASK = (0xff << (8 - PRIORITY_BITS)) & 0xff;
/** One bit of an active priorities register stands for this many priority values, as a shift. */
export const APR_SHIFT = 8 - PRIORITY_BITS;
/** The priority of nothing: lower than every interrupt's. */
export const IDLE_PRIORITY = 0xff;
/** Smallest binary points: every implemented bit is group priority (section 4.8.2). */
export const MIN_BPR0 = 7 - PRIORITY_BITS;
export const MIN_BPR1 = MIN_BPR0 + 1;

/** GICD_CTLR (section 12.9.4), in the view of a single security state and in the Secure view of two. */
export const GICD_CTLR = {
  EnableGrp0: 1 << 0,
  EnableGrp1NS: 1 << 1,
  EnableGrp1S: 1 << 2,
  ARE_S: 1 << 4,
  ARE_NS: 1 << 5,
  DS: 1 << 6,
} as const;
/** The Non-secure view. */
export const GICD_CTLR_NS = { EnableGrp1A: 1 << 1, ARE_NS: 1 << 4 } as const;

/**
 * GICR_CTLR (section 12.11.2): LPIs, and that they can be disabled again; DPG leaves the PE out of the selection for
 * 1-of-N interrupts of a group.
 */
export const GICR_CTLR = { EnableLPIs: 1 << 0, CES: 1 << 1, DPG0: 1 << 24, DPG1NS: 1 << 25, DPG1S: 1 << 26 } as const;

/** GICR_WAKER (section 12.11.41). */
export const GICR_WAKER = { ProcessorSleep: 1 << 1, ChildrenAsleep: 1 << 2 } as const;

/** ICC_CTLR_EL1 and ICV_CTLR_EL1 (sections 12.2.6 and 12.4.5). */
export const ICC_CTLR = { CBPR: 1 << 0, EOImode: 1 << 1, A3V: 1 << 15, RSS: 1 << 18 } as const;
/** PRIbits, common to the CTLR registers. */
export const CTLR_PRIBITS = (PRIORITY_BITS - 1) << 8;

/** ICC_CTLR_EL3 (section 12.2.7). */
export const ICC_CTLR_EL3 = {
  CBPR_EL1S: 1 << 0,
  CBPR_EL1NS: 1 << 1,
  EOImode_EL3: 1 << 2,
  EOImode_EL1S: 1 << 3,
  EOImode_EL1NS: 1 << 4,
} as const;

/** ICH_HCR_EL2 (section 12.4.11). */
export const ICH_HCR = {
  En: 1 << 0,
  UIE: 1 << 1,
  LRENPIE: 1 << 2,
  NPIE: 1 << 3,
  VGrp0EIE: 1 << 4,
  VGrp0DIE: 1 << 5,
  VGrp1EIE: 1 << 6,
  VGrp1DIE: 1 << 7,
  TC: 1 << 10,
  TALL0: 1 << 11,
  TALL1: 1 << 12,
  TSEI: 1 << 13,
  TDIR: 1 << 14,
} as const;
export const EOICOUNT_SHIFT = 27;

/** ICH_MISR_EL2 (section 12.4.14). */
export const ICH_MISR = {
  EOI: 1 << 0,
  U: 1 << 1,
  LRENP: 1 << 2,
  NP: 1 << 3,
  VGrp0E: 1 << 4,
  VGrp0D: 1 << 5,
  VGrp1E: 1 << 6,
  VGrp1D: 1 << 7,
} as const;

/** ICH_VMCR_EL2 (section 12.4.15). */
export const ICH_VMCR = { VENG0: 1 << 0, VENG1: 1 << 1, VFIQEn: 1 << 3, VCBPR: 1 << 4, VEOIM: 1 << 9 } as const;

/** The upper word of ICH_LR<n>_EL2 (section 12.4.13); the lower one is the vINTID. */
export const LR_HIGH = {
  pINTID: 0x1fff,
  /** Bit 41: with HW = 0, ask for a maintenance interrupt when the guest has done with it. */
  EOI: 1 << 9,
  Group1: 1 << 28,
  HW: 1 << 29,
  Pending: 1 << 30,
  Active: 1 << 31,
} as const;
export const LR_PRIORITY_SHIFT = 16;

/** The group priority field of a priority, for a binary point counted as ICC_BPR0_EL1 counts it. */
export function groupPriorityMask(binaryPoint: number): number {
  return (0xff << (binaryPoint + 1)) & 0xff;
}
