/**
 * Self-hosted debug: when debug exceptions are enabled, and what breakpoints and watchpoints match (DDI 0487, D2.3
 * "Enabling debug exceptions", D2.8 "Breakpoint exceptions", D2.9 "Watchpoint exceptions" and the pseudocode of
 * AArch64.StateMatch and BreakpointValueMatch). Functions of a vCPU's registers; who asks, and when, is the machine's.
 */
import { CPU } from "../engine/layout.js";
import { SCR } from "./sysreg/bits.js";
import { MDCR2 } from "./sysreg/controls.js";
import { inHost } from "./sysreg/traps.js";
import type { Vcpu } from "./vcpu.js";

const MDSCR = { KDE: 1 << 13, MDE: 1 << 15 } as const;
const OSLSR_OSLK = 1 << 1;
const MDCR3_SDD = 1 << 16;
const PSTATE_D = 1 << 9;

/** IFSC and DFSC of debug exceptions. */
export const DEBUG_FSC = 0x22;

/** EL0–EL2 execute in Secure state, or would (IsSecureBelowEL3). */
export function isSecureBelowEl3(vcpu: Vcpu): boolean {
  return (vcpu.controls.scr & SCR.NS) === 0;
}

/** At this level the vCPU is in Secure state (IsSecure). */
export function isSecure(vcpu: Vcpu, el = vcpu.el): boolean {
  return el === 3 || isSecureBelowEl3(vcpu);
}

/** Where debug exceptions go: EL2 with MDCR_EL2.TDE or HCR_EL2.TGE. */
export function debugTarget({ controls: { el2, mdcr2 } }: Vcpu): 1 | 2 {
  return el2 && (mdcr2 & MDCR2.TDE) !== 0 ? 2 : 1;
}

/** Whether breakpoints and watchpoints generate exceptions where the vCPU is (AArch64.GenerateDebugExceptions). */
export function debugExceptionsEnabled(vcpu: Vcpu): boolean {
  if ((vcpu.sysregLow("OSLSR_EL1") & OSLSR_OSLK) !== 0 || vcpu.el === 3) return false;
  if (isSecureBelowEl3(vcpu) && (vcpu.controls.mdcr3 & MDCR3_SDD) !== 0) return false;
  const target = debugTarget(vcpu);
  if (vcpu.el !== target) return vcpu.el < target;
  return (vcpu.sysregLow("MDSCR_EL1") & MDSCR.KDE) !== 0 && (vcpu.daif & PSTATE_D) === 0;
}

/** MDSCR_EL1.MDE with the OS lock open: some breakpoint or watchpoint may generate an exception somewhere. */
export function monitorDebugEnabled(vcpu: Vcpu): boolean {
  return (vcpu.sysregLow("MDSCR_EL1") & MDSCR.MDE) !== 0 && (vcpu.sysregLow("OSLSR_EL1") & OSLSR_OSLK) === 0;
}

/** What DBGBCR<n>_EL1 and DBGWCR<n>_EL1 have in common. */
function stateFields(control: number) {
  return {
    enabled: (control & 1) !== 0,
    /** PMC, PAC: bit 0 EL1, bit 1 EL0. */
    privilege: (control >>> 1) & 3,
    hmc: (control >>> 13) & 1,
    ssc: (control >>> 14) & 3,
    lbn: (control >>> 16) & 15,
  };
}

/** Breakpoint types (DBGBCR<n>_EL1.BT); bit 0 says linked. */
const BT = { address: 0, contextId: 2, contextId1: 6, vmid: 8, vmidContextId: 10, contextId2: 12, both: 14 } as const;

const breakpointType = (control: number): number => (control >>> 20) & 15;
const isLinked = (type: number): boolean => (type & 1) !== 0;

/** Bits 48 to 2 of an address, the others as its sign: what a value register is compared by. */
function registerAddress(value: bigint): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(49, value)) & ~3n;
}

/** Addresses of the enabled address breakpoints, and whether one matches whole contexts, whatever the address. */
export function breakpointPlaces(vcpu: Vcpu, count: number): { addresses: bigint[]; everywhere: boolean } {
  const addresses: bigint[] = [];
  let everywhere = false;
  for (let n = 0; n < count; n++) {
    const control = vcpu.sysregLow(`DBGBCR${n}_EL1`);
    if (!stateFields(control).enabled) continue;
    const type = breakpointType(control);
    if ((type & ~1) === BT.address) addresses.push(registerAddress(vcpu.sysreg(`DBGBVR${n}_EL1`)));
    else if (!isLinked(type) && type !== 4) everywhere = true;
  }
  return { addresses, everywhere };
}

/** Security state, EL and link of a breakpoint or watchpoint for an access as from `el` (AArch64.StateMatch). */
function stateMatches(vcpu: Vcpu, control: number, linked: boolean, el: number, breakpoints: number): boolean {
  const { hmc, ssc, privilege, lbn } = stateFields(control);
  const secure = isSecure(vcpu, el);
  if (ssc === 2 ? !secure : ssc !== 0 && secure) return false;
  if (el >= 2) {
    // SSC 3 with HMC is EL2 alone; without PMC or PAC higher levels are meant.
    if (hmc === 0) return false;
  } else if ((privilege & (el === 1 ? 1 : 2)) === 0) return false;
  if (!linked) return true;
  return lbn < breakpoints && isLinked(breakpointType(vcpu.sysregLow(`DBGBCR${lbn}_EL1`))) && linkMatches(vcpu, lbn);
}

/** A context breakpoint that another one is linked to. */
function linkMatches(vcpu: Vcpu, n: number): boolean {
  const control = vcpu.sysregLow(`DBGBCR${n}_EL1`);
  return (control & 1) !== 0 && breakpointType(control) !== 1 && contextMatches(vcpu, n, breakpointType(control));
}

/** Context ID and VMID comparisons of BreakpointValueMatch. */
function contextMatches(vcpu: Vcpu, n: number, type: number): boolean {
  const value = vcpu.sysreg(`DBGBVR${n}_EL1`);
  const { controls, el } = vcpu;
  const host = inHost(controls, el);
  const low = BigInt.asUintN(32, value);
  const contextId = (name: string): bigint => BigInt.asUintN(32, vcpu.sysreg(name));
  const ofGuest = el <= 1 && !host;
  const matches1 = ofGuest && contextId("CONTEXTIDR_EL1") === low;
  const matches2 = (): boolean => el !== 3 && controls.el2 && contextId("CONTEXTIDR_EL2") === value >> 32n;
  const matchesVmid = (): boolean => {
    const wide = (vcpu.sysregLow("VTCR_EL2") & (1 << 19)) !== 0 ? 16 : 8;
    const vmid = BigInt.asUintN(wide, vcpu.sysreg("VTTBR_EL2") >> 48n);
    return controls.el2 && ofGuest && vmid === BigInt.asUintN(wide, value >> 32n);
  };
  switch (type & ~1) {
    case BT.contextId:
      return host ? contextId("CONTEXTIDR_EL2") === low : matches1;
    case BT.contextId1:
      return matches1;
    case BT.vmid:
      return matchesVmid();
    case BT.vmidContextId:
      return matches1 && matchesVmid();
    case BT.contextId2:
      return matches2();
    case BT.both:
      return matches1 && matches2();
    default:
      return false;
  }
}

/** Whether a breakpoint of the vCPU matches the instruction at `pc`; that exceptions are enabled is not asked. */
export function breakpointMatches(vcpu: Vcpu, count: number, pc: bigint): boolean {
  for (let n = 0; n < count; n++) {
    const control = vcpu.sysregLow(`DBGBCR${n}_EL1`);
    if (!stateFields(control).enabled) continue;
    const type = breakpointType(control);
    const isAddress = (type & ~1) === BT.address;
    if (!isAddress && isLinked(type)) continue;
    const here = isAddress ? registerAddress(vcpu.sysreg(`DBGBVR${n}_EL1`)) === pc : contextMatches(vcpu, n, type);
    if (here && stateMatches(vcpu, control, isAddress && isLinked(type), vcpu.el, count)) return true;
  }
  return false;
}

/** Bytes that a watchpoint watches: [low, high], and the bits of an address that do not count. */
export interface WatchedRange {
  readonly low: bigint;
  readonly high: bigint;
  readonly loads: boolean;
  readonly stores: boolean;
  /** Number of the watchpoint. */
  readonly n: number;
}

/** The ranges of the enabled watchpoints: one each, or several where BAS has gaps. */
export function watchedRanges(vcpu: Vcpu, count: number): WatchedRange[] {
  const ranges: WatchedRange[] = [];
  for (let n = 0; n < count; n++) {
    const control = vcpu.sysregLow(`DBGWCR${n}_EL1`);
    if ((control & 1) === 0) continue;
    const kind = { loads: ((control >>> 3) & 1) !== 0, stores: ((control >>> 4) & 1) !== 0, n };
    if (!kind.loads && !kind.stores) continue;
    const value = registerAddress(vcpu.sysreg(`DBGWVR${n}_EL1`));
    const mask = (control >>> 24) & 31;
    const select = (control >>> 5) & 0xff;
    if (mask >= 3) {
      // BAS has to be all ones with a mask.
      const span = (1n << BigInt(mask)) - 1n;
      ranges.push({ ...kind, low: value & ~span, high: value | span });
      continue;
    }
    // DBGWVR[2] = 1: the upper half of BAS is ignored.
    const bytes = (value & 4n) !== 0n ? select & 15 : select;
    for (let first = 0; first < 8; first++) {
      if ((bytes & (1 << first)) === 0) continue;
      let last = first;
      while ((bytes & (1 << (last + 1))) !== 0) last++;
      ranges.push({ ...kind, low: value + BigInt(first), high: value + BigInt(last) });
      first = last;
    }
  }
  return ranges;
}

/** Whether watchpoint `n` is for accesses as from `el` now; that the address is watched is the caller's finding. */
export function watchpointApplies(vcpu: Vcpu, n: number, el: number, breakpoints: number): boolean {
  const control = vcpu.sysregLow(`DBGWCR${n}_EL1`);
  return stateMatches(vcpu, control, (control & (1 << 20)) !== 0, el, breakpoints);
}

/** Whether software step is armed: what the engine looks at between instructions. */
export function updateSoftwareStep(vcpu: Vcpu): void {
  vcpu.set32(CPU.softwareStep, vcpu.sysregLow("MDSCR_EL1") & 1);
}
