/**
 * Which instructions a region has: those reachable from a hot slot by direct branches, falling through, and coming back
 * from calls, as far as they have been executed before; cut into blocks. Instructions are named by their distance from
 * the first one of the hot slot's page, in instructions, so that the next virtual page begins at 1,024.
 */
import type { Form } from "../../isa/pattern.js";
import { SLOTS_PER_PAGE } from "../layout.js";

/** The code of one virtual page near the hot slot. */
export interface PageCode {
  /** What the page holds (CODE_PAGE.hash). */
  readonly hash: bigint;
  /** Instruction word of a slot. */
  word(slot: number): number;
  /** The form of a slot's word; undefined where the CPU has no instruction. */
  form(slot: number): Form | undefined;
  /** Whether somebody must be asked before the slot's instruction: the interpreter carries it out. */
  isBreakpoint(slot: number): boolean;
  /** Whether the slot was ever executed. */
  wasExecuted(slot: number): boolean;
  /** How often it was branched to while it was interpreted, as far as that is counted. */
  heat(slot: number): number;
  /** Whether a region begins there that is better gone to than compiled again. */
  isRegion(slot: number): boolean;
}

/** Virtual pages by distance from the hot slot's; undefined where fetching would need the MMU. */
export type Pages = (distance: number) => PageCode | undefined;

export interface Instruction {
  readonly at: number;
  readonly word: number;
  readonly form: Form;
  readonly isBreakpoint: boolean;
}

export interface Block {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** Where it may go on directly: behind it, or where its last instruction branches to. */
  readonly follows: readonly number[];
  /**
   * If it is of a short loop that goes round often: X registers that do not stay where they were in it, give or take a
   * constant a round.
   */
  readonly unsteady: number | undefined;
}

export interface Discovered {
  readonly blocks: readonly Block[];
  /** Instructions at which the region can be entered besides its head. */
  readonly entries: readonly number[];
  /** Instructions behind calls. */
  readonly returns: ReadonlySet<number>;
  /** Whether indirect branches may lead to several of its entries. */
  readonly dispatches: boolean;
}

const MAX_INSTRUCTIONS = 500;
/** How far before a hot loop the beginning of its function is looked for, in instructions. */
const MAX_PROLOGUE = 200;
/** How far from an indirect branch what it may lead to is looked for, in instructions; and how much makes it worth it. */
const MAX_DISPATCH = 1024;
const MIN_WAYS = 4;
/** Instructions from the first to the last block of a short loop, and how often it goes round each time, at least. */
const SHORT_LOOP = 100;
const MANY_ROUNDS = 8;
/** Branches to what is taken for the beginning of a function. */
const CALLED = 2;

export const pageOf = (at: number): number => Math.floor(at / SLOTS_PER_PAGE);
export const slotOf = (at: number): number => at - pageOf(at) * SLOTS_PER_PAGE;

/** How an instruction goes on: offset of a direct branch; whether the next instruction may follow; whether it calls. */
interface Flow {
  readonly offset?: number;
  readonly falls: boolean;
  readonly calls?: boolean;
}

const STRAIGHT: Flow = { falls: true };
const AWAY: Flow = { falls: false };
const CALL: Flow = { falls: false, calls: true };

/** Rows after which the program goes on elsewhere, and not by a label. */
const LEAVES = new Map<string, Flow>([
  ["BR", AWAY],
  ["RET", AWAY],
  ["BRAA", AWAY],
  ["BRAAZ", AWAY],
  ["RETAA", AWAY],
  ["BLR", CALL],
  ["BLRAA", CALL],
  ["BLRAAZ", CALL],
  ["BL", CALL],
  ["ERET", AWAY],
  ["ERETAA", AWAY],
  ["BRK", AWAY],
  ["SVC", CALL],
  ["HVC", CALL],
  ["SMC", CALL],
]);

/** Indirect branches that may be an interpreter's, from one bytecode to the next. */
const DISPATCHES = new Set(["BR", "BRAA", "BRAAZ"]);

function flowOf(name: string, word: number): Flow {
  switch (name) {
    case "B":
      return { offset: (word << 6) >> 6, falls: false };
    case "B_cond":
    case "CBZ":
    case "CBNZ":
      return { offset: (word << 8) >> 13, falls: true };
    case "TBZ":
    case "TBNZ":
      return { offset: (word << 13) >> 18, falls: true };
    default:
      return LEAVES.get(name) ?? STRAIGHT;
  }
}

/**
 * The beginning of the function that `head` is in the middle of: it is branched to, and nothing falls through to it.
 * Loops get hot first; compiled with them, their function is not compiled again when its turn comes.
 */
function functionStart(pageAt: Pages, head: number): number | undefined {
  const formAt = (at: number): Form | undefined => {
    const page = pageAt(pageOf(at));
    return page?.wasExecuted(slotOf(at)) ? page.form(slotOf(at)) : undefined;
  };
  for (let at = head - 1; at > head - MAX_PROLOGUE; at--) {
    const page = pageAt(pageOf(at));
    if (page === undefined) return undefined;
    if (!page.wasExecuted(slotOf(at)) || page.heat(slotOf(at)) < CALLED || page.isRegion(slotOf(at))) continue;
    const before = formAt(at - 1);
    const flow = before && flowOf(before.row.name, 0);
    if (flow === undefined || (!flow.falls && !flow.calls)) return at;
  }
  return undefined;
}

/** What moves SP down as functions do when they begin: STP and STR with write-back, SUB. */
const PROLOGUES = [
  { mask: 0xffc003e0, value: 0xa98003e0 },
  { mask: 0xffe00fe0, value: 0xf8000fe0 },
  { mask: 0xff8003ff, value: 0xd10003ff },
] as const;

/** Instructions of the function round one that were branched to `warm` times, the nearest first. */
function warmNear(pages: Pages, from: number, warm: number): number[] {
  const near: number[] = [];
  for (const step of [1, -1]) {
    for (let at = from + step; Math.abs(at - from) <= MAX_DISPATCH; at += step) {
      const page = pages(pageOf(at));
      if (page === undefined) break;
      if (!page.wasExecuted(slotOf(at))) continue;
      const word = page.word(slotOf(at));
      if (PROLOGUES.some(({ mask, value }) => (word & mask) >>> 0 === value)) break;
      if (page.heat(slotOf(at)) >= warm && !page.isRegion(slotOf(at))) near.push(at);
    }
  }
  if (near.length < MIN_WAYS) return [];
  return near.sort((a, b) => Math.abs(a - from) - Math.abs(b - from));
}

/**
 * Blocks in the order of their addresses. `head` is the slot of the hot instruction in page 0; what was branched to
 * `warm` times is a way in as well.
 */
export function discover(pages: Pages, head: number, warm: number): Discovered {
  const found = new Map<number, Instruction>();
  const pageAt = (at: number): PageCode | undefined => pages(pageOf(at));
  const executed = (at: number): boolean => {
    const page = pageAt(at);
    if (page === undefined || !page.wasExecuted(slotOf(at))) return false;
    return at === head || !page.isRegion(slotOf(at));
  };
  const start = functionStart(pages, head);
  const work = start === undefined ? [head] : [head, start];
  const leaders = new Set<number>(work);
  const entries = new Set<number>(work);
  const returns = new Set<number>();
  const lead = (at: number): void => {
    leaders.add(at);
    if (!found.has(at) && executed(at)) work.push(at);
  };
  let dispatcher: number | undefined;
  let candidates: number[] | undefined;
  let dispatches = false;
  // Nearest first, so that what is cut off by the limit is far away.
  for (let next = 0; next < work.length || mayLeadOn(); next++) {
    for (let at = work[next] as number; !found.has(at) && found.size < MAX_INSTRUCTIONS && executed(at); at++) {
      const page = pageAt(at) as PageCode;
      const form = page.form(slotOf(at));
      if (form === undefined) break;
      const word = page.word(slotOf(at));
      found.set(at, { at, word, form, isBreakpoint: page.isBreakpoint(slotOf(at)) });
      if (page.heat(slotOf(at)) >= warm) entries.add(at);
      const flow = flowOf(form.row.name, word);
      if (flow.offset !== undefined) lead(at + flow.offset);
      if (DISPATCHES.has(form.row.name)) dispatcher ??= at;
      if (flow.calls) {
        leaders.add(at + 1);
        returns.add(at + 1);
        if (executed(at + 1)) {
          if (!found.has(at + 1)) work.push(at + 1);
        }
      }
      if (!flow.falls) break;
      if (flow.offset !== undefined || slotOf(at + 1) === 0) leaders.add(at + 1);
    }
  }
  /**
   * Adds one more instruction that is branched to often, near an indirect branch: an interpreter of bytecodes has the
   * code of each behind one, and goes from one to the next in the region.
   */
  function mayLeadOn(): boolean {
    if (dispatcher === undefined || found.size >= MAX_INSTRUCTIONS) return false;
    candidates ??= warmNear(pages, dispatcher, warm);
    for (let at = candidates.shift(); at !== undefined; at = candidates.shift()) {
      if (found.has(at)) continue;
      entries.add(at);
      lead(at);
      dispatches = true;
      return true;
    }
    return false;
  }
  const blocks: Omit<Block, "unsteady">[] = [];
  for (const start of [...leaders].filter((at) => found.has(at)).sort((a, b) => a - b)) {
    const instructions: Instruction[] = [];
    const follows: number[] = [];
    let at = start;
    for (;;) {
      const instruction = found.get(at);
      if (instruction === undefined) break;
      instructions.push(instruction);
      const { offset, falls } = flowOf(instruction.form.row.name, instruction.word);
      if (offset !== undefined) follows.push(at + offset);
      at++;
      if (falls && (offset !== undefined || leaders.has(at))) follows.push(at);
      if (!falls || offset !== undefined || leaders.has(at)) break;
    }
    blocks.push({ start, instructions, follows });
  }
  entries.delete(head);
  for (const at of entries) leaders.add(at);
  const heat = (at: number): number => pageAt(at)?.heat(slotOf(at)) ?? 0;
  const unsteady = inShortLoops(blocks, heat, start === undefined ? 0 : heat(start));
  return {
    blocks: blocks.map((block) => ({ ...block, unsteady: unsteady.get(block.start) })),
    entries: [...entries].filter((at) => found.has(at)),
    returns,
    dispatches,
  };
}

/** The X register that an instruction sets to something that is not it with a constant added, as a set. */
function movedBy({ form, word }: Instruction): number {
  const { name, options, fields } = form.row;
  if (options.fp === true) return 0;
  const rd = word & 31;
  const rn = (word >>> 5) & 31;
  if (name.startsWith("LD")) {
    const second = fields.some((field) => field.name === "Rt2") ? 1 << ((word >>> 10) & 31) : 0;
    return (1 << rd) | second;
  }
  if (!fields.some((field) => field.name === "Rd")) return 0;
  return CONSTANT_STEPS.has(name) && rd === rn ? 0 : 1 << rd;
}
const CONSTANT_STEPS = new Set(["ADD_imm", "SUB_imm"]);

/**
 * `Block.unsteady` of those blocks, which come in the order of their addresses, between a branch back and its target.
 * `heat` says how often an instruction was branched to, `called` how often what is round all loops was.
 */
function inShortLoops(
  blocks: readonly Omit<Block, "unsteady">[],
  heat: (at: number) => number,
  called: number,
): ReadonlyMap<number, number> {
  const loops: { first: number; last: number; body: typeof blocks }[] = [];
  blocks.forEach(({ start, follows }, last) => {
    for (const first of follows) {
      if (first > start || start - first > SHORT_LOOP) continue;
      const from = blocks.findIndex((block) => block.start >= first);
      loops.push({ first, last: start, body: blocks.slice(from, last + 1) });
    }
  });
  // The innermost loop of a block is the shortest, and has the last word.
  loops.sort((a, b) => b.last - b.first - (a.last - a.first));
  const found = new Map<number, number>();
  for (const { first, last, body } of loops) {
    const around = loops.filter((other) => other.first < first && other.last >= last).map((other) => heat(other.first));
    if (heat(first) < MANY_ROUNDS * Math.min(...around, around.length > 0 ? Infinity : called)) continue;
    let unsteady = 0;
    for (const { instructions } of body) for (const instruction of instructions) unsteady |= movedBy(instruction);
    for (const { start } of body) found.set(start, unsteady);
  }
  return found;
}
