/**
 * Physical interrupts of one vCPU, taken at EL2 and handed to its guest through list registers (IHI 0069, chapter 6
 * "Virtual interrupt handling", and 4.8.3 for EOImode). An interrupt is acknowledged and its priority dropped at EL2;
 * the guest's deactivation of a hardware list register deactivates it physically.
 *
 * What the guest has not acknowledged can always go back to where it came from (`withdraw`, `resample`): that keeps
 * the distributor the guest looks at, and level-sensitive lines that fall, as they would be without EL2.
 */
import type { GicCpuInterface } from "../../cpu/sysreg/host.js";
import { EL2_ACCESS, type GicFrames } from "./gic-access.js";
import { type ListRegister, LrState, packLr, unpackLr } from "./list-register.js";

const FIRST_PPI = 16;
const FIRST_SPECIAL = 1020;
const LAST_SPECIAL = 1023;
const FIRST_LPI = 8192;

const ICH_HCR = { En: 1n << 0n, LRENPIE: 1n << 2n, NPIE: 1n << 3n, TDIR: 1n << 14n } as const;
const EOICOUNT_SHIFT = 27n;
const VMCR_VEOIM = 1n << 9n;
const ICC_CTLR_EOIMODE = 1n << 1n;

/** An interrupt acknowledged at EL2 that the guest has not acknowledged. */
export interface Held {
  readonly intid: number;
  readonly priority: number;
  readonly group: 0 | 1;
  /** To go back it must be set pending: an SGI, an edge, a message. Otherwise its wire says whether it still is. */
  readonly latched: boolean;
}

/** An interrupt active in the guest for which there was no list register any more. */
export interface Parked extends Held {
  /** An SGI that has come again since. */
  readonly pending: boolean;
}

export interface VirtualInterruptState {
  readonly inList: readonly (Held | null)[];
  readonly queue: readonly Held[];
  readonly parked: readonly Parked[];
}

export interface VirtualInterruptConfig {
  readonly cpu: number;
  readonly gic: GicCpuInterface;
  readonly frames: GicFrames;
  readonly maintenanceIntid: number;
  /** The trap bits of ICH_HCR_EL2 have changed: the CPU's copy has to follow. */
  readonly trapsChanged: (ichHcr: bigint) => void;
}

export class VirtualInterrupts {
  /** By list register: what was put in as pending, until the guest is known to have acknowledged it. */
  readonly #inList: (Held | undefined)[];
  /** Acknowledged, waiting for a list register: by priority, the older first. */
  #queue: Held[] = [];
  #parked: Parked[] = [];
  #hcr = 0n;

  constructor(private readonly config: VirtualInterruptConfig) {
    const listRegisters = Number(config.gic.read("ICH_VTR_EL2", EL2_ACCESS) & 0x1fn) + 1;
    this.#inList = Array.from({ length: listRegisters }, () => undefined);
  }

  /** Makes the interface that of a vCPU that begins: nothing pending, nothing active, EL2 gets every interrupt. */
  program(): void {
    this.withdraw();
    this.#inList.forEach((_, n) => {
      const { state, hw, intid } = this.#readLr(n);
      if (state !== LrState.invalid && hw) this.#write("ICC_DIR_EL1", BigInt(intid));
      this.#write(listRegister(n), 0n);
    });
    for (const { intid } of this.#parked) if (isHardware(intid)) this.#write("ICC_DIR_EL1", BigInt(intid));
    this.#parked = [];
    for (const name of ["ICH_AP0R0_EL2", "ICH_AP1R0_EL2", "ICH_VMCR_EL2", "ICC_BPR0_EL1", "ICC_BPR1_EL1"]) {
      this.#write(name, 0n);
    }
    this.#write("ICC_CTLR_EL1", ICC_CTLR_EOIMODE);
    this.#write("ICC_PMR_EL1", 0xffn);
    this.#write("ICC_IGRPEN0_EL1", 1n);
    this.#write("ICC_IGRPEN1_EL1", 1n);
    this.config.frames.enableMaintenance(this.config.cpu);
    this.#writeHcr(ICH_HCR.En);
  }

  /** Takes every interrupt that is signalled (`group`: 1 for IRQ, 0 for FIQ). Returns their INTIDs in order. */
  take(group: 0 | 1): readonly number[] {
    const taken: number[] = [];
    this.#retireCounted();
    for (;;) {
      const intid = Number(this.#read(group === 0 ? "ICC_IAR0_EL1" : "ICC_IAR1_EL1"));
      if (intid >= FIRST_SPECIAL && intid <= LAST_SPECIAL) break;
      // Active, it cannot come again: a debugger has had the priority drop deactivate it (ICC_CTLR_EL3 has the bit,
      // too).
      if (taken.includes(intid)) this.#write("ICC_CTLR_EL1", ICC_CTLR_EOIMODE);
      const priority = Number(this.#read("ICC_RPR_EL1") & 0xffn);
      this.#write(group === 0 ? "ICC_EOIR0_EL1" : "ICC_EOIR1_EL1", BigInt(intid));
      taken.push(intid);
      if (intid === this.config.maintenanceIntid) {
        this.maintain();
        this.#silence();
      } else {
        const latched = !isHardware(intid) || !this.config.frames.isPending(this.config.cpu, intid);
        this.#deliver({ intid, priority, group, latched });
      }
      // An SGI's active state is the list register's alone; EL2 is done with its own interrupt.
      if (intid < FIRST_PPI || intid === this.config.maintenanceIntid) this.#write("ICC_DIR_EL1", BigInt(intid));
    }
    this.#update();
    return taken;
  }

  /** Fills list registers that have become free, and retires parked interrupts whose end the guest has signalled. */
  maintain(): void {
    this.#retireCounted();
    while (this.#queue.length > 0) {
      const n = this.#freeLr() ?? this.#parkIfNonePending();
      const next = n === undefined ? undefined : this.#queue.shift();
      if (n === undefined || next === undefined) break;
      this.#fill(n, next);
    }
    this.#update();
  }

  /**
   * Ends what asks for maintenance although EL2 does not: a debugger has written its registers. The interrupt would
   * come again and again before the guest's next instruction.
   */
  #silence(): void {
    if (this.#read("ICH_MISR_EL2") === 0n) return;
    this.#writeHcr(this.#hcr);
    const ended = this.#read("ICH_EISR_EL2");
    this.#inList.forEach((_, n) => {
      if (((ended >> BigInt(n)) & 1n) === 0n) return;
      this.#inList[n] = undefined;
      this.#write(listRegister(n), 0n);
    });
  }

  /** Gives back every interrupt that the guest has not acknowledged. They come again if they still apply. */
  withdraw(): void {
    this.#inList.forEach((held, n) => {
      if (held === undefined) return;
      const lr = this.#readLr(n);
      this.#inList[n] = undefined;
      if (lr.state === LrState.pending) {
        this.#write(listRegister(n), 0n);
        this.#giveBack(held);
      } else if (lr.state === LrState.pendingActive) {
        this.#write(listRegister(n), packLr({ ...lr, state: LrState.active }));
        this.#giveBack(held);
      }
    });
    const queue = this.#queue;
    this.#queue = [];
    for (const held of queue) this.#giveBack(held);
    this.#parked = this.#parked.map((parked) => {
      if (parked.pending) this.config.frames.setPending(this.config.cpu, parked.intid);
      return { ...parked, pending: false };
    });
    this.#retireCounted();
    this.#update();
  }

  /** Takes away pending interrupts whose wire has fallen before the guest acknowledged them. */
  resample(): void {
    const { cpu, frames } = this.config;
    const fallen = (held: Held): boolean => !held.latched && !frames.isPending(cpu, held.intid);
    for (let n = 0; n < this.#inList.length; n++) {
      const held = this.#inList[n];
      if (held === undefined) continue;
      if (this.#readLr(n).state !== LrState.pending) {
        this.#inList[n] = undefined;
      } else if (fallen(held)) {
        this.#inList[n] = undefined;
        this.#write(listRegister(n), 0n);
        this.#write("ICC_DIR_EL1", BigInt(held.intid));
      }
    }
    if (this.#queue.length === 0) return;
    for (const held of this.#queue.filter(fallen)) this.#write("ICC_DIR_EL1", BigInt(held.intid));
    this.#queue = this.#queue.filter((held) => !fallen(held));
    this.maintain();
  }

  /** After the guest has written to the GIC: a list register whose interrupt it made inactive there is done with. */
  dropInactive(): void {
    this.#inList.forEach((_, n) => {
      const lr = this.#readLr(n);
      if (lr.state !== LrState.active || !lr.hw || this.config.frames.isActive(this.config.cpu, lr.intid)) return;
      this.#write(listRegister(n), 0n);
    });
  }

  /** ICC_DIR_EL1 of the guest, trapped while interrupts are parked. */
  deactivate(intid: number): void {
    if ((this.#read("ICH_VMCR_EL2") & VMCR_VEOIM) === 0n) return;
    const parked = this.#parked.find((p) => p.intid === intid);
    if (parked !== undefined) {
      this.#retire(parked);
    } else {
      const n = this.#findLr((lr) => lr.intid === intid && (lr.state & LrState.active) !== 0);
      if (n === undefined) return;
      const lr = this.#readLr(n);
      const state = lr.state === LrState.pendingActive ? LrState.pending : LrState.invalid;
      this.#write(listRegister(n), packLr({ ...lr, state }));
      if (lr.hw) this.#write("ICC_DIR_EL1", BigInt(intid));
    }
    this.maintain();
  }

  /** After a reset of the whole machine, the GIC included. */
  reset(): void {
    this.#inList.fill(undefined);
    this.#queue = [];
    this.#parked = [];
    this.#hcr = 0n;
  }

  save(): VirtualInterruptState {
    return { inList: this.#inList.map((held) => held ?? null), queue: [...this.#queue], parked: [...this.#parked] };
  }

  restore(state: VirtualInterruptState): void {
    state.inList.forEach((held, n) => {
      this.#inList[n] = held ?? undefined;
    });
    this.#queue = [...state.queue];
    this.#parked = [...state.parked];
    this.#hcr = this.#read("ICH_HCR_EL2");
  }

  #deliver(held: Held): void {
    const parked = this.#parked.findIndex(({ intid }) => intid === held.intid);
    if (parked >= 0) {
      this.#parked[parked] = { ...(this.#parked[parked] as Parked), pending: true };
      return;
    }
    const same = this.#findLr((lr) => lr.state !== LrState.invalid && lr.intid === held.intid);
    if (same !== undefined) {
      const lr = this.#readLr(same);
      this.#inList[same] = held;
      // Hardware list registers cannot be both; such an interrupt was made inactive behind the guest's back.
      const state = lr.hw || lr.state === LrState.pending ? LrState.pending : LrState.pendingActive;
      this.#write(listRegister(same), packLr({ ...lr, state }));
      return;
    }
    if (this.#queue.some(({ intid }) => intid === held.intid)) return;
    const n = this.#freeLr() ?? this.#displace(held.priority) ?? this.#parkIfNonePending();
    if (n === undefined) this.#enqueue(held);
    else this.#fill(n, held);
  }

  #fill(n: number, held: Held): void {
    const { intid, priority, group } = held;
    this.#inList[n] = held;
    const lr: ListRegister = { state: LrState.pending, intid, priority, group, hw: isHardware(intid) };
    this.#write(listRegister(n), packLr(lr));
  }

  #freeLr(): number | undefined {
    const free = Number(this.#read("ICH_ELRSR_EL2"));
    return free === 0 ? undefined : 31 - Math.clz32(free & -free);
  }

  /** Moves the least urgent pending interrupt to the queue if it is less urgent than `priority`. */
  #displace(priority: number): number | undefined {
    const n = this.#leastUrgent((lr) => lr.state === LrState.pending);
    if (n === undefined) return undefined;
    const lr = this.#readLr(n);
    if (lr.priority <= priority) return undefined;
    this.#enqueue(this.#inList[n] ?? { ...lr, latched: true });
    return n;
  }

  /** When every list register is active, the least urgent one goes: the guest ends it last. */
  #parkIfNonePending(): number | undefined {
    if (this.#findLr((lr) => lr.state === LrState.pending) !== undefined) return undefined;
    const n = this.#leastUrgent((lr) => lr.state === LrState.active) ?? this.#leastUrgent(() => true);
    if (n === undefined) return undefined;
    // What has been counted so far was of no parked interrupt.
    if (this.#parked.length === 0) this.#writeHcr(this.#hcr);
    const { intid, priority, group, state } = this.#readLr(n);
    this.#parked.push({ intid, priority, group, latched: true, pending: state === LrState.pendingActive });
    return n;
  }

  /** ICH_HCR_EL2.EOIcount: deactivations without a list register, each of the then most urgent interrupt. */
  #retireCounted(): void {
    if (this.#parked.length === 0) return;
    const hcr = this.#read("ICH_HCR_EL2");
    let count = Number(hcr >> EOICOUNT_SHIFT) & 0x1f;
    if (count === 0) return;
    this.#writeHcr(this.#hcr);
    for (; count > 0 && this.#parked.length > 0; count--) {
      this.#retire(this.#parked.reduce((a, b) => (b.priority < a.priority ? b : a)));
    }
  }

  #retire(parked: Parked): void {
    this.#parked = this.#parked.filter((p) => p !== parked);
    if (isHardware(parked.intid)) this.#write("ICC_DIR_EL1", BigInt(parked.intid));
    if (parked.pending) this.#deliver(parked);
  }

  #giveBack({ intid, latched }: Held): void {
    if (latched) this.config.frames.setPending(this.config.cpu, intid);
    if (isHardware(intid)) this.#write("ICC_DIR_EL1", BigInt(intid));
  }

  #enqueue({ intid, priority, group, latched }: Held): void {
    const held: Held = { intid, priority, group, latched };
    const at = this.#queue.findIndex((other) => other.priority > priority);
    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, held);
  }

  #leastUrgent(wanted: (lr: ListRegister) => boolean): number | undefined {
    let found: number | undefined;
    let lowest = -1;
    for (let n = 0; n < this.#inList.length; n++) {
      const lr = this.#readLr(n);
      if (!wanted(lr) || lr.priority <= lowest) continue;
      lowest = lr.priority;
      found = n;
    }
    return found;
  }

  #findLr(wanted: (lr: ListRegister) => boolean): number | undefined {
    const n = this.#inList.findIndex((_, n) => wanted(this.#readLr(n)));
    return n < 0 ? undefined : n;
  }

  /** Asks for what has to be told: no pending list register while some wait, ends and DIR of parked interrupts. */
  #update(): void {
    const waiting = this.#queue.length > 0 ? ICH_HCR.NPIE : 0n;
    const parked = this.#parked.length > 0 ? ICH_HCR.LRENPIE | ICH_HCR.TDIR : 0n;
    const wanted = ICH_HCR.En | waiting | parked;
    if (wanted !== this.#hcr) this.#writeHcr(wanted);
  }

  /** Also sets EOIcount to zero. */
  #writeHcr(value: bigint): void {
    const traps = (this.#hcr ^ value) & ICH_HCR.TDIR;
    this.#hcr = value;
    this.#write("ICH_HCR_EL2", value);
    if (traps !== 0n) this.config.trapsChanged(value);
  }

  #readLr(n: number): ListRegister {
    return unpackLr(this.#read(listRegister(n)));
  }

  #read(name: string): bigint {
    return this.config.gic.read(name, EL2_ACCESS);
  }

  #write(name: string, value: bigint): void {
    this.config.gic.write(name, EL2_ACCESS, value);
  }
}

const LIST_REGISTERS = Array.from({ length: 16 }, (_, n) => `ICH_LR${n}_EL2`);

function listRegister(n: number): string {
  return LIST_REGISTERS[n] as string;
}

/** SGIs and LPIs have no physical active state that the guest's deactivation could end. */
function isHardware(intid: number): boolean {
  return intid >= FIRST_PPI && intid < FIRST_LPI;
}
