/**
 * GICv3: the state of a row of interrupts, 32 to a word: the distributor has one bank for its SPIs, each
 * redistributor one for its SGIs and PPIs (Arm IHI 0069H, sections 4.1 and 12.9).
 */
import { G0, G1NS, G1S, type Group, PRIORITY_MASK } from "./spec.js";

export interface BankState {
  readonly group: readonly number[];
  readonly groupModifier: readonly number[];
  readonly enabled: readonly number[];
  readonly latched: readonly number[];
  readonly level: readonly number[];
  readonly active: readonly number[];
  readonly edge: readonly number[];
  readonly priority: readonly number[];
  readonly nsAccess: readonly number[];
}

/** Which groups may be forwarded, and how IGROUPR and IGRPMODR combine. */
export interface GroupFilter {
  /** By `Group`. */
  forwarded: [boolean, boolean, boolean];
  /** GICD_CTLR.DS: one security state. */
  oneSecurityState: boolean;
}

export class InterruptBank {
  /** GICx_IGROUPR, GICx_IGRPMODR. */
  readonly group: Int32Array;
  readonly groupModifier: Int32Array;
  /** GICx_ISENABLER. */
  readonly enabled: Int32Array;
  /** Pending by an edge, an SGI or a write to GICx_ISPENDR: stays until acknowledged or cleared. */
  readonly latched: Int32Array;
  /** The input wires. */
  readonly level: Int32Array;
  /** GICx_ISACTIVER. */
  readonly active: Int32Array;
  /** GICx_ICFGR: one bit per interrupt, set for edge-triggered. */
  readonly edge: Int32Array;
  /** GICx_IPRIORITYR, in the Secure (unshifted) view. */
  readonly priority: Uint8Array;
  /** GICx_NSACR: two bits per interrupt. */
  readonly nsAccess: Uint8Array;

  /** `alwaysEdge`: the interrupts of word 0 that cannot be made level-sensitive (SGIs). */
  constructor(
    readonly words: number,
    readonly alwaysEdge: number,
  ) {
    this.group = new Int32Array(words);
    this.groupModifier = new Int32Array(words);
    this.enabled = new Int32Array(words);
    this.latched = new Int32Array(words);
    this.level = new Int32Array(words);
    this.active = new Int32Array(words);
    this.edge = new Int32Array(words);
    this.priority = new Uint8Array(words * 32);
    this.nsAccess = new Uint8Array(words * 32);
    this.edge[0] = alwaysEdge;
  }

  reset(): void {
    for (const array of this.#arrays()) array.fill(0);
    this.edge[0] = this.alwaysEdge;
  }

  /** Pending interrupts of a word: latched, or level-sensitive with the wire high (section 4.1.2). */
  pending(word: number): number {
    return (this.latched[word] as number) | ((this.level[word] as number) & ~(this.edge[word] as number));
  }

  /** Pending, enabled, inactive interrupts of a forwarded group: those that may be signalled. */
  candidates(word: number, filter: GroupFilter): number {
    const ready = this.pending(word) & (this.enabled[word] as number) & ~(this.active[word] as number);
    if (ready === 0) return 0;
    const group1 = this.group[word] as number;
    const modifier = filter.oneSecurityState ? 0 : (this.groupModifier[word] as number);
    let groups = 0;
    if (filter.forwarded[G1NS]) groups |= group1;
    if (filter.forwarded[G0]) groups |= ~group1 & ~modifier;
    if (filter.forwarded[G1S]) groups |= ~group1 & modifier;
    return ready & groups;
  }

  /** The group of an interrupt (table 4-2). */
  groupOf(index: number, oneSecurityState: boolean): Group {
    const bit = 1 << (index & 31);
    if ((this.group[index >> 5] as number) & bit) return G1NS;
    return !oneSecurityState && (this.groupModifier[index >> 5] as number) & bit ? G1S : G0;
  }

  /** A wire changes. Returns whether the interrupt's pending state may have. */
  setLevel(index: number, level: boolean): boolean {
    const word = index >> 5;
    const bit = 1 << (index & 31);
    if ((((this.level[word] as number) & bit) !== 0) === level) return false;
    this.level[word] = (this.level[word] as number) ^ bit;
    if (!((this.edge[word] as number) & bit)) return true;
    if (level) this.latched[word] = (this.latched[word] as number) | bit;
    return level;
  }

  latch(index: number): void {
    this.latched[index >> 5] = (this.latched[index >> 5] as number) | (1 << (index & 31));
  }

  /** Acknowledged: active, and no longer pending unless its wire still says so. */
  activate(index: number): void {
    const word = index >> 5;
    const bit = 1 << (index & 31);
    this.active[word] = (this.active[word] as number) | bit;
    this.latched[word] = (this.latched[word] as number) & ~bit;
  }

  deactivate(index: number): void {
    this.active[index >> 5] = (this.active[index >> 5] as number) & ~(1 << (index & 31));
  }

  setPriority(index: number, priority: number): void {
    this.priority[index] = priority & PRIORITY_MASK;
  }

  save(): BankState {
    const { group, groupModifier, enabled, latched, level, active, edge, priority, nsAccess } = this;
    return {
      group: [...group],
      groupModifier: [...groupModifier],
      enabled: [...enabled],
      latched: [...latched],
      level: [...level],
      active: [...active],
      edge: [...edge],
      priority: [...priority],
      nsAccess: [...nsAccess],
    };
  }

  restore(state: BankState): void {
    this.group.set(state.group);
    this.groupModifier.set(state.groupModifier);
    this.enabled.set(state.enabled);
    this.latched.set(state.latched);
    this.level.set(state.level);
    this.active.set(state.active);
    this.edge.set(state.edge);
    this.priority.set(state.priority);
    this.nsAccess.set(state.nsAccess);
  }

  #arrays(): (Int32Array | Uint8Array)[] {
    const { group, groupModifier, enabled, latched, level, active, edge, priority, nsAccess } = this;
    return [group, groupModifier, enabled, latched, level, active, edge, priority, nsAccess];
  }
}
