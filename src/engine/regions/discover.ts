/**
 * Which instructions a region has: those reachable from a hot slot by direct branches, falling through, and coming back
 * from calls, as far as they have been executed before, and the small functions called on the way (callees.ts); cut
 * into blocks. Instructions are named by numbers (places.ts).
 */
import type { Form } from "../../isa/pattern.js";
import { SLOTS_PER_PAGE } from "../layout.js";
import { Callees } from "./callees.js";
import { DISPATCHES, type Flow, flowOf } from "./control-flow.js";
import { contextOf, DISPATCH_NEIGHBOURS, NEIGHBOURS, pageOf, slotOf } from "./places.js";

/** The code of one virtual page: of the hot slot, beside it, or of a function that is called from there. */
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
  /**
   * How often it was branched to while it was interpreted, as far as that is counted; not where a region is entered.
   */
  heat(slot: number): number;
  /** Whether a region is entered there. */
  isEntry(slot: number): boolean;
  /** Where a slot's indirect branch led most, by numbers in context 0, and how often. */
  targets(slot: number): readonly { readonly at: number; readonly count: number }[];
  /** The region that begins there, if it is better gone to than compiled again. */
  region(slot: number): KnownRegion | undefined;
}

/** A region that is there already, or on its way: the same object for each of its entries. */
export interface KnownRegion {
  readonly instructions: number;
}

/** Virtual pages by distance from the hot slot's; undefined where fetching would need the MMU. */
export type Pages = (distance: number) => PageCode | undefined;

export interface Instruction {
  readonly at: number;
  readonly word: number;
  readonly form: Form;
  readonly isBreakpoint: boolean;
  /**
   * Where it goes on in the region if it leads there: a call at functions whose code stands in its place, a return of
   * one of these behind the call, a branch of a linkage table at the function itself.
   */
  readonly inlined: readonly number[];
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
  /** Instructions behind calls, where something else may come back to. */
  readonly returns: ReadonlySet<number>;
  /** As Callees has it. */
  readonly behindCallOf: Callees["behindCallOf"];
  /** Whether indirect branches may lead to several of its entries. */
  readonly dispatches: boolean;
}

/** Instructions of a region, without those of the functions called; and of one that goes from bytecode to bytecode. */
const MAX_INSTRUCTIONS = 500;
const MAX_DISPATCHED = 700;
/** How far before a hot loop the beginning of its function is looked for, in instructions. */
const MAX_PROLOGUE = 200;
/**
 * How far from an indirect branch what it may lead to is looked for, in instructions; and how much makes it worth it.
 */
const MAX_DISPATCH = DISPATCH_NEIGHBOURS * SLOTS_PER_PAGE;
const MIN_WAYS = 4;
/** Regions of one interpreter become one when all but the largest have so large a part of its instructions together. */
const WORTH_ANEW = 4;
/** Instructions from the first to the last block of a short loop, and how often it goes round each time, at least. */
const SHORT_LOOP = 100;
const MANY_ROUNDS = 8;
/** Branches to what is taken for the beginning of a function. */
const CALLED = 2;

/** The form of an instruction that was executed. */
const formAt = (page: PageCode | undefined, at: number): Form | undefined =>
  page?.wasExecuted(slotOf(at)) ? page.form(slotOf(at)) : undefined;

/**
 * The beginning of the function that `head` is in the middle of: it is branched to, nothing falls through to it, and it
 * leads to `head`; another function may be in front of one that was called once. Loops get hot first; compiled with
 * them, their function is not compiled again when its turn comes.
 */
function functionStart(pageAt: Pages, head: number): number | undefined {
  for (let at = head - 1; at > head - MAX_PROLOGUE; at--) {
    const page = pageAt(pageOf(at));
    if (page === undefined) return undefined;
    if (!page.wasExecuted(slotOf(at)) || page.heat(slotOf(at)) < CALLED || page.region(slotOf(at))) continue;
    const before = formAt(pageAt(pageOf(at - 1)), at - 1);
    const flow = before && flowOf(before.row.name, 0);
    if ((flow === undefined || (!flow.falls && !flow.calls)) && leads(pageAt, at, head)) return at;
  }
  return undefined;
}

/** Whether executed code leads from one instruction to another within a function. */
function leads(pages: Pages, from: number, to: number): boolean {
  const seen = new Set<number>();
  const work = [from];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    for (let at = next; !seen.has(at) && seen.size < MAX_INSTRUCTIONS; at++) {
      const page = pages(pageOf(at));
      const form = formAt(page, at);
      if (page === undefined || form === undefined) break;
      if (at === to) return true;
      seen.add(at);
      const { offset, falls, calls } = flowOf(form.row.name, page.word(slotOf(at)));
      if (offset !== undefined && !calls) work.push(at + offset);
      if (!falls && !calls) break;
    }
  }
  return false;
}

/** What moves SP down as functions do when they begin: STP and STR with write-back, SUB. */
const PROLOGUES = [
  { mask: 0xffc003e0, value: 0xa98003e0 },
  { mask: 0xffe00fe0, value: 0xf8000fe0 },
  { mask: 0xff8003ff, value: 0xd10003ff },
] as const;

/**
 * Whether an instruction asks for flags first of all. As a way into the region it would find them in the vCPU block
 * only, also where the blocks before it know what they come of.
 */
const readsFlags = ({ row }: Form): boolean => row.fields.some((field) => field.name === "cond");

/** What of the function round an indirect branch it may lead to. */
interface Ways {
  /** Instructions that were branched to often, the nearest first. */
  readonly near: readonly number[];
  /** Regions that have some of these. */
  readonly regions: ReadonlySet<KnownRegion>;
}

/** The ways from the indirect branch at `from` to what was branched to `warm` times, or is an entry of `overtaken`. */
function waysFrom(pages: Pages, from: number, warm: number, overtaken: ReadonlySet<KnownRegion>): Ways {
  const near: number[] = [];
  const regions = new Set<KnownRegion>();
  for (const step of [1, -1]) {
    for (let at = from + step; Math.abs(at - from) <= MAX_DISPATCH; at += step) {
      const page = pages(pageOf(at));
      if (page === undefined) break;
      if (!page.wasExecuted(slotOf(at))) continue;
      const word = page.word(slotOf(at));
      if (PROLOGUES.some(({ mask, value }) => (word & mask) >>> 0 === value)) break;
      const region = page.region(slotOf(at));
      if (region) regions.add(region);
      if (region ? overtaken.has(region) : page.heat(slotOf(at)) >= warm) near.push(at);
    }
  }
  if (near.length < MIN_WAYS) return { near: [], regions };
  return { near: near.sort((a, b) => Math.abs(a - from) - Math.abs(b - from)), regions };
}

/**
 * Blocks in the order of their addresses. `head` is the slot of the hot instruction in page 0; what was branched to
 * `warm` times is a way in as well.
 */
export function discover(pages: Pages, head: number, warm: number): Discovered {
  const first = discoverOnce(pages, head, warm, new Set());
  const known = [...first.beside].map(({ instructions }) => instructions);
  const largest = Math.max(0, ...known);
  const gained = known.reduce((sum, n) => sum + n, first.own) - largest;
  // From one to the other it is a branch out of the region: what began as several becomes one when that has grown.
  if (largest === 0 || gained < largest / WORTH_ANEW || largest + gained > MAX_DISPATCHED) return first;
  const anew = discoverOnce(pages, head, warm, first.beside);
  return anew.dispatches ? anew : first;
}

/** The same; regions that are `overtaken` are compiled again as part of this one. */
function discoverOnce(
  pages: Pages,
  head: number,
  warm: number,
  overtaken: ReadonlySet<KnownRegion>,
): Discovered & { readonly own: number; readonly beside: ReadonlySet<KnownRegion> } {
  const found = new Map<number, Instruction>();
  const pageAt = (at: number): PageCode | undefined => pages(pageOf(at));
  let reach = NEIGHBOURS;
  let limit = MAX_INSTRUCTIONS;
  const executed = (at: number): boolean => {
    const page = pageAt(at);
    if (page === undefined || !page.wasExecuted(slotOf(at))) return false;
    if (contextOf(at) !== 0) return !callees.isCold(at);
    const region = page.region(slotOf(at));
    return Math.abs(pageOf(at)) <= reach && (at === head || region === undefined || overtaken.has(region));
  };
  const start = functionStart(pages, head);
  const callees = new Callees(pages, start ?? head, warm);
  const work = start === undefined ? [head] : [head, start];
  const leaders = new Set<number>(work);
  const entries = new Set<number>(work);
  const returns = new Set<number>();
  const lead = (at: number): void => {
    leaders.add(at);
    if (!found.has(at) && executed(at)) work.push(at);
  };
  /** Instructions of the region's own. */
  let own = 0;
  const hasRoom = (at: number): boolean => contextOf(at) !== 0 || own < limit;
  const inlinedAt = (at: number, name: string, word: number, flow: Flow): readonly number[] => {
    if (flow.returns) return callees.returnOf(at);
    if (flow.calls) return callees.enter(at, flow.offset);
    return DISPATCHES.has(name) ? callees.throughVeneer(at, word) : [];
  };
  let dispatcher: number | undefined;
  let ways: Ways | undefined;
  let nextWay = 0;
  let dispatches = false;
  // Nearest first, so that what is cut off by the limit is far away.
  for (let next = 0; next < work.length || mayLeadOn(); next++) {
    for (let at = work[next] as number; !found.has(at) && hasRoom(at) && executed(at); at++) {
      const page = pageAt(at) as PageCode;
      const form = page.form(slotOf(at));
      if (form === undefined) break;
      const word = page.word(slotOf(at));
      const isBreakpoint = page.isBreakpoint(slotOf(at));
      const flow = flowOf(form.row.name, word);
      const inlined = isBreakpoint ? [] : inlinedAt(at, form.row.name, word, flow);
      found.set(at, { at, word, form, isBreakpoint, inlined });
      if (contextOf(at) === 0) own++;
      const region = page.region(slotOf(at));
      const isWarm = page.heat(slotOf(at)) >= warm || (region !== undefined && overtaken.has(region));
      if (contextOf(at) === 0 && isWarm && !readsFlags(form)) entries.add(at);
      if (DISPATCHES.has(form.row.name) && contextOf(at) === 0) dispatcher ??= at;
      if (flow.offset !== undefined && !flow.calls) lead(at + flow.offset);
      for (const target of inlined) lead(target);
      if (flow.calls) {
        // Of an indirect call there may be other targets, and what is in another page may be mapped elsewhere.
        const isSure = flow.offset !== undefined && inlined.some((target) => pageOf(target) === pageOf(at));
        if (!isSure) returns.add(at + 1);
        lead(at + 1);
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
    if (dispatcher === undefined) return false;
    ways ??= waysFrom(pages, dispatcher, warm, overtaken);
    const { near } = ways;
    if (near.length > 0) {
      reach = DISPATCH_NEIGHBOURS;
      limit = MAX_DISPATCHED;
    }
    while (own < limit && nextWay < near.length) {
      const at = near[nextWay++] as number;
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
      const { offset, falls, calls } = flowOf(instruction.form.row.name, instruction.word);
      const { inlined } = instruction;
      follows.push(...inlined);
      if (offset !== undefined && !calls) follows.push(at + offset);
      at++;
      if (falls && (offset !== undefined || leaders.has(at))) follows.push(at);
      if (!falls || offset !== undefined || leaders.has(at)) break;
    }
    blocks.push({ start, instructions, follows });
    for (const at of follows) {
      const behind = callees.behindCallOf(at, start);
      if (behind !== undefined) returns.add(behind);
    }
  }
  entries.delete(head);
  for (const at of entries) leaders.add(at);
  const heat = (at: number): number => pageAt(at)?.heat(slotOf(at)) ?? 0;
  const unsteady = inShortLoops(blocks, callees, heat, start === undefined ? 0 : heat(start));
  return {
    blocks: blocks.map((block) => ({ ...block, unsteady: unsteady.get(block.start) })),
    entries: [...entries].filter((at) => found.has(at)),
    returns,
    behindCallOf: (at, from) => callees.behindCallOf(at, from),
    dispatches,
    own,
    beside: ways?.regions ?? new Set(),
  };
}

/**
 * X registers that an instruction sets, as a set, and those of which it is a sum or an extension: it moves by constants
 * if these do, and it is none of them.
 */
interface Move {
  readonly to: number;
  readonly sources: number;
}
const NO_MOVE: Move = { to: 0, sources: 0 };
/** What an instruction sets that is no sum of others moves anyhow. */
const ANYHOW = -1;
const ZERO_REGISTER = 31;

/** Adding a constant to a register moves it by one. */
const CONSTANT_STEPS = new Set(["ADD_imm", "SUB_imm"]);
/** Rows of sums and extensions, by the names of their sources. */
const SUMS = new Map<string, readonly ("Rn" | "Rm")[]>([
  ...[...CONSTANT_STEPS, "SBFM_W", "SBFM_X", "UBFM_W", "UBFM_X"].map((name) => [name, ["Rn"]] as const),
  ...["ADD", "SUB"].flatMap((name) =>
    ["shift_W", "shift_X", "ext"].map((kind) => [`${name}_${kind}`, ["Rn", "Rm"]] as const),
  ),
]);

function movedBy({ form, word }: Instruction): Move {
  const { name, options, fields } = form.row;
  if (options.fp === true) return NO_MOVE;
  const [rd, rn, rm] = [word & 31, (word >>> 5) & 31, (word >>> 16) & 31];
  if (name.startsWith("LD")) {
    const second = fields.some((field) => field.name === "Rt2") ? 1 << ((word >>> 10) & 31) : 0;
    return { to: (1 << rd) | second, sources: ANYHOW };
  }
  if (!fields.some((field) => field.name === "Rd")) return NO_MOVE;
  if (CONSTANT_STEPS.has(name) && rd === rn) return NO_MOVE;
  // MOV is ORR with XZR.
  const isMove = name.startsWith("ORR_shift") && rn === ZERO_REGISTER;
  const sources = (isMove ? ["Rm"] : SUMS.get(name))?.map((source) => (source === "Rn" ? rn : rm));
  if (sources === undefined || sources.includes(rd)) return { to: 1 << rd, sources: ANYHOW };
  return { to: 1 << rd, sources: sources.reduce((set, n) => (n === ZERO_REGISTER ? set : set | (1 << n)), 0) };
}

/** X registers that do not move by constants from one round of such instructions to the next. */
function unsteadyIn(instructions: readonly Instruction[]): number {
  const moves = instructions.map(movedBy);
  for (let unsteady = 0; ; ) {
    const more = moves.reduce(
      (set, { to, sources }) => (sources === ANYHOW || sources & set ? set | to : set),
      unsteady,
    );
    if (more === unsteady) return unsteady;
    unsteady = more;
  }
}

/**
 * `Block.unsteady` of those blocks, which come in the order of their numbers, between a branch back and its target,
 * with the functions that stand there in place of calls. `heat` says how often an instruction was branched to, `called`
 * how often what is round all loops was.
 */
function inShortLoops(
  blocks: readonly Omit<Block, "unsteady">[],
  callees: Callees,
  heat: (at: number) => number,
  called: number,
): ReadonlyMap<number, number> {
  const loops: { first: number; last: number; body: typeof blocks }[] = [];
  for (const { start: last, follows } of blocks) {
    for (const first of follows) {
      if (first > last || last - first > SHORT_LOOP || contextOf(first) !== contextOf(last)) continue;
      const body = blocks.filter(({ start }) => {
        const place = callees.seenFrom(contextOf(first), start);
        return place !== undefined && first <= place && place <= last;
      });
      loops.push({ first, last, body });
    }
  }
  // The innermost loop of a block is the shortest, and has the last word.
  loops.sort((a, b) => b.last - b.first - (a.last - a.first));
  const found = new Map<number, number>();
  for (const { first, last, body } of loops) {
    const around = loops.filter((other) => other.first < first && other.last >= last).map((other) => heat(other.first));
    if (heat(first) < MANY_ROUNDS * Math.min(...around, around.length > 0 ? Infinity : called)) continue;
    const unsteady = unsteadyIn(body.flatMap(({ instructions }) => instructions));
    for (const { start } of body) found.set(start, unsteady);
  }
  return found;
}
