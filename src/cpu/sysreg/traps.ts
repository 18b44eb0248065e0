/**
 * Who is allowed past the control registers: one row per class of system registers with the same enable and trap
 * controls (the accessibility pseudocode of DDI 0487, D17), as a function from the controls to the EL that takes the
 * trap. Checks run in the architecture's order: EL0 enables, traps to EL2, traps to EL3.
 */
import { KEY_ENABLED, KEY_USE_TRAPPED } from "../../engine/layout.js";
import { HCR, HCR_HIGH, SCR, SCR_HIGH } from "./bits.js";
import { type Controls, CPTR_EL2, CPTR3, ICH_HCR, MDCR2, MDCR3, SCTLR } from "./controls.js";

/** EL that takes the trap; 0 when the access goes on. */
export type TrapTarget = 0 | 1 | 2 | 3;

type Check = (c: Controls, el: number, write: boolean) => TrapTarget;

interface TrapRow {
  /** Registers of the class have plain slots, so engines must see in CPU.readTraps/writeTraps whether it is active. */
  readonly inline?: true;
  /** Exception class of the trap; default 0x18, MSR/MRS/system instruction. */
  readonly ec?: number;
  readonly check: Check;
  /** Whether engines must leave an access to the slow path; default: when `check` traps it. */
  readonly active?: (c: Controls, el: number) => boolean;
}

/** An EL0 access that an EL1 control forbids: to EL2 instead with HCR_EL2.TGE. */
const fromEl0 = (c: Controls): TrapTarget => (c.tge ? 2 : 1);

/** EL2 of a VHE host, and EL0 under it. */
export function inHost(c: Controls, el: number): boolean {
  return (el === 2 && c.e2h) || (el === 0 && c.host0);
}

const el1HcrTrap =
  (bit: number): Check =>
  (c, el) =>
    el === 1 && (c.hcr & bit) !== 0 ? 2 : 0;

/** EL0 needs a bit of the SCTLR that governs it. */
const needsSctlr =
  (bit: number): Check =>
  (c, el) =>
    el === 0 && (c.sctlrOfEl0 & bit) === 0 ? fromEl0(c) : 0;

/** EL0 and EL1 traps by an MDCR_EL2 bit, then EL0–EL2 by an MDCR_EL3 bit. */
const debugTrap =
  (bit2: number, bit3: number): Check =>
  (c, el) => {
    if (el < 2 && c.el2 && (c.mdcr2 & bit2) !== 0) return 2;
    return el < 3 && (c.mdcr3 & bit3) !== 0 ? 3 : 0;
  };

const powerControl = debugTrap(MDCR2.TPM, MDCR3.TPM);
const pmu =
  (enables: number): Check =>
  (c, el, write) => {
    if (el === 0 && (c.pmuserenr & enables) === 0) return fromEl0(c);
    return powerControl(c, el, write);
  };
const PMUSERENR = { EN: 1, SW: 2, CR: 4, ER: 8 } as const;
/** CR and ER open the counters for reading only. */
const pmuRead =
  (enable: number): Check =>
  (c, el, write) =>
    pmu(write ? PMUSERENR.EN : PMUSERENR.EN | enable)(c, el, write);

const timer =
  (el0Bit: number, el1Trap: (c: Controls, el: number) => boolean): Check =>
  (c, el) => {
    if (el === 0 && (c.timerOfEl0 & el0Bit) === 0) return fromEl0(c);
    return el < 2 && el1Trap(c, el) ? 2 : 0;
  };
/** CNTKCTL_EL1, and CNTHCTL_EL2 with E2H. */
const CNT = { EL0PCTEN: 1, EL0VCTEN: 2, EL0VTEN: 1 << 8, EL0PTEN: 1 << 9 } as const;
/** The EL1 enables of CNTHCTL_EL2 move with E2H; a host's EL0 does not have them. */
const cnthctl =
  (bit: number, bitE2h: number) =>
  (c: Controls): boolean =>
    c.el2 && !c.host0 && (c.cnthctl & (c.e2h ? bitE2h : bit)) === 0;

const virtualCounter = timer(CNT.EL0VCTEN, () => false);

/** ICC registers: ICH_HCR_EL2 traps at EL1, then SCR_EL3 routing away from EL1 and EL2 unless they reach ICV. */
const icc =
  (ichBits: number, virtualBits: number, scrBits: number): Check =>
  (c, el) => {
    if (el === 1 && c.el2 && (c.ichHcr & ichBits) !== 0) return 2;
    if (el === 1 && (c.hcr & virtualBits) !== 0) return 0;
    return el < 3 && (c.scr & scrBits) === scrBits ? 3 : 0;
  };
const ROUTED = SCR.IRQ | SCR.FIQ;

/** Whether CPACR_EL1.FPEN traps FP and Advanced SIMD at `el`. */
export function forbiddenByCpacr(c: Controls, el: number): boolean {
  if (el > 1 || (el === 0 && c.host0)) return false;
  const fpen = (c.cpacr >>> 20) & 3;
  return (fpen & 1) === 0 || (fpen === 1 && el === 0);
}

/** EL that traps an FP or Advanced SIMD access at `el`; 0 when allowed (DDI 0487, CheckFPAdvSIMDEnabled64). */
export function fpTrapTarget(c: Controls, el: number): TrapTarget {
  if (forbiddenByCpacr(c, el)) return el === 0 ? fromEl0(c) : 1;
  if (el < 3 && c.el2) {
    const fpen = (c.cptr2 >>> 20) & 3;
    if (c.e2h ? (fpen & 1) === 0 || (fpen === 1 && el === 0 && c.tge) : (c.cptr2 & CPTR_EL2.TFP) !== 0) return 2;
  }
  return (c.cptr3 & CPTR3.TFP) !== 0 ? 3 : 0;
}

/** DC ZVA traps at this EL. */
export function zeroingProhibited(c: Controls, el: number): boolean {
  if (el === 0 && (c.sctlrOfEl0 & SCTLR.DZE) === 0) return true;
  return el < 2 && !c.host0 && (c.hcr & HCR.TDZ) !== 0;
}

/**
 * What CPU.pointerAuth is at `el`: bits of the keys that SCTLR_ELx enables, and TRAPPED where a use of one traps (DDI
 * 0487, TrapPACUse).
 */
export function pointerAuthentication(c: Controls, el: number): number {
  const sctlr = el === 0 ? c.sctlrOfEl0 : c.sctlr[(el - 1) as 0 | 1 | 2];
  const keys = [
    [SCTLR.EnIA, KEY_ENABLED.IA],
    [SCTLR.EnIB, KEY_ENABLED.IB],
    [SCTLR.EnDA, KEY_ENABLED.DA],
    [SCTLR.EnDB, KEY_ENABLED.DB],
  ] as const;
  const by2 = el < 2 && c.el2 && !(el === 0 && c.host0) && (c.hcrHigh & HCR_HIGH.API) === 0;
  const by3 = el < 3 && (c.scr & SCR.API) === 0;
  const trapped = by2 || by3 ? KEY_USE_TRAPPED : 0;
  return keys.reduce((state, [bit, enabled]) => state | ((sctlr & bit) !== 0 ? enabled : 0), trapped);
}

const rows = {
  /** An encoding that VHE sends to an EL2 register: never a trap, but not the plain slot either. */
  redirect: { inline: true, check: () => 0, active: inHost },
  /** Never a trap: engines add the bit while SP_EL0 is the stack pointer in use, and so not to be had by name. */
  stackPointer: { inline: true, check: () => 0 },
  virtualMemory: {
    inline: true,
    check: (c, el, write) => (el === 1 && (c.hcr & (write ? HCR.TVM : HCR.TRVM)) !== 0 ? 2 : 0),
  },
  /** Never a trap: EL1 is shown what VPIDR_EL2 and VMPIDR_EL2 say, which is the slow path's where it differs. */
  identity: { inline: true, check: () => 0, active: (c, el) => el === 1 && c.el2 && c.hasVirtualIdentity },
  id1: { inline: true, check: el1HcrTrap(HCR.TID1) },
  id2: { inline: true, check: el1HcrTrap(HCR.TID2) },
  id3: { inline: true, check: el1HcrTrap(HCR.TID3) },
  cacheType: {
    inline: true,
    check: (c, el, write) => needsSctlr(SCTLR.UCT)(c, el, write) || (el < 2 && !c.host0 && c.hcr & HCR.TID2 ? 2 : 0),
  },
  /** Never a trap: where DC ZVA is not allowed, DCZID_EL0.DZP says so. */
  zeroing: { inline: true, check: () => 0, active: zeroingProhibited },
  daif: { inline: true, check: needsSctlr(SCTLR.UMA) },
  auxiliary: { inline: true, check: el1HcrTrap(HCR.TACR) },
  implementation: { inline: true, check: el1HcrTrap(HCR.TIDCP) },
  cpacr: {
    inline: true,
    check: (c, el) => {
      if (el === 1 && c.el2 && (c.cptr2 & CPTR_EL2.TCPAC) !== 0) return 2;
      return el < 3 && (c.cptr3 & CPTR3.TCPAC) !== 0 ? 3 : 0;
    },
  },
  cptr: { inline: true, check: (c, el) => (el < 3 && (c.cptr3 & CPTR3.TCPAC) !== 0 ? 3 : 0) },
  limitedOrdering: {
    inline: true,
    check: (c, el) => {
      if (el === 1 && (c.hcrHigh & HCR_HIGH.TLOR) !== 0) return 2;
      return el < 3 && (c.scr & SCR.TLOR) !== 0 ? 3 : 0;
    },
  },
  authenticationKeys: {
    inline: true,
    check: (c, el) => {
      if (el === 1 && c.el2 && (c.hcrHigh & HCR_HIGH.APK) === 0) return 2;
      return el < 3 && (c.scr & SCR.APK) === 0 ? 3 : 0;
    },
  },
  physicalCounter: { inline: true, check: timer(CNT.EL0PCTEN, cnthctl(1, 1 << 10)) },
  // CNTVOFF_EL2 does not apply to a VHE host: where it is not zero, that is for the slow path to see.
  virtualCounter: {
    inline: true,
    check: virtualCounter,
    active: (c, el) => virtualCounter(c, el, false) !== 0 || (c.hasVirtualOffset && inHost(c, el)),
  },
  counterFrequency: { inline: true, check: timer(CNT.EL0PCTEN | CNT.EL0VCTEN, () => false) },
  physicalTimer: { check: timer(CNT.EL0PTEN, cnthctl(2, 1 << 11)) },
  virtualTimer: { check: timer(CNT.EL0VTEN, () => false) },
  secureTimer: { check: (c, el) => (el === 1 && (c.scr & SCR.ST) === 0 ? 3 : 0) },
  debug: { inline: true, check: debugTrap(MDCR2.TDA | MDCR2.TDE, MDCR3.TDA) },
  debugOs: { inline: true, check: debugTrap(MDCR2.TDOSA | MDCR2.TDE, MDCR3.TDOSA) },
  debugRom: { inline: true, check: debugTrap(MDCR2.TDRA | MDCR2.TDE, MDCR3.TDA) },
  debugChannel: {
    check: (c, el, write) =>
      el === 0 && (c.mdscr & (1 << 12)) !== 0 ? fromEl0(c) : debugTrap(MDCR2.TDA | MDCR2.TDE, MDCR3.TDA)(c, el, write),
  },
  pmu: { check: pmu(PMUSERENR.EN) },
  pmuControl: {
    check: (c, el, write) =>
      el === 0 && (c.pmuserenr & PMUSERENR.EN) === 0
        ? fromEl0(c)
        : debugTrap(MDCR2.TPM | MDCR2.TPMCR, MDCR3.TPM)(c, el, write),
  },
  pmuIncrement: { check: pmu(PMUSERENR.EN | PMUSERENR.SW) },
  pmuCycles: { check: pmuRead(PMUSERENR.CR) },
  pmuEvents: { check: pmuRead(PMUSERENR.ER) },
  pmuSelect: { check: pmu(PMUSERENR.EN | PMUSERENR.ER) },
  pmuPrivileged: { check: powerControl },
  errorRecords: {
    check: (c, el) => {
      if (el === 1 && (c.hcrHigh & HCR_HIGH.TERR) !== 0) return 2;
      return el < 3 && (c.scr & SCR.TERR) !== 0 ? 3 : 0;
    },
  },
  contextNumber: {
    check: (c, el) => {
      if (el === 0 && (c.sctlrOfEl0 & SCTLR.TSCXT) !== 0) return fromEl0(c);
      if (el < 2 && c.el2 && !(el === 0 && c.host0) && (c.hcrHigh & HCR_HIGH.EnSCXT) === 0) return 2;
      return el < 3 && (c.scr & SCR.EnSCXT) === 0 ? 3 : 0;
    },
  },
  hypervisorExtension: { check: (c, el) => (el < 3 && (c.scrHigh & SCR_HIGH.HXEn) === 0 ? 3 : 0) },
  gicCommon: { check: icc(ICH_HCR.TC, HCR.IMO | HCR.FMO, ROUTED) },
  gicDeactivate: { check: icc(ICH_HCR.TC | ICH_HCR.TDIR, HCR.IMO | HCR.FMO, ROUTED) },
  gicGroup0: { check: icc(ICH_HCR.TALL0, HCR.FMO, SCR.FIQ) },
  gicGroup1: { check: icc(ICH_HCR.TALL1, HCR.IMO, SCR.IRQ) },
  gicSoftware: {
    check: (c, el, write) =>
      el === 1 && (c.hcr & (HCR.IMO | HCR.FMO)) !== 0 ? 2 : icc(ICH_HCR.TC, 0, ROUTED)(c, el, write),
  },
  floatingPoint: { inline: true, ec: 0x07, check: fpTrapTarget },
} satisfies Record<string, TrapRow>;

export type TrapClass = keyof typeof rows;
export const TRAP_CLASSES: Readonly<Record<TrapClass, TrapRow>> = rows;

const INLINE = (Object.keys(rows) as TrapClass[]).filter((name) => TRAP_CLASSES[name].inline);
if (INLINE.length > 32) throw new Error(`${INLINE.length} inline trap classes, but 32 bits for them`);

/** Bit of each inline class in CPU.readTraps, CPU.writeTraps and the entries of the system-register index. */
export const TRAP_BIT: Readonly<Partial<Record<TrapClass, number>>> = Object.fromEntries(
  INLINE.map((name, position) => [name, position]),
);

/** Bit of the class of SP_EL0. */
export const STACK_POINTER_TRAP = 1 << INLINE.indexOf("stackPointer");

/** For each bit, whether engines must leave an access of the class at `el` to the slow path. */
const ACTIVE = INLINE.map((name) => {
  const { check, active }: TrapRow = TRAP_CLASSES[name];
  return active ?? ((c: Controls, el: number, write: boolean) => check(c, el, write) !== 0);
});

/**
 * The bits of the classes that are active at `el`. Hypervisors change controls at every world switch: keep it quick.
 */
export function activeTraps(c: Controls, el: number, write: boolean): number {
  let bits = 0;
  for (let position = 0; position < ACTIVE.length; position++) {
    if (ACTIVE[position]!(c, el, write)) bits |= 1 << position;
  }
  return bits;
}
