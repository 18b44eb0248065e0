/**
 * The control bits that decide over system-register and FP accesses, read from the slots once per change (DDI 0487,
 * D17). The names of the bits are the architecture's.
 */
import { CPU } from "../../engine/layout.js";
import type { Vcpu } from "../vcpu.js";
import { HCR, HCR_HIGH, SCR, SCR_HIGH } from "./bits.js";

const bit = (n: number): number => 1 << n;

export const SCTLR = {
  UMA: bit(9),
  EnDB: bit(13),
  DZE: bit(14),
  UCT: bit(15),
  TSCXT: bit(20),
  EnDA: bit(27),
  EnIB: bit(30),
  EnIA: bit(31),
} as const;
export const CPTR_EL2 = { TFP: bit(10), TCPAC: bit(31) } as const;
export const CPTR3 = { TFP: bit(10), TCPAC: bit(31) } as const;
export const MDCR2 = {
  TPMCR: bit(5),
  TPM: bit(6),
  TDE: bit(8),
  TDA: bit(9),
  TDOSA: bit(10),
  TDRA: bit(11),
} as const;
export const MDCR3 = { TPM: bit(6), TDA: bit(9), TDOSA: bit(10) } as const;
export const ICH_HCR = { TC: bit(10), TALL0: bit(11), TALL1: bit(12), TDIR: bit(14) } as const;

export interface Controls {
  /** EL2 is enabled in the current Security state: SCR_EL3.NS, there being no Secure EL2. */
  readonly el2: boolean;
  /** HCR_EL2.{E2H, TGE} as they take effect, and both: EL0 belongs to a VHE host. */
  readonly e2h: boolean;
  readonly tge: boolean;
  readonly host0: boolean;
  /** Low and high words of HCR_EL2; 0 while EL2 is disabled. */
  readonly hcr: number;
  readonly hcrHigh: number;
  readonly scr: number;
  readonly scrHigh: number;
  /** SCTLR_EL1, or SCTLR_EL2 for a VHE host. */
  readonly sctlrOfEl0: number;
  /** SCTLR_EL1, SCTLR_EL2, SCTLR_EL3. */
  readonly sctlr: readonly [el1: number, el2: number, el3: number];
  readonly cpacr: number;
  readonly cptr2: number;
  readonly cptr3: number;
  readonly mdcr2: number;
  readonly mdcr3: number;
  readonly mdscr: number;
  /** CNTKCTL_EL1, or CNTHCTL_EL2 for a VHE host. */
  readonly timerOfEl0: number;
  readonly cnthctl: number;
  /** CNTVOFF_EL2 is not zero. */
  readonly hasVirtualOffset: boolean;
  /** VPIDR_EL2 or VMPIDR_EL2 is not what MIDR_EL1 and MPIDR_EL1 are. */
  readonly hasVirtualIdentity: boolean;
  readonly pmuserenr: number;
  readonly ichHcr: number;
}

/** Reads the controls from the slots. */
export function readControls(vcpu: Vcpu): Controls {
  // Without EL3 everything is Non-secure and nothing is routed or trapped there.
  const el3 = vcpu.get32(CPU.hasEl3) !== 0;
  const scr = el3 ? vcpu.sysregLow("SCR_EL3") : SCR.NS | SCR.APK | SCR.API | SCR.EnSCXT;
  const el2 = vcpu.get32(CPU.hasEl2) !== 0 && (scr & SCR.NS) !== 0;
  const hcr = el2 ? vcpu.sysregLow("HCR_EL2") : 0;
  const hcrHigh = el2 ? vcpu.sysregHigh("HCR_EL2") : 0;
  const e2h = (hcrHigh & HCR_HIGH.E2H) !== 0;
  const tge = (hcr & HCR.TGE) !== 0;
  const host0 = e2h && tge;
  const cnthctl = vcpu.sysregLow("CNTHCTL_EL2");
  const mdcr2 = vcpu.sysregLow("MDCR_EL2");
  const sctlr = [vcpu.sysregLow("SCTLR_EL1"), vcpu.sysregLow("SCTLR_EL2"), vcpu.sysregLow("SCTLR_EL3")] as const;
  return {
    el2,
    e2h,
    tge,
    host0,
    hcr,
    hcrHigh,
    scr,
    scrHigh: el3 ? vcpu.sysregHigh("SCR_EL3") : SCR_HIGH.HXEn,
    sctlrOfEl0: sctlr[host0 ? 1 : 0],
    sctlr,
    cpacr: vcpu.sysregLow("CPACR_EL1"),
    cptr2: vcpu.sysregLow("CPTR_EL2"),
    cptr3: vcpu.sysregLow("CPTR_EL3"),
    // HCR_EL2.TGE makes the PE behave as if MDCR_EL2.TDE were 1.
    mdcr2: tge ? mdcr2 | MDCR2.TDE : mdcr2,
    mdcr3: vcpu.sysregLow("MDCR_EL3"),
    mdscr: vcpu.sysregLow("MDSCR_EL1"),
    timerOfEl0: host0 ? cnthctl : vcpu.sysregLow("CNTKCTL_EL1"),
    cnthctl,
    hasVirtualOffset: vcpu.sysreg("CNTVOFF_EL2") !== 0n,
    hasVirtualIdentity:
      vcpu.sysreg("VPIDR_EL2") !== vcpu.sysreg("MIDR_EL1") || vcpu.sysreg("VMPIDR_EL2") !== vcpu.sysreg("MPIDR_EL1"),
    pmuserenr: vcpu.sysregLow("PMUSERENR_EL0"),
    ichHcr: vcpu.sysregLow("ICH_HCR_EL2"),
  };
}
