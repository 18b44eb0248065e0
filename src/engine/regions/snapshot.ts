/**
 * What the compiler gets to see of a hot slot: copies of the pages round it, of those that have the functions called
 * often there, and where indirect branches led. The guest runs on meanwhile.
 */
import type { Engine } from "../engine.js";
import { HANDLER_BREAKPOINT } from "../interpreter/code-pages.js";
import { AREA, BRANCH_TARGET, BRANCH_TARGETS, CODE_PAGE, GLOBAL, SLOT_SIZE, SLOTS_PER_PAGE } from "../layout.js";
import { flowOf, isVeneer } from "./control-flow.js";
import type { HotSlot } from "./hot.js";
import type { InstalledRegions } from "./installed.js";
import { type BranchTarget, heatOf, type JobSlot, type PageCopy } from "./job.js";
import { DISPATCH_NEIGHBOURS, NEIGHBOURS, pageOf } from "./places.js";

/** How far from the hot slot calls are looked for, in instructions, and in how many pages beside the first three. */
const BEFORE = 200;
const BEHIND = 600;
const FAR_PAGES = 8;
/** From the beginning of a function that is called; and how often such are looked through for more. */
const CALLEE = 100;
const ROUNDS = 3;
/**
 * The first six bits of BL; the first seven of branches to what a register has, of which BR has zeros in bits 23 to 21.
 */
const BL_OPCODE = 0x25;
const INDIRECT_OPCODE = 0x6b;

/** Numbers of instructions, the last one inclusive. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** A copy whose indirect branches are looked for still. */
type PageDraft = PageCopy & { readonly targets: BranchTarget[] };

/** The slots of a page that are in a range. The last one of a page has nothing behind it. */
function slotsIn({ distance }: PageCopy, { first, last }: Range): Range {
  const start = distance * SLOTS_PER_PAGE;
  return { first: Math.max(0, first - start), last: Math.min(SLOTS_PER_PAGE - 2, last - start) };
}

/** Whether what is of a page in a range has an indirect branch that may be an interpreter's, between bytecodes. */
function hasDispatch(copy: PageCopy, range: Range): boolean {
  const { first, last } = slotsIn(copy, range);
  for (let n = first; n <= last; n++) {
    const word = copy.slots[n * 2 + 1] as number;
    if (word >>> 25 === INDIRECT_OPCODE && ((word >>> 21) & 7) === 0 && !isVeneer(word)) return true;
  }
  return false;
}

export class Snapshots {
  constructor(
    private readonly engine: Engine,
    private readonly installed: InstalledRegions,
    /** Whether what was never executed is to be compiled, too. */
    private readonly everything: boolean,
    /** How often a call must have been come back from. */
    private readonly warm: number,
  ) {}

  /**
   * Undefined when the slot was dropped or compiled meanwhile. `copies` has those of the pages, by address, that were
   * made for others of the same job: hot slots are close together. `touches` is RegionContext.touches.
   */
  of(
    { slot, page, bank, misses, flushes }: HotSlot,
    touches: boolean,
    copies: Map<number, Uint32Array>,
  ): JobSlot | undefined {
    const { installed } = this;
    const own = installed.pageOf(slot);
    if (!installed.isInterpreted(slot) || !installed.isUsable(own)) return undefined;
    const pages: PageDraft[] = [];
    let most = 1 + 2 * DISPATCH_NEIGHBOURS;
    const add = (distance: number): boolean => {
      if (pages.some((copy) => copy.distance === distance)) return true;
      const address = distance === 0 ? own : installed.pageAt(page, distance, bank);
      if (address === undefined || pages.length === most) return false;
      // From here on a write to it while the job is under way is heard of.
      const hash = installed.hashOf(address);
      const slots = copies.get(address) ?? this.copy(address);
      copies.set(address, slots);
      pages.push({ distance, address, hash, slots, targets: [] });
      return true;
    };
    for (const distance of [0, -1, 1]) add(distance);
    const head = (slot - own) / SLOT_SIZE;
    const seen = new Set<number>();
    const near = { first: head - BEFORE, last: head + BEHIND };
    if (pages.some((copy) => hasDispatch(copy, near))) {
      for (const side of [-1, 1]) {
        for (let n = NEIGHBOURS + 1; n <= DISPATCH_NEIGHBOURS && add(n * side); n++);
      }
    }
    most = pages.length + FAR_PAGES;
    let ranges: Range[] = [near];
    for (let round = 0; round < ROUNDS; round++) {
      const called = ranges.flatMap((range) => pages.flatMap((copy) => this.look(copy, range, page)));
      const found = called.filter((at) => !seen.has(at) && add(pageOf(at)) && seen.add(at));
      ranges = found.map((at) => ({ first: at, last: at + CALLEE }));
    }
    return { head, touches: touches || misses, flushes, pages };
  }

  /**
   * Notes where the indirect branches led of what is of a page in a range, as seen from a hot slot's virtual page.
   * Returns where they and the calls lead that are come back from often.
   */
  private look(copy: PageDraft, range: Range, page: bigint): number[] {
    const { distance, address, slots, targets } = copy;
    const start = distance * SLOTS_PER_PAGE;
    const firstRegion = this.engine.view.getInt32(GLOBAL.firstRegion, true);
    const called: number[] = [];
    const { first, last } = slotsIn(copy, range);
    for (let n = first; n <= last; n++) {
      const word = slots[n * 2 + 1] as number;
      if (word >>> 26 === BL_OPCODE) {
        const back = slots[n * 2 + 2] as number;
        const isWarm = (back & 0xffff) >= firstRegion || heatOf(back, firstRegion) >= this.warm;
        if (isWarm) called.push(start + n + (flowOf("BL", word).offset as number));
      } else if (word >>> 25 === INDIRECT_OPCODE && !targets.some(({ slot }) => slot === n)) {
        const known = this.targetsOf(address, n, page);
        targets.push(...known);
        for (const { at, count } of known) if (count >= this.warm / 4) called.push(at);
      }
    }
    return called;
  }

  /** Where the indirect branch of a slot led, by distances from a virtual page. */
  private targetsOf(address: number, slot: number, page: bigint): BranchTarget[] {
    const { view } = this.engine;
    const own = address + slot * SLOT_SIZE;
    const row = AREA.branchTargets + ((own / SLOT_SIZE) % BRANCH_TARGETS) * BRANCH_TARGET.size;
    if (view.getUint32(row + BRANCH_TARGET.slot, true) !== own) return [];
    return BRANCH_TARGET.targets.flatMap((target, i) => {
      const distance = view.getBigInt64(row + target, true) - BigInt.asIntN(64, page);
      // A direct branch's reach, which numbers of instructions have.
      if (BigInt.asIntN(28, distance) !== distance || (distance & 3n) !== 0n) return [];
      const count = view.getUint32(row + (BRANCH_TARGET.counts[i] as number), true);
      return [{ slot, at: Number(distance / 4n), count }];
    });
  }

  private copy(address: number): Uint32Array {
    const { view, bytes } = this.engine;
    const slots = new Uint32Array(bytes.slice(address, address + CODE_PAGE.sentinel).buffer);
    const host = view.getUint32(address + CODE_PAGE.host, true);
    if (this.everything) this.decode(slots, host);
    for (let n = 0; n < SLOTS_PER_PAGE && this.installed.isShadow(address); n++) {
      const handler = (slots[n * 2] ?? 0) & 0xffff;
      if (handler === 0 || handler === HANDLER_BREAKPOINT || !this.installed.isBreakpoint(address, n)) continue;
      // A region begins at it, or it was never executed.
      slots[n * 2] = HANDLER_BREAKPOINT;
      slots[n * 2 + 1] = view.getInt32(host + n * 4, true);
    }
    return slots;
  }

  /** What was never executed is to be compiled too. */
  private decode(slots: Uint32Array, host: number): void {
    for (let n = 0; n < SLOTS_PER_PAGE; n++) {
      if (((slots[n * 2] ?? 0) & 0xffff) !== 0) continue;
      const word = this.engine.view.getInt32(host + n * 4, true);
      slots[n * 2] = this.installed.handlerOf(word);
      slots[n * 2 + 1] = word;
    }
  }
}
