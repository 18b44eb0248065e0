/**
 * What the compiler gets to see of a hot slot: copies of the pages round it, of those that have the functions called often
 * there, and where indirect branches led. The guest runs on meanwhile.
 */
import { decodeIn } from "../../isa/decode.js";
import type { Engine } from "../engine.js";
import { HANDLER_BREAKPOINT, HANDLER_UNDEFINED } from "../interpreter/code-pages.js";
import { AREA, BRANCH_TARGET, BRANCH_TARGETS, CODE_PAGE, GLOBAL, SLOT_SIZE, SLOTS_PER_PAGE } from "../layout.js";
import type { HotSlot } from "./hot.js";
import type { InstalledRegions } from "./installed.js";
import type { BranchTarget, JobSlot, PageCopy } from "./job.js";
import { pageOf } from "./places.js";

/** How far from the hot slot calls are looked for, in instructions, and how many pages more than its neighbours count. */
const BEFORE = 200;
const BEHIND = 600;
const FAR_PAGES = 8;

export class Snapshots {
  constructor(
    private readonly engine: Engine,
    private readonly installed: InstalledRegions,
    /** Whether what was never executed is to be compiled, too. */
    private readonly everything: boolean,
    /** How often a call must have been come back from. */
    private readonly warm: number,
  ) {}

  /** Undefined when the slot was dropped or compiled meanwhile. */
  of({ slot, page, bank }: HotSlot): JobSlot | undefined {
    const { installed } = this;
    const own = installed.pageOf(slot);
    if (!installed.isInterpreted(slot) || !installed.isUsable(own)) return undefined;
    const pages: PageCopy[] = [];
    const add = (distance: number): PageCopy | undefined => {
      const address = distance === 0 ? own : installed.pageAt(page, distance, bank);
      if (address === undefined || pages.some((copy) => copy.distance === distance)) return undefined;
      const targets = this.targetsIn(address, page);
      // From here on a write to it while the job is under way is heard of.
      const copy = { distance, address, hash: installed.hashOf(address), slots: this.copy(address), targets };
      pages.push(copy);
      return copy;
    };
    const head = (slot - own) / SLOT_SIZE;
    let look = [0, -1, 1].flatMap((distance) => add(distance) ?? []);
    for (let [first, last] = [head - BEFORE, head + BEHIND]; look.length > 0; first = -Infinity, last = Infinity) {
      const called = new Set(look.flatMap((copy) => this.calledFrom(copy, first, last)).map(pageOf));
      look = [...called].flatMap((distance) => (pages.length < 3 + FAR_PAGES ? (add(distance) ?? []) : []));
    }
    return { head, pages };
  }

  /** Where the calls lead that are come back from often, and the veneers that are gone through, of those in a range. */
  private calledFrom({ distance, slots, targets }: PageCopy, first: number, last: number): number[] {
    const called: number[] = [];
    const start = distance * SLOTS_PER_PAGE;
    const firstRegion = this.engine.view.getInt32(GLOBAL.firstRegion, true);
    for (let n = 0; n < SLOTS_PER_PAGE - 1; n++) {
      const handler = (slots[n * 2] ?? 0) & 0xffff;
      if (handler === 0 || start + n < first || start + n > last) continue;
      const word = slots[n * 2 + 1] ?? 0;
      const behind = slots[n * 2 + 2] ?? 0;
      const heat = (behind & 0xffff) < firstRegion ? behind >>> 16 : 0;
      if (word >>> 26 === 0x25 && heat >= this.warm) called.push(start + n + ((word << 6) >> 6));
    }
    for (const { slot, at, count } of targets) {
      if (count >= this.warm / 4 && start + slot >= first && start + slot <= last) called.push(at);
    }
    return called;
  }

  /** What is known of the indirect branches of a page, for a hot slot's virtual page. */
  private targetsIn(address: number, page: bigint): BranchTarget[] {
    const { view } = this.engine;
    const found: BranchTarget[] = [];
    const words = new Uint32Array(view.buffer, AREA.branchTargets, (BRANCH_TARGETS * BRANCH_TARGET.size) / 4);
    for (let n = 0; n < BRANCH_TARGETS; n++) {
      const offset = (words[(n * BRANCH_TARGET.size + BRANCH_TARGET.slot) >> 2] as number) - address;
      if (offset < 0 || offset >= CODE_PAGE.sentinel) continue;
      const slot = offset / SLOT_SIZE;
      const row = AREA.branchTargets + n * BRANCH_TARGET.size;
      BRANCH_TARGET.targets.forEach((target, i) => {
        const distance = view.getBigInt64(row + target, true) - BigInt.asIntN(64, page);
        // A direct branch's reach, which numbers of instructions have.
        if (BigInt.asIntN(28, distance) !== distance || (distance & 3n) !== 0n) return;
        const count = view.getUint32(row + (BRANCH_TARGET.counts[i] as number), true);
        found.push({ slot, at: Number(distance / 4n), count });
      });
    }
    return found;
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
    const { view } = this.engine;
    const words = new Int32Array(view.buffer, AREA.decodeTree, (AREA.crcTables - AREA.decodeTree) / 4);
    const tree = { root: view.getInt32(GLOBAL.decodeRoot, true), words };
    for (let n = 0; n < SLOTS_PER_PAGE; n++) {
      if (((slots[n * 2] ?? 0) & 0xffff) !== 0) continue;
      const word = view.getInt32(host + n * 4, true);
      slots[n * 2] = decodeIn(tree, AREA.decodeTree, word) ?? HANDLER_UNDEFINED;
      slots[n * 2 + 1] = word;
    }
  }
}
