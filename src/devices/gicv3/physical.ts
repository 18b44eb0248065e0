/**
 * GICv3 physical CPU interface (Arm IHI 0069H, sections 4.1 to 4.8 and 12.2): which interrupt a PE is signalled,
 * acknowledge, priority drop, deactivation.
 */
import type { GroupFilter } from "./bank.js";
import { ANY_CPU, type Distributor } from "./distributor.js";
import type { Redistributor } from "./redistributor.js";
import {
  APR_SHIFT,
  CTLR_PRIBITS,
  FIRST_LPI,
  FIRST_SPI,
  G0,
  G1NS,
  G1S,
  type Group,
  groupPriorityMask,
  ICC_CTLR,
  ICC_CTLR_EL3,
  IDLE_PRIORITY,
  INTID_NONSECURE,
  INTID_SECURE,
  INTID_SPURIOUS,
  MIN_BPR0,
  MIN_BPR1,
  PRIORITY_MASK,
} from "./spec.js";

/** Who accesses a system register, and which of its forms. */
export interface AccessContext {
  readonly el: 1 | 2 | 3;
  /** SCR_EL3.NS is 0: selects the Secure copy of a banked register, also at EL3. */
  readonly secure: boolean;
  /** SCR_EL3.FIQ: Non-secure software sees only its half of the priorities. Default false. */
  readonly fiqToEl3?: boolean;
  /** SCR_EL3.IRQ: interrupts of Group 1 are EL3's to deactivate. Default false. */
  readonly irqToEl3?: boolean;
  /** HCR_EL2.IMO or FMO turn an access of EL1 to ICC_* into one to ICV_*. */
  readonly virtual: boolean;
}

/** What the CPU interface asks of the rest of the GIC. */
export interface InterruptSystem {
  readonly distributor: Distributor;
  /** After SPI `intid` has become active or inactive through `cpu`: others may be concerned. */
  spiChangedBy(cpu: number, intid: number): void;
  sendSgi(from: number, value: bigint, group: Group, secure: boolean): void;
}

export interface PhysicalState {
  readonly pmr: number;
  readonly bpr: readonly number[];
  readonly control: readonly number[];
  readonly controlEl3: number;
  readonly groupEnable: readonly boolean[];
  readonly activePriorities: readonly number[];
}

type Bank = typeof G1S | typeof G1NS;

export class PhysicalInterface {
  pmr = 0;
  /** ICC_BPR0_EL1 and both copies of ICC_BPR1_EL1, by group. */
  readonly bpr = Uint8Array.of(MIN_BPR0, MIN_BPR0, MIN_BPR1);
  /** CBPR and EOImode of ICC_CTLR_EL1, by group (G0 unused). */
  readonly control = new Uint8Array(3);
  /** EOImode_EL3, as in ICC_CTLR_EL3. */
  controlEl3 = 0;
  /** ICC_IGRPEN0_EL1 and both copies of ICC_IGRPEN1_EL1, by group. */
  readonly groupEnable: [boolean, boolean, boolean] = [false, false, false];
  /** ICC_AP0R0_EL1 and both copies of ICC_AP1R0_EL1, by group: bit n for group priority n << 3. */
  readonly activePriorities = new Int32Array(3);

  /** The highest priority pending interrupt, IDLE_PRIORITY without one. Follows from the state: see `update`. */
  #pendingIntid = INTID_SPURIOUS;
  #pendingPriority = IDLE_PRIORITY;
  readonly #filter: GroupFilter = { forwarded: [false, false, false], oneSecurityState: true };

  constructor(
    readonly cpu: number,
    readonly redistributor: Redistributor,
    readonly system: InterruptSystem,
  ) {}

  /**
   * WakeRequest (chapter 11.1 "Power management"): an interrupt is pending that the distributor forwards, whatever the
   * CPU interface would make of it. Software switches that off before it has the PE powered down.
   */
  get wakeRequest(): boolean {
    this.#find([true, true, true]);
    const wanted = this.#pendingIntid !== INTID_SPURIOUS;
    this.update();
    return wanted;
  }

  /** Finds the highest priority pending interrupt again. Call after anything that may change it. */
  update(): void {
    this.#find(this.groupEnable);
  }

  #find(groupEnable: PhysicalInterface["groupEnable"]): void {
    const { distributor } = this.system;
    const filter = this.#filter;
    filter.oneSecurityState = distributor.oneSecurityState;
    filter.forwarded[G0] = groupEnable[G0] && distributor.enables(G0);
    filter.forwarded[G1S] = groupEnable[G1S] && distributor.enables(G1S);
    filter.forwarded[G1NS] = groupEnable[G1NS] && distributor.enables(G1NS);

    let best = IDLE_PRIORITY;
    let found = INTID_SPURIOUS;
    const own = this.redistributor.bank;
    for (let rest = own.candidates(0, filter); rest !== 0; rest &= rest - 1) {
      const intid = 31 - Math.clz32(rest & -rest);
      const priority = own.priority[intid] as number;
      if (priority < best) {
        best = priority;
        found = intid;
      }
    }
    const { bank, targets } = distributor;
    for (let word = FIRST_SPI / 32; word < bank.words; word++) {
      for (let rest = bank.candidates(word, filter); rest !== 0; rest &= rest - 1) {
        const intid = word * 32 + 31 - Math.clz32(rest & -rest);
        const priority = bank.priority[intid] as number;
        if (priority >= best) continue;
        const target = targets[intid] as number;
        if (target !== this.cpu && !(target === ANY_CPU && this.#takesAny(intid))) continue;
        best = priority;
        found = intid;
      }
    }
    const { lpis } = this.redistributor;
    if (lpis !== undefined && lpis.first !== INTID_SPURIOUS && filter.forwarded[G1NS]) {
      const priority = lpis.firstPriority(distributor.oneSecurityState);
      if (priority < best) {
        best = priority;
        found = lpis.first;
      }
    }
    this.#pendingIntid = found;
    this.#pendingPriority = best;
  }

  /** The group of the interrupt to be signalled to the PE now, if any (section 4.8: priority mask, preemption). */
  signalled(): Group | undefined {
    if (this.#pendingPriority >= this.pmr) return undefined;
    const group = this.#groupOf(this.#pendingIntid);
    const running = this.runningPriority();
    if (running === IDLE_PRIORITY) return group;
    const mask = this.#groupPriorityMask(group);
    return (this.#pendingPriority & mask) < (running & mask) ? group : undefined;
  }

  /** The group priority of the active interrupt with the highest priority, or IDLE_PRIORITY. */
  runningPriority(): number {
    const all = this.#allActive();
    return all === 0 ? IDLE_PRIORITY : (31 - Math.clz32(all & -all)) << APR_SHIFT;
  }

  /** ICC_HPPIR0_EL1. */
  highestPending0(ctx: AccessContext): number {
    if (this.#pendingPriority === IDLE_PRIORITY) return INTID_SPURIOUS;
    const group = this.#groupOf(this.#pendingIntid);
    const secureOnly = !this.system.distributor.oneSecurityState && group !== G1NS;
    if (secureOnly && !isSecure(ctx)) return INTID_SPURIOUS;
    if (group === G0) return this.#pendingIntid;
    if (ctx.el !== 3) return INTID_SPURIOUS;
    return secureOnly ? INTID_SECURE : INTID_NONSECURE;
  }

  /** ICC_HPPIR1_EL1. */
  highestPending1(ctx: AccessContext): number {
    if (this.#pendingPriority === IDLE_PRIORITY) return INTID_SPURIOUS;
    const group = this.#groupOf(this.#pendingIntid);
    if (group === G0) return INTID_SPURIOUS;
    if (!this.system.distributor.oneSecurityState && ctx.el !== 3) {
      if ((group === G1S) !== ctx.secure) return INTID_SPURIOUS;
    }
    return this.#pendingIntid;
  }

  /** What ICC_IAR<0|1>_EL1 would return. */
  acknowledgeable(group0: boolean, ctx: AccessContext): number {
    if (this.signalled() === undefined) return INTID_SPURIOUS;
    return group0 ? this.highestPending0(ctx) : this.highestPending1(ctx);
  }

  /** ICC_IAR<0|1>_EL1, read: the interrupt becomes active. */
  acknowledge(group0: boolean, ctx: AccessContext): number {
    const intid = this.acknowledgeable(group0, ctx);
    if (intid >= INTID_SECURE && intid <= INTID_SPURIOUS) return intid;
    const group = this.#groupOf(intid);
    const bit = (this.#pendingPriority & this.#groupPriorityMask(group)) >> APR_SHIFT;
    this.activePriorities[group] = (this.activePriorities[group] as number) | (1 << bit);
    if (intid >= FIRST_LPI) {
      // LPIs have no active state.
      this.redistributor.lpis?.setPending(intid, false);
      return intid;
    }
    this.#bankOf(intid).activate(intid);
    if (intid >= FIRST_SPI) this.system.spiChangedBy(this.cpu, intid);
    return intid;
  }

  /** ICC_EOIR<0|1>_EL1: priority drop, and deactivation unless EOImode splits them. */
  endOfInterrupt(group0: boolean, intid: number, ctx: AccessContext): void {
    if (!this.#exists(intid)) return;
    const running = this.#runningGroup();
    if (running === undefined || (running === G0) !== group0) return;
    const twoStates = !this.system.distributor.oneSecurityState;
    if (twoStates && running !== G1NS && !isSecure(ctx)) return;
    if (twoStates && running === G1NS && ctx.secure && ctx.el !== 3) return;
    const active = this.activePriorities[running] as number;
    this.activePriorities[running] = active & (active - 1);
    if (!this.#splitsEoi(ctx)) this.#deactivate(intid);
  }

  /**
   * ICC_DIR_EL1. Without EOImode = 1, and for interrupts of a group that is not the writer's, or that SCR_EL3 routes
   * to EL3, nothing (IHI 0069, the pseudocode of ICC_DIR_EL1).
   */
  deactivateInterrupt(intid: number, ctx: AccessContext): void {
    if (!this.#exists(intid) || !this.#splitsEoi(ctx)) return;
    const group = this.#groupOf(intid);
    if (ctx.el !== 3) {
      if (group === G0 ? ctx.fiqToEl3 : ctx.irqToEl3) return;
      if (!this.system.distributor.oneSecurityState && group !== G1NS && !ctx.secure) return;
    }
    this.#deactivate(intid);
  }

  /** The guest has done with a list register whose HW bit is set (section 6.3.1). */
  deactivateForGuest(intid: number): void {
    if (!this.#exists(intid)) return;
    if (this.system.distributor.oneSecurityState || this.#groupOf(intid) === G1NS) this.#deactivate(intid);
  }

  /** ICC_PMR_EL1: Non-secure software sees the lower half of the priorities, as a whole range (section 4.8.1). */
  readPmr(ctx: AccessContext): number {
    return seesHalf(ctx) ? nonSecureView(this.pmr) : this.pmr;
  }

  writePmr(value: number, ctx: AccessContext): void {
    if (!seesHalf(ctx)) this.pmr = value & PRIORITY_MASK;
    else if (this.pmr & 0x80) this.pmr = (0x80 | (value >> 1)) & PRIORITY_MASK;
  }

  /** ICC_RPR_EL1. */
  readRunningPriority(ctx: AccessContext): number {
    const priority = this.runningPriority();
    return seesHalf(ctx) && priority !== IDLE_PRIORITY ? nonSecureView(priority) : priority;
  }

  /** ICC_BPR1_EL1: with CBPR an alias of ICC_BPR0_EL1, for Non-secure software a read-only one plus one. */
  readBpr1(ctx: AccessContext): number {
    const bank = this.bankFor(ctx);
    const common = this.bpr[G0] as number;
    if (!this.#sharesBpr0(bank, ctx)) return this.bpr[bank] as number;
    return bank === G1NS ? Math.min(common + 1, 7) : common;
  }

  writeBpr1(value: number, ctx: AccessContext): void {
    const bank = this.bankFor(ctx);
    if (!this.#sharesBpr0(bank, ctx)) {
      this.bpr[bank] = Math.max(value & 7, bank === G1NS ? MIN_BPR1 : MIN_BPR0);
    } else if (bank === G1S) {
      this.writeBpr0(value);
    }
  }

  writeBpr0(value: number): void {
    this.bpr[G0] = Math.max(value & 7, MIN_BPR0);
  }

  readControl(ctx: AccessContext): number {
    return (this.control[this.bankFor(ctx)] as number) | CTLR_PRIBITS | ICC_CTLR.A3V | ICC_CTLR.RSS;
  }

  /** ICC_CTLR_EL1: with two security states CBPR is EL3's to write. */
  writeControl(value: number, ctx: AccessContext): void {
    const oneState = this.system.distributor.oneSecurityState;
    const writable = oneState ? ICC_CTLR.CBPR | ICC_CTLR.EOImode : ICC_CTLR.EOImode;
    const bank = this.bankFor(ctx);
    this.control[bank] = ((this.control[bank] as number) & ~writable) | (value & writable);
  }

  readControlEl3(): number {
    const secure = this.control[G1S] as number;
    const nonSecure = this.control[G1NS] as number;
    return (
      (secure & ICC_CTLR.CBPR ? ICC_CTLR_EL3.CBPR_EL1S : 0) |
      (nonSecure & ICC_CTLR.CBPR ? ICC_CTLR_EL3.CBPR_EL1NS : 0) |
      this.controlEl3 |
      (secure & ICC_CTLR.EOImode ? ICC_CTLR_EL3.EOImode_EL1S : 0) |
      (nonSecure & ICC_CTLR.EOImode ? ICC_CTLR_EL3.EOImode_EL1NS : 0) |
      CTLR_PRIBITS |
      ICC_CTLR.A3V |
      ICC_CTLR.RSS
    );
  }

  writeControlEl3(value: number): void {
    const bits = (cbpr: number, eoiMode: number): number =>
      (value & cbpr ? ICC_CTLR.CBPR : 0) | (value & eoiMode ? ICC_CTLR.EOImode : 0);
    this.control[G1S] = bits(ICC_CTLR_EL3.CBPR_EL1S, ICC_CTLR_EL3.EOImode_EL1S);
    this.control[G1NS] = bits(ICC_CTLR_EL3.CBPR_EL1NS, ICC_CTLR_EL3.EOImode_EL1NS);
    this.controlEl3 = value & ICC_CTLR_EL3.EOImode_EL3;
  }

  /** The copy of a banked register that an access reaches. With one security state there is only one. */
  bankFor(ctx: AccessContext): Bank {
    return ctx.secure && !this.system.distributor.oneSecurityState ? G1S : G1NS;
  }

  /**
   * ICC_SGI1R_EL1 is for Group 1 of the own security state, ICC_ASGI1R_EL1 for that of the other one: where there is
   * no other, it is as good as ICC_SGI0R_EL1.
   */
  sgiGroup(other: boolean, ctx: AccessContext): Group {
    if (this.system.distributor.oneSecurityState) return other ? G0 : G1NS;
    return isSecure(ctx) !== other ? G1S : G1NS;
  }

  sendSgi(value: bigint, group: Group, ctx: AccessContext): void {
    this.system.sendSgi(this.cpu, value, group, isSecure(ctx));
  }

  reset(): void {
    this.pmr = 0;
    this.bpr.set([MIN_BPR0, MIN_BPR0, MIN_BPR1]);
    this.control.fill(0);
    this.controlEl3 = 0;
    this.groupEnable.fill(false);
    this.activePriorities.fill(0);
  }

  save(): PhysicalState {
    const { pmr, bpr, control, controlEl3, groupEnable, activePriorities } = this;
    return {
      pmr,
      bpr: [...bpr],
      control: [...control],
      controlEl3,
      groupEnable: [...groupEnable],
      activePriorities: [...activePriorities],
    };
  }

  restore({ pmr, bpr, control, controlEl3, groupEnable, activePriorities }: PhysicalState): void {
    this.pmr = pmr;
    this.bpr.set(bpr);
    this.control.set(control);
    this.controlEl3 = controlEl3;
    groupEnable.forEach((enable, group) => {
      this.groupEnable[group] = enable;
    });
    this.activePriorities.set(activePriorities);
  }

  #allActive(): number {
    const active = this.activePriorities;
    return (active[G0] as number) | (active[G1S] as number) | (active[G1NS] as number);
  }

  #runningGroup(): Group | undefined {
    const all = this.#allActive();
    const first = all & -all;
    if (first === 0) return undefined;
    if ((this.activePriorities[G0] as number) & first) return G0;
    return (this.activePriorities[G1S] as number) & first ? G1S : G1NS;
  }

  /** The group priority field of a group's priorities, by the binary point that applies to it (table 4-9). */
  #groupPriorityMask(group: Group): number {
    const common = group === G0 || ((this.control[group] as number) & ICC_CTLR.CBPR) !== 0;
    if (common) return groupPriorityMask(this.bpr[G0] as number);
    return groupPriorityMask((this.bpr[group] as number) - (group === G1NS ? 1 : 0));
  }

  #splitsEoi(ctx: AccessContext): boolean {
    if (ctx.el === 3) return this.controlEl3 !== 0;
    return ((this.control[this.bankFor(ctx)] as number) & ICC_CTLR.EOImode) !== 0;
  }

  /** CBPR_EL1S and CBPR_EL1NS are about accesses of EL1 and EL2: EL3 reaches both copies of ICC_BPR1_EL1 (12.2.5). */
  #sharesBpr0(bank: Bank, { el }: AccessContext): boolean {
    if (el === 3 && !this.system.distributor.oneSecurityState) return false;
    return ((this.control[bank] as number) & ICC_CTLR.CBPR) !== 0;
  }

  #deactivate(intid: number): void {
    if (intid >= FIRST_LPI) return;
    this.#bankOf(intid).deactivate(intid);
    if (intid >= FIRST_SPI) this.system.spiChangedBy(this.cpu, intid);
  }

  #exists(intid: number): boolean {
    return intid < this.system.distributor.intids || (intid >= FIRST_LPI && this.redistributor.lpis !== undefined);
  }

  #bankOf(intid: number) {
    return intid < FIRST_SPI ? this.redistributor.bank : this.system.distributor.bank;
  }

  /** LPIs are always Non-secure Group 1 (section 5.1). */
  #groupOf(intid: number): Group {
    if (intid >= FIRST_LPI) return G1NS;
    return this.#bankOf(intid).groupOf(intid, this.system.distributor.oneSecurityState);
  }

  #takesAny(intid: number): boolean {
    return this.redistributor.takesAny(this.#groupOf(intid));
  }
}

function isSecure(ctx: AccessContext): boolean {
  return ctx.el === 3 || ctx.secure;
}

function seesHalf(ctx: AccessContext): boolean {
  return ctx.el !== 3 && !ctx.secure && ctx.fiqToEl3 === true;
}

/** A priority of the Secure half looks like the highest one. */
function nonSecureView(priority: number): number {
  return priority & 0x80 ? (priority << 1) & 0xff : 0;
}
