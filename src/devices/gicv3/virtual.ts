/**
 * GICv3 virtual CPU interface (Arm IHI 0069H, chapter 6 and section 12.4): the list registers a hypervisor fills
 * (ICH_*), the interface its guest sees (ICV_*), the maintenance interrupt.
 */
import {
  APR_SHIFT,
  CTLR_PRIBITS,
  EOICOUNT_SHIFT,
  FIRST_LPI,
  G0,
  groupPriorityMask,
  ICC_CTLR,
  ICH_HCR,
  ICH_MISR,
  ICH_VMCR,
  IDLE_PRIORITY,
  INTID_SECURE,
  INTID_SPURIOUS,
  LR_HIGH,
  LR_PRIORITY_SHIFT,
  MIN_BPR0,
  MIN_BPR1,
  PRIORITY_BITS,
  PRIORITY_MASK,
} from "./spec.js";

/** A guest has Group 0 and Group 1, and one security state. */
const G1 = 1;
type VirtualGroup = typeof G0 | typeof G1;

export interface VirtualState {
  readonly hcr: number;
  readonly control: number;
  readonly pmr: number;
  readonly bpr: readonly number[];
  readonly activePriorities: readonly number[];
  readonly lrLow: readonly number[];
  readonly lrHigh: readonly number[];
}

const VMCR_BPR0_SHIFT = 21;
const VMCR_BPR1_SHIFT = 18;
const VMCR_PMR_SHIFT = 24;
const VMCR_STORED = ICH_VMCR.VENG0 | ICH_VMCR.VENG1 | ICH_VMCR.VCBPR | ICH_VMCR.VEOIM;

/** En to VGrp1DIE, the traps, EOIcount; vSGIEOIcount and DVIM belong to GICv4. */
const HCR_WRITABLE =
  0xff | ICH_HCR.TC | ICH_HCR.TALL0 | ICH_HCR.TALL1 | ICH_HCR.TSEI | ICH_HCR.TDIR | (0x1f << EOICOUNT_SHIFT);
const LR_HIGH_WRITABLE = (LR_HIGH.pINTID | (0xff << LR_PRIORITY_SHIFT) | (0xf << 28)) >>> 0;

/** ICH_VTR_EL2, but for ListRegs: A3V, TDS; no GICv4 (nV4); 16-bit INTIDs (section 12.4.16). */
const VTR = (((PRIORITY_BITS - 1) << 29) | ((PRIORITY_BITS - 1) << 26) | (1 << 21) | (1 << 20) | (1 << 19)) >>> 0;

export class VirtualInterface {
  /** ICH_HCR_EL2. */
  hcr = 0;
  /** VENG0, VENG1, VCBPR and VEOIM of ICH_VMCR_EL2. */
  #control = 0;
  #pmr = 0;
  readonly #bpr = Uint8Array.of(MIN_BPR0, MIN_BPR1);
  /** ICH_AP0R0_EL2, ICH_AP1R0_EL2. */
  readonly activePriorities = new Int32Array(2);
  /** ICH_LR<n>_EL2: the vINTID, and the upper word. */
  readonly #lrLow: Uint32Array;
  readonly #lrHigh: Int32Array;
  /** What follows from them, a bit per list register: their State bits, and HW = 0 with EOI = 1. */
  #pending = 0;
  #active = 0;
  #wantsEoi = 0;

  /** `deactivatePhysical` is for a list register with HW = 1 that the guest has done with. */
  constructor(
    readonly listRegisters: number,
    readonly deactivatePhysical: (intid: number) => void,
  ) {
    this.#lrLow = new Uint32Array(listRegisters);
    this.#lrHigh = new Int32Array(listRegisters);
  }

  /** The group of the virtual interrupt to be signalled now (vFIQ for 0, vIRQ for 1), if any. */
  signalled(): VirtualGroup | undefined {
    if (!(this.hcr & ICH_HCR.En)) return undefined;
    const n = this.#highestPending();
    if (n < 0) return undefined;
    const high = this.#lrHigh[n] as number;
    const priority = priorityOf(high);
    if (priority >= this.#pmr) return undefined;
    const group = groupOf(high);
    const running = this.runningPriority();
    const mask = this.#groupPriorityMask(group);
    return running === IDLE_PRIORITY || (priority & mask) < (running & mask) ? group : undefined;
  }

  /** Level of the maintenance interrupt. */
  maintenance(): boolean {
    return (this.hcr & ICH_HCR.En) !== 0 && this.readMisr() !== 0;
  }

  /** ICV_RPR_EL1. */
  runningPriority(): number {
    const all = this.#allActive();
    return all === 0 ? IDLE_PRIORITY : (31 - Math.clz32(all & -all)) << APR_SHIFT;
  }

  /** ICV_HPPIR<0|1>_EL1. */
  highestPending(group: VirtualGroup): number {
    const n = this.#highestPending();
    if (n < 0 || groupOf(this.#lrHigh[n] as number) !== group) return INTID_SPURIOUS;
    return this.#lrLow[n] as number;
  }

  /** What ICV_IAR<0|1>_EL1 would return. */
  acknowledgeable(group: VirtualGroup): number {
    if (this.signalled() !== group) return INTID_SPURIOUS;
    return this.highestPending(group);
  }

  /**
   * ICV_IAR<0|1>_EL1, read: pending becomes active. LPIs have no active state, and a special INTID, which a list
   * register should not have, is invalid once it has been returned (pseudocode of ICV_IAR1_EL1).
   */
  acknowledge(group: VirtualGroup): number {
    if (this.signalled() !== group) return INTID_SPURIOUS;
    const n = this.#highestPending();
    const intid = this.#lrLow[n] as number;
    const high = this.#lrHigh[n] as number;
    if (isSpecial(intid)) {
      this.#setHigh(n, high & ~LR_HIGH.Pending);
      return intid;
    }
    const bit = (priorityOf(high) & this.#groupPriorityMask(group)) >> APR_SHIFT;
    this.activePriorities[group] = (this.activePriorities[group] as number) | (1 << bit);
    this.#setHigh(n, (high & ~LR_HIGH.Pending) | (intid < FIRST_LPI ? LR_HIGH.Active : 0));
    return intid;
  }

  /** ICV_EOIR<0|1>_EL1: priority drop, and deactivation unless VEOIM splits them. */
  endOfInterrupt(group: VirtualGroup, intid: number): void {
    if (isSpecial(intid)) return;
    const dropped = this.#dropPriority();
    if (dropped === IDLE_PRIORITY || this.#splitsEoi()) return;
    const n = this.#findActive(intid);
    if (n < 0) {
      this.#countEoi(intid);
      return;
    }
    const high = this.#lrHigh[n] as number;
    const sameInterrupt = groupOf(high) === group && (priorityOf(high) & this.#groupPriorityMask(group)) === dropped;
    if (sameInterrupt) this.#deactivate(n);
  }

  /** ICV_DIR_EL1. */
  deactivateInterrupt(intid: number): void {
    if (isSpecial(intid) || !this.#splitsEoi()) return;
    const n = this.#findActive(intid);
    if (n < 0) this.#countEoi(intid);
    else this.#deactivate(n);
  }

  get pmr(): number {
    return this.#pmr;
  }

  set pmr(value: number) {
    this.#pmr = value & PRIORITY_MASK;
  }

  get bpr0(): number {
    return this.#bpr[G0] as number;
  }

  set bpr0(value: number) {
    this.#bpr[G0] = Math.max(value & 7, MIN_BPR0);
  }

  /** ICV_BPR1_EL1: with VCBPR a read-only ICV_BPR0_EL1 plus one. */
  get bpr1(): number {
    return this.#control & ICH_VMCR.VCBPR ? Math.min(this.bpr0 + 1, 7) : (this.#bpr[G1] as number);
  }

  set bpr1(value: number) {
    if (!(this.#control & ICH_VMCR.VCBPR)) this.#bpr[G1] = Math.max(value & 7, MIN_BPR1);
  }

  groupEnabled(group: VirtualGroup): boolean {
    return (this.#control & enableBit(group)) !== 0;
  }

  enableGroup(group: VirtualGroup, enable: boolean): void {
    const bit = enableBit(group);
    this.#control = enable ? this.#control | bit : this.#control & ~bit;
  }

  /** ICV_CTLR_EL1. */
  readControl(): number {
    return (
      (this.#control & ICH_VMCR.VCBPR ? ICC_CTLR.CBPR : 0) |
      (this.#control & ICH_VMCR.VEOIM ? ICC_CTLR.EOImode : 0) |
      CTLR_PRIBITS |
      ICC_CTLR.A3V |
      ICC_CTLR.RSS
    );
  }

  writeControl(value: number): void {
    const enables = this.#control & (ICH_VMCR.VENG0 | ICH_VMCR.VENG1);
    const cbpr = value & ICC_CTLR.CBPR ? ICH_VMCR.VCBPR : 0;
    this.#control = enables | cbpr | (value & ICC_CTLR.EOImode ? ICH_VMCR.VEOIM : 0);
  }

  writeHcr(value: number): void {
    this.hcr = (value & HCR_WRITABLE) >>> 0;
  }

  readVtr(): number {
    return (VTR | (this.listRegisters - 1)) >>> 0;
  }

  /** ICH_VMCR_EL2: the guest's view of its interface, in one register. Without legacy operation VFIQEn is RES1. */
  readVmcr(): number {
    const bpr = (this.bpr0 << VMCR_BPR0_SHIFT) | ((this.#bpr[G1] as number) << VMCR_BPR1_SHIFT);
    return ((this.#pmr << VMCR_PMR_SHIFT) | bpr | this.#control | ICH_VMCR.VFIQEn) >>> 0;
  }

  writeVmcr(value: number): void {
    this.#control = value & VMCR_STORED;
    this.pmr = (value >>> VMCR_PMR_SHIFT) & 0xff;
    this.bpr0 = (value >>> VMCR_BPR0_SHIFT) & 7;
    this.#bpr[G1] = Math.max((value >>> VMCR_BPR1_SHIFT) & 7, MIN_BPR1);
  }

  /** ICH_MISR_EL2. */
  readMisr(): number {
    const { hcr } = this;
    const valid = this.#pending | this.#active;
    const atMostOneValid = (valid & (valid - 1)) === 0;
    const nonePending = (this.#pending & ~this.#active) === 0;
    const group0 = this.groupEnabled(G0);
    const group1 = this.groupEnabled(G1);
    return (
      (this.readEisr() !== 0 ? ICH_MISR.EOI : 0) |
      (hcr & ICH_HCR.UIE && atMostOneValid ? ICH_MISR.U : 0) |
      (hcr & ICH_HCR.LRENPIE && hcr >>> EOICOUNT_SHIFT !== 0 ? ICH_MISR.LRENP : 0) |
      (hcr & ICH_HCR.NPIE && nonePending ? ICH_MISR.NP : 0) |
      (hcr & ICH_HCR.VGrp0EIE && group0 ? ICH_MISR.VGrp0E : 0) |
      (hcr & ICH_HCR.VGrp0DIE && !group0 ? ICH_MISR.VGrp0D : 0) |
      (hcr & ICH_HCR.VGrp1EIE && group1 ? ICH_MISR.VGrp1E : 0) |
      (hcr & ICH_HCR.VGrp1DIE && !group1 ? ICH_MISR.VGrp1D : 0)
    );
  }

  /** ICH_EISR_EL2: list registers done with that asked to be told. */
  readEisr(): number {
    return this.#wantsEoi & ~(this.#pending | this.#active);
  }

  /** ICH_ELRSR_EL2: list registers free for use. */
  readElrsr(): number {
    return ((1 << this.listRegisters) - 1) & ~(this.#wantsEoi | this.#pending | this.#active);
  }

  /** ICH_LR<n>_EL2. */
  readListRegister(n: number): bigint {
    return (BigInt((this.#lrHigh[n] ?? 0) >>> 0) << 32n) | BigInt(this.#lrLow[n] ?? 0);
  }

  writeListRegister(n: number, value: bigint): void {
    if (n >= this.listRegisters) return;
    this.#lrLow[n] = Number(value & 0xffff_ffffn);
    const high = Number((value >> 32n) & 0xffff_ffffn) & LR_HIGH_WRITABLE;
    this.#setHigh(n, high & ~((0xff & ~PRIORITY_MASK) << LR_PRIORITY_SHIFT));
  }

  reset(): void {
    this.hcr = 0;
    this.#control = 0;
    this.#pmr = 0;
    this.#bpr.set([MIN_BPR0, MIN_BPR1]);
    this.activePriorities.fill(0);
    this.#lrLow.fill(0);
    for (let n = 0; n < this.listRegisters; n++) this.#setHigh(n, 0);
  }

  save(): VirtualState {
    return {
      hcr: this.hcr,
      control: this.#control,
      pmr: this.#pmr,
      bpr: [...this.#bpr],
      activePriorities: [...this.activePriorities],
      lrLow: [...this.#lrLow],
      lrHigh: [...this.#lrHigh],
    };
  }

  restore({ hcr, control, pmr, bpr, activePriorities, lrLow, lrHigh }: VirtualState): void {
    this.hcr = hcr;
    this.#control = control;
    this.#pmr = pmr;
    this.#bpr.set(bpr);
    this.activePriorities.set(activePriorities);
    this.#lrLow.set(lrLow);
    lrHigh.forEach((high, n) => {
      this.#setHigh(n, high);
    });
  }

  /** The list register of the highest priority pending interrupt of an enabled group, the lowest of equals; or -1. */
  #highestPending(): number {
    let best = IDLE_PRIORITY;
    let found = -1;
    for (let rest = this.#pending & ~this.#active; rest !== 0; rest &= rest - 1) {
      const n = 31 - Math.clz32(rest & -rest);
      const high = this.#lrHigh[n] as number;
      if (priorityOf(high) >= best || !this.groupEnabled(groupOf(high))) continue;
      best = priorityOf(high);
      found = n;
    }
    return found;
  }

  #findActive(intid: number): number {
    for (let rest = this.#active; rest !== 0; rest &= rest - 1) {
      const n = 31 - Math.clz32(rest & -rest);
      if (this.#lrLow[n] === intid) return n;
    }
    return -1;
  }

  #deactivate(n: number): void {
    const high = this.#lrHigh[n] as number;
    this.#setHigh(n, high & ~LR_HIGH.Active);
    if (high & LR_HIGH.HW) this.deactivatePhysical(high & LR_HIGH.pINTID);
  }

  /** Clears the highest active priority. Returns it, or IDLE_PRIORITY. */
  #dropPriority(): number {
    const all = this.#allActive();
    const first = all & -all;
    if (first === 0) return IDLE_PRIORITY;
    const group = (this.activePriorities[G0] as number) & first ? G0 : G1;
    this.activePriorities[group] = (this.activePriorities[group] as number) & ~first;
    return (31 - Math.clz32(first)) << APR_SHIFT;
  }

  /** ICH_HCR_EL2.EOIcount: a deactivation for which there is no list register. */
  #countEoi(intid: number): void {
    if (intid < FIRST_LPI) this.hcr = (this.hcr + (1 << EOICOUNT_SHIFT)) >>> 0;
  }

  #splitsEoi(): boolean {
    return (this.#control & ICH_VMCR.VEOIM) !== 0;
  }

  #allActive(): number {
    return (this.activePriorities[G0] as number) | (this.activePriorities[G1] as number);
  }

  #groupPriorityMask(group: VirtualGroup): number {
    const common = group === G0 || (this.#control & ICH_VMCR.VCBPR) !== 0;
    return groupPriorityMask(common ? this.bpr0 : (this.#bpr[G1] as number) - 1);
  }

  #setHigh(n: number, high: number): void {
    const bit = 1 << n;
    this.#lrHigh[n] = high;
    this.#pending = high & LR_HIGH.Pending ? this.#pending | bit : this.#pending & ~bit;
    this.#active = high & LR_HIGH.Active ? this.#active | bit : this.#active & ~bit;
    const wantsEoi = (high & (LR_HIGH.HW | LR_HIGH.EOI)) === LR_HIGH.EOI;
    this.#wantsEoi = wantsEoi ? this.#wantsEoi | bit : this.#wantsEoi & ~bit;
  }
}

function enableBit(group: VirtualGroup): number {
  return group === G0 ? ICH_VMCR.VENG0 : ICH_VMCR.VENG1;
}

function priorityOf(high: number): number {
  return (high >> LR_PRIORITY_SHIFT) & 0xff;
}

function groupOf(high: number): VirtualGroup {
  return high & LR_HIGH.Group1 ? G1 : G0;
}

function isSpecial(intid: number): boolean {
  return intid >= INTID_SECURE && intid <= INTID_SPURIOUS;
}
