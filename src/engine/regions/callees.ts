/**
 * Functions whose code stands in place of their calls. A call from one region to another costs some 80 instructions of
 * the host, and takes all registers out of the caller's locals; a small function that is called often has its
 * instructions in the region of its caller, once for each such call: in a _context_ of their own. Its return goes on
 * behind the call if that is where X30 leads, and is any other return otherwise.
 */
import { flowOf, isVeneer } from "./control-flow.js";
import type { PageCode, Pages } from "./discover.js";
import { WARM_PART } from "./hot.js";
import { contextOf, inContext, ownNumber, pageOf, slotOf } from "./places.js";

/** Instructions of a callee, as far as they were executed, at most; of all in a region; and how deep they nest. */
const MAX_CALLEE = 40;
const MAX_INLINED = 200;
const MAX_DEPTH = 3;
/** How often an indirect branch must have led somewhere, where that much of anything counts as often. */
const LEAST_COUNT = 64;
/** What is branched to once in so many calls is left out of a function that is too large with it. */
const SELDOM = 16;

/** Calls that are come back from as any other code goes on. */
const CALLS = new Set(["BL", "BLR", "BLRAA", "BLRAAZ"]);

interface Context {
  /** The call, in the numbers of the caller's context; of context 0 where its function begins. */
  readonly call: number;
  /** How many calls it is below the region's own function; some may be of the same function. */
  readonly depth: number;
  /** Where the function goes on too seldom to have the code, in context 0. */
  readonly cold: ReadonlySet<number>;
}

/** How much of a function stands in place of a call. */
interface Extent {
  /** Instructions. */
  readonly size: number;
  /** See Context. */
  readonly cold: ReadonlySet<number>;
}

export class Callees {
  private readonly contexts: Context[];
  private left = MAX_INLINED;

  /** Of a region with a function that begins at `start`; a return that was branched to `warm` times is worth it. */
  constructor(
    private readonly pages: Pages,
    start: number,
    private readonly warm: number,
  ) {
    this.contexts = [{ call: start, depth: 0, cold: new Set() }];
  }

  /**
   * Where the functions are, in contexts of their own, whose code is to stand in place of the call at `call`: of that
   * which is `offset` instructions from it, or of those that an indirect call led to most.
   */
  enter(call: number, offset: number | undefined): readonly number[] {
    if (pageOf(call + 1) !== pageOf(call) || this.known(call + 1) === undefined) return [];
    const calls = this.countOf(call + 1);
    if (calls < this.warm) return [];
    const targets = offset === undefined ? this.targetsOf(call, calls / 4) : [call + offset];
    return targets.flatMap((target) => this.enterOne(call, ownNumber(target), calls) ?? []);
  }

  private enterOne(call: number, start: number, calls: number): number | undefined {
    const { depth } = this.contextAt(call);
    if (depth === MAX_DEPTH) return undefined;
    const extent = this.extentOf(start, calls);
    if (extent === undefined || extent.size > this.left) return undefined;
    this.left -= extent.size;
    this.contexts.push({ call, depth: depth + 1, cold: extent.cold });
    return inContext(this.contexts.length - 1, start);
  }

  /** How often an instruction was branched to; where a region is entered, as often at least as made it one. */
  private countOf(at: number): number {
    const page = this.known(at);
    if (page === undefined) return 0;
    return page.isEntry(slotOf(at)) ? this.warm * WARM_PART : page.heat(slotOf(at));
  }

  /** Whether an instruction is left out of the function whose code stands there in place of a call. */
  isCold(at: number): boolean {
    return contextOf(at) !== 0 && this.contextAt(at).cold.has(ownNumber(at));
  }

  /**
   * Where a function returns to that has its code without instruction `at` in place of a call; undefined for others,
   * and where `from`, which leads there, is of another page: that leaves the region by a branch.
   */
  behindCallOf(at: number, from: number): number | undefined {
    return this.isCold(at) && pageOf(at) === pageOf(from) ? this.contextAt(at).call + 1 : undefined;
  }

  /** Where the indirect branch at `at` led so often, by numbers in context 0. */
  private targetsOf(at: number, often: number): number[] {
    const known = this.pages(pageOf(at))?.targets(slotOf(at)) ?? [];
    const least = Math.max(often, Math.min(LEAST_COUNT, this.warm));
    return known.filter(({ count }) => count >= least).map((target) => target.at);
  }

  /** Where a return at `at` leads if all is well: behind the call of its context. */
  returnOf(at: number): readonly number[] {
    return contextOf(at) === 0 ? [] : [this.contextAt(at).call + 1];
  }

  /** Where an indirect branch of a linkage table leads, if it is one and of a function that is called here. */
  throughVeneer(at: number, word: number): readonly number[] {
    if (contextOf(at) === 0 || !isVeneer(word)) return [];
    return this.targetsOf(at, 0).map((target) => inContext(contextOf(at), target));
  }

  /**
   * Instruction `at` or the call that it is below of, in the numbers of `context`; undefined if that is not above it.
   */
  seenFrom(context: number, at: number): number | undefined {
    let place = at;
    while (contextOf(place) > context) place = this.contextAt(place).call;
    return contextOf(place) === context ? place : undefined;
  }

  private contextAt(at: number): Context {
    return this.contexts[contextOf(at)] as Context;
  }

  /**
   * What of a function that is called so often is to stand in place of a call: all that was executed; or, if that is
   * too much, what it does most times. How the C library's fast ways end is a branch to the slow one.
   */
  private extentOf(start: number, calls: number): Extent | undefined {
    const often = Math.max(calls, this.countOf(start));
    return this.walk(start, () => false) ?? this.walk(start, (target) => this.countOf(target) * SELDOM <= often);
  }

  /**
   * What of a function was executed, without what it branches to seldom, or forward in its page, which is not counted;
   * undefined for one that is too large, or that does not return by itself: what it goes to at its end returns to the
   * middle of the region then, which is no way into it.
   */
  private walk(start: number, isSeldom: (target: number) => boolean): Extent | undefined {
    const seen = new Set<number>();
    const cold = new Set<number>();
    const work = [start];
    let returns = false;
    for (let next = work.pop(); next !== undefined; next = work.pop()) {
      for (let at = next; !seen.has(at) && !cold.has(at); at++) {
        const page = this.known(at);
        const form = page?.form(slotOf(at));
        if (page === undefined || form === undefined) break;
        if (seen.size === MAX_CALLEE) return undefined;
        seen.add(at);
        const word = page.word(slotOf(at));
        const { offset, falls, calls, returns: isReturn } = flowOf(form.row.name, word);
        returns ||= isReturn === true;
        const targets = falls || calls || isReturn || !isVeneer(word) ? [] : this.targetsOf(at, 0);
        if (offset !== undefined && !calls) targets.push(at + offset);
        for (const target of targets) {
          if (!seen.has(target) && this.known(target) && isSeldom(target)) cold.add(target);
          else work.push(target);
        }
        if (falls || CALLS.has(form.row.name)) continue;
        if (!isReturn && (calls || !targets.some((target) => this.known(target)))) return undefined;
        break;
      }
    }
    return returns ? { size: seen.size, cold } : undefined;
  }

  /** The page of an instruction that was executed. */
  private known(at: number): PageCode | undefined {
    const page = this.pages(pageOf(at));
    return page?.wasExecuted(slotOf(at)) ? page : undefined;
  }
}
