/**
 * LPIs of one redistributor (Arm IHI 0069H, sections 5.1 and 12.11): enables and priorities in the LPI Configuration
 * table, pending bits in the LPI Pending table, both in guest memory. The pending table is always up to date; what is
 * kept here besides is the configuration of the pending LPIs, until INV and the like (section 5.1.1).
 */
import type { DmaMemory } from "../../bus/dma.js";
import { FIRST_LPI, IDLE_PRIORITY, INTID_BITS, INTID_SPURIOUS, PRIORITY_MASK } from "./spec.js";

/** GICR_PROPBASER and GICR_PENDBASER (sections 12.11.29 and 12.11.28): what of a write is kept. */
const ADDRESS = 0x000f_ffff_ffff_f000n;
const ATTRIBUTES = (7n << 56n) | (3n << 10n) | (7n << 7n);
const PROPBASER = { address: ADDRESS, IDbits: 0x1fn, writable: ADDRESS | ATTRIBUTES | 0x1fn } as const;
const PENDBASER = { address: ADDRESS & ~0xffffn, writable: (ADDRESS & ~0xffffn) | ATTRIBUTES } as const;

/** A byte of the LPI Configuration table (section 5.1.1). */
const ENABLE = 1;
const LPI_PRIORITY = 0xfc;

/**
 * The priority of an LPI as the CPU interface has it: with two Security states one of the Non-secure half (section
 * 4.8.1).
 */
const inSecureView = (priority: number, oneSecurityState: boolean): number =>
  oneSecurityState ? priority : (0x80 | (priority >> 1)) & PRIORITY_MASK;

export interface LpiState {
  readonly enabled: boolean;
  readonly propbaser: bigint;
  readonly pendbaser: bigint;
  /** Pending LPIs by INTID, with their configuration as it was last looked at. */
  readonly pending: readonly (readonly [intid: number, configuration: number])[];
}

export interface LpiDescription {
  readonly intid: number;
  readonly enabled: boolean;
  readonly pending: boolean;
  readonly priority: number;
}

export class Lpis {
  /** GICR_CTLR.EnableLPIs. */
  #enabled = false;
  #propbaser = 0n;
  #pendbaser = 0n;
  #pending = new Map<number, number>();
  /** The pending LPI to be signalled first: follows from the others. */
  #first = INTID_SPURIOUS;
  #firstPriority = IDLE_PRIORITY;

  constructor(private readonly memory: DmaMemory) {}

  get enabled(): boolean {
    return this.#enabled;
  }

  get propbaser(): bigint {
    return this.#propbaser;
  }

  get pendbaser(): bigint {
    return this.#pendbaser;
  }

  /** The enabled, pending LPI of highest priority, or INTID_SPURIOUS. */
  get first(): number {
    return this.#first;
  }

  /** Its priority in the Secure view. */
  firstPriority(oneSecurityState: boolean): number {
    const priority = this.#firstPriority;
    return priority === IDLE_PRIORITY ? priority : inSecureView(priority, oneSecurityState);
  }

  /**
   * For debuggers, in order: LPIs that are pending, and those of `mapped` that are enabled in the table, which is read
   * by
   * `memory`. Priorities are in the Secure view.
   */
  describe(oneSecurityState: boolean, mapped: Iterable<number>, memory = this.memory): LpiDescription[] {
    const found = new Map(this.#pending);
    for (const intid of this.#enabled ? mapped : []) {
      const configuration = this.#exists(intid) ? this.#configuration(intid, memory) : 0;
      if (!found.has(intid) && configuration & ENABLE) found.set(intid, configuration);
    }
    return [...found]
      .sort(([a], [b]) => a - b)
      .map(([intid, configuration]) => ({
        intid,
        enabled: (configuration & ENABLE) !== 0,
        pending: this.#pending.has(intid),
        priority: inSecureView(configuration & LPI_PRIORITY & PRIORITY_MASK, oneSecurityState),
      }));
  }

  /** Enabling reads the pending table; disabling leaves everything there (GICR_CTLR.CES). */
  enable(enabled: boolean): void {
    if (enabled === this.#enabled) return;
    this.#enabled = enabled;
    this.#pending.clear();
    if (enabled) this.#load();
    this.#choose();
  }

  /** Changing the tables in use is UNPREDICTABLE: the write is ignored. */
  writePropbaser(value: bigint): void {
    if (!this.#enabled) this.#propbaser = value & PROPBASER.writable;
  }

  /** PTZ is a hint that the table holds zeros; the table is believed. */
  writePendbaser(value: bigint): void {
    if (!this.#enabled) this.#pendbaser = value & PENDBASER.writable;
  }

  isPending(intid: number): boolean {
    return this.#pending.has(intid);
  }

  /** Why an LPI cannot be pending; undefined if it can. */
  whyNot(intid: number): string | undefined {
    if (!this.#enabled) return "GICR_CTLR.EnableLPIs is 0";
    return this.#exists(intid) ? undefined : "GICR_PROPBASER.IDbits is too small for it";
  }

  /** Whether the pending state has changed. */
  setPending(intid: number, pending: boolean): boolean {
    if (this.whyNot(intid) !== undefined || this.#pending.has(intid) === pending) return false;
    if (pending) this.#pending.set(intid, this.#configuration(intid));
    else this.#pending.delete(intid);
    this.#store(intid, pending);
    this.#choose();
    return true;
  }

  /** The configuration of one LPI, or of all, is read again (INV, INVALL). */
  invalidate(intid?: number): void {
    if (intid !== undefined && !this.#pending.has(intid)) return;
    for (const each of intid === undefined ? this.#pending.keys() : [intid]) {
      this.#pending.set(each, this.#configuration(each));
    }
    this.#choose();
  }

  /** Takes a pending LPI or all of them away; another redistributor gets them (MOVI, MOVALL). */
  take(intid?: number): number[] {
    const taken = this.#taken(intid);
    for (const each of taken) this.setPending(each, false);
    return taken;
  }

  #taken(intid: number | undefined): number[] {
    if (intid === undefined) return this.save().pending.map(([each]) => each);
    return this.isPending(intid) ? [intid] : [];
  }

  reset(): void {
    this.#enabled = false;
    this.#propbaser = 0n;
    this.#pendbaser = 0n;
    this.#pending.clear();
    this.#choose();
  }

  save(): LpiState {
    return {
      enabled: this.#enabled,
      propbaser: this.#propbaser,
      pendbaser: this.#pendbaser,
      pending: [...this.#pending].sort(([a], [b]) => a - b),
    };
  }

  restore({ enabled, propbaser, pendbaser, pending }: LpiState): void {
    this.#enabled = enabled;
    this.#propbaser = propbaser;
    this.#pendbaser = pendbaser;
    this.#pending = new Map(pending.map(([intid, configuration]) => [intid, configuration]));
    this.#choose();
  }

  /** How many INTIDs the tables cover. Fewer than 14 bits are no LPIs at all (section 12.11.29). */
  get #limit(): number {
    const bits = Math.min(Number(this.#propbaser & PROPBASER.IDbits) + 1, INTID_BITS);
    return bits < 14 ? 0 : 2 ** bits;
  }

  #exists(intid: number): boolean {
    return intid >= FIRST_LPI && intid < this.#limit;
  }

  /** Without memory behind the table an LPI is not enabled. */
  #configuration(intid: number, memory = this.memory): number {
    const table = Number(this.#propbaser & PROPBASER.address);
    return memory.read(table + intid - FIRST_LPI, 1)?.[0] ?? 0;
  }

  /** The table's first 1 KiB stands for INTIDs that are no LPIs. */
  #load(): void {
    const table = Number(this.#pendbaser & PENDBASER.address);
    const limit = this.#limit;
    if (limit === 0) return;
    const bits = this.memory.read(table + FIRST_LPI / 8, (limit - FIRST_LPI) / 8);
    if (bits === undefined) return;
    for (const [index, byte] of bits.entries()) {
      for (let rest = byte; rest !== 0; rest &= rest - 1) {
        const intid = FIRST_LPI + 8 * index + 31 - Math.clz32(rest & -rest);
        this.#pending.set(intid, this.#configuration(intid));
      }
    }
  }

  #store(intid: number, pending: boolean): void {
    const address = Number(this.#pendbaser & PENDBASER.address) + (intid >> 3);
    const byte = this.memory.read(address, 1);
    if (byte === undefined) return;
    const bit = 1 << (intid & 7);
    const old = byte[0] as number;
    this.memory.write(address, Uint8Array.of(pending ? old | bit : old & ~bit), 1);
  }

  /** The lowest INTID among those of the highest priority. */
  #choose(): void {
    this.#first = INTID_SPURIOUS;
    this.#firstPriority = IDLE_PRIORITY;
    for (const [intid, configuration] of this.#pending) {
      if (!(configuration & ENABLE)) continue;
      const priority = configuration & LPI_PRIORITY & PRIORITY_MASK;
      if (priority > this.#firstPriority || (priority === this.#firstPriority && intid > this.#first)) continue;
      this.#first = intid;
      this.#firstPriority = priority;
    }
  }
}
