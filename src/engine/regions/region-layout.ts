/**
 * A region before its ways are written: its blocks, what is in locals where each begins, the loops they are in, and how
 * much of the budget they take.
 */
import { Control, Label, type Linker, type Statement } from "../ir/function.js";
import { BlockBuilder } from "./block-builder.js";
import { buildable } from "./buildable.js";
import type { BuiltBlock, RegionContext, Way } from "./built-block.js";
import type { Block, Discovered, Instruction, Pages } from "./discover.js";
import { type FlagState, STORED, sameFlags } from "./flag-state.js";
import { type BlockUse, flow } from "./flow.js";
import type { Run } from "./job.js";
import { pageOf, slotOf } from "./places.js";
import { bitsOf, difference, type RegisterSet } from "./registers.js";
import { blocksOf, type Loop, type Shape, structure } from "./structure.js";

/** What the compiler is told of the machine. */
export interface RegionSource extends RegionContext {
  readonly pages: Pages;
  /** Slot of the hot instruction in page 0. */
  readonly head: number;
  /** Heat from which a call's return is a way into the region. */
  readonly warm: number;
}

interface LoopLabels {
  readonly loop: Loop;
  /** In front of it, and at its top. */
  readonly start: Label;
  readonly again: Label;
  /** The number of the head to go to, if there are several. */
  readonly dispatch: number | undefined;
}

/** What a block was built of. */
interface BlockParts {
  readonly instructions: readonly Instruction[];
  readonly flags: FlagState;
  readonly unsteady: number | undefined;
}

/** Stores at all the ways out of a loop, at most, that are not made in each of its rounds. */
const MAX_DEFERRED = 100;

export class RegionLayout {
  protected readonly b: BlockBuilder;
  protected readonly blocks: BuiltBlock[] = [];
  private readonly parts: BlockParts[] = [];
  protected readonly indexOf = new Map<number, number>();
  protected readonly entries: number[];
  /** By entries, the blocks there as entered from outside, where blocks of the region know more of the flags. */
  private readonly afresh = new Map<number, number>();
  protected readonly dispatches: boolean;
  /** What is in locals at the beginning of each block. */
  protected readonly kept: RegisterSet[];
  protected readonly shapes: Shape[];
  /** Blocks that an entry leads to. */
  protected readonly reached: readonly number[];
  /** Labels in front of plain blocks; of loops, in front and at the top. */
  private readonly blockLabels: Label[];
  /** By the heads of each, from the outside in. */
  protected readonly loops = new Map<number, LoopLabels[]>();
  /** Instructions from a block's beginning to the next place at which the budget is looked at, at most. */
  private readonly lengths = new Map<number, number>();
  protected readonly which: number;
  /** The region's own number as a handler. */
  protected readonly self: number;
  /** In front of the ways in, for indirect branches that lead to one of them. */
  protected readonly again = new Label("loop");
  protected readonly nextSlot: number;
  /** Goes back to whom the region came from, with `nextSlot`, all being in the block. */
  protected readonly back = new Label("block");
  protected readonly pageSet = new Set<number>();
  protected readonly runs: Run[] = [];

  constructor(
    protected readonly source: RegionSource,
    private readonly discovered: Discovered,
    linker: Linker,
  ) {
    this.b = new BlockBuilder(linker, source);
    this.which = this.b.newLocal("i");
    this.self = this.b.newLocal("i");
    this.nextSlot = this.b.newLocal("i");
    this.build(discovered);
    this.dispatches = discovered.dispatches;
    this.entries = [source.head, ...discovered.entries.filter((at) => this.indexOf.has(at))];
    const entryBlocks = this.entries.map((at) => this.entryBlock(at));
    const uses = this.blocks.map((block): BlockUse => ({ touched: block.touched, ...this.successors(block) }));
    const graph = uses.map((u) => [...new Set([...u.successors, ...u.successorsAfresh, ...u.successorsSeldom])]);
    this.shapes = structure(graph, entryBlocks);
    this.reached = blocksOf(this.shapes);
    this.kept = flow(uses, this.shapes, entryBlocks);
    this.deferStores();
    this.blockLabels = this.blocks.map(() => new Label("block"));
    this.noteLoops(this.shapes);
  }

  /** Builds all blocks; one in which an instruction is left to the interpreter becomes two. */
  private build({ blocks, entries, returns }: Discovered): void {
    /** What leads to an instruction, by numbers of blocks. */
    const before = new Map<number, number[]>();
    const leadsOn = (i: number, { follows }: Block): void => {
      for (const at of follows) before.set(at, [...(before.get(at) ?? []), i]);
    };
    blocks.forEach((block, i) => {
      leadsOn(i, block);
    });
    type Work = Pick<Block, "start" | "instructions" | "unsteady">;
    const work: Work[] = [...blocks];
    const entered = [this.source.head, ...entries];
    const elsewhere = new Set([...entered, ...returns]);
    /** Where blocks leave the flags, if nothing is left to the interpreter behind them. */
    const flags: (FlagState | undefined)[] = [];
    const flagsFromBlocks = (start: number): FlagState => {
      const [first, ...rest] = (before.get(start) ?? []).map((from) => flags[from]);
      return first && rest.every((other) => other && sameFlags(first, other)) ? first : STORED;
    };
    const flagsBefore = (i: number): FlagState => {
      const { start } = work[i] as Work;
      return elsewhere.has(start) ? STORED : flagsFromBlocks(start);
    };
    /** Builds the block of `work[i]`; returns how many instructions it took. */
    const buildOne = (i: number): number => {
      const { start, instructions, unsteady } = work[i] as Work;
      const before = flagsBefore(i);
      const { block, taken } = this.b.buildBlock(start, instructions.map(buildable), before, unsteady);
      if (block.length === instructions.length) flags[i] = block.flags;
      this.blocks[i] = block;
      this.parts[i] = { instructions: instructions.slice(0, taken), flags: before, unsteady };
      return taken;
    };
    const starts = new Set(work.map(({ start }) => start));
    for (let i = 0; i < work.length; i++) {
      const { start, instructions, unsteady } = work[i] as Work;
      const taken = buildOne(i);
      this.indexOf.set(start, i);
      this.pageSet.add(pageOf(start));
      const first = slotOf(start);
      this.runs.push({ distance: pageOf(start), first, last: first + taken - 1 });
      const rest = instructions.slice(taken);
      const next = start + taken;
      if (rest.length > 0 && !starts.has(next)) {
        starts.add(next);
        work.push({ start: next, instructions: rest, unsteady });
      }
    }
    // Who comes from outside finds flags in the vCPU block only: has a block to itself where others know more.
    for (const at of entered) {
      const i = this.indexOf.get(at);
      const block = i === undefined ? undefined : blocks[i];
      if (i === undefined || block === undefined || !this.blocks[i]?.asksForFlags || returns.has(at)) continue;
      if (flagsFromBlocks(at) === STORED) continue;
      elsewhere.delete(at);
      const copy = this.blocks.length;
      this.afresh.set(at, copy);
      this.blocks.push(this.blocks[i] as BuiltBlock);
      this.parts.push(this.parts[i] as BlockParts);
      flags[copy] = flags[i];
      leadsOn(copy, block);
    }
    // Where a branch back leads to, what leaves the flags there was not known yet.
    work.forEach((_, i) => {
      if (this.blocks[i]?.asksForFlags && flagsBefore(i) !== STORED) buildOne(i);
    });
  }

  /**
   * Builds the blocks again that are a short loop by themselves and have all that they write in locals from the
   * beginning: they need not store it in each round.
   */
  private deferStores(): void {
    this.blocks.forEach(({ start, written, departures }, i) => {
      const { instructions, flags, unsteady } = this.parts[i] as BlockParts;
      if (unsteady === undefined || this.indexOf.get(start) !== i) return;
      if (!departures.some(({ way }) => way.kind === "to" && way.at === start)) return;
      const missing = difference(written, this.kept[i] as RegisterSet);
      if (missing.x !== 0 || missing.v !== 0) return;
      const stores = bitsOf(written.x).length + bitsOf(written.v).length + (written.flags ? 3 : 0);
      if (stores * departures.length > MAX_DEFERRED) return;
      const { block } = this.b.buildBlock(start, instructions.map(buildable), flags, unsteady, written);
      if (block.deferred) this.blocks[i] = block;
    });
  }

  /** The block that an entry leads to. */
  protected entryBlock(at: number): number {
    return this.afresh.get(at) ?? (this.indexOf.get(at) as number);
  }

  /** The block that begins at `at`, where control may stay in the region. */
  protected inside(at: number): number | undefined {
    return this.indexOf.get(at);
  }

  /** The instructions at which control may go on in the region with all that is in locals. */
  protected staysAt(way: Way): readonly number[] {
    if (way.kind === "to") return this.indexOf.has(way.at) ? [way.at] : [];
    return way.kind === "indirect" || way.kind === "call" ? way.expected.filter((at) => this.indexOf.has(at)) : [];
  }

  private successors({ start, departures }: BuiltBlock): Omit<BlockUse, "touched"> {
    const successors: number[] = [];
    const successorsAfresh: number[] = [];
    const successorsSeldom: number[] = [];
    for (const { way } of departures) {
      const expected = this.staysAt(way);
      for (const at of expected) successors.push(this.inside(at) as number);
      const behind = way.kind === "to" && expected.length === 0 ? this.behindCallOf(way.at, start) : undefined;
      if (behind !== undefined) successorsSeldom.push(this.inside(behind) as number);
      if (way.kind === "interpret" || way.kind === "call") {
        const target = this.goesOn(way.kind === "call" ? way.back - 1 : way.at);
        if (target !== undefined) (expected.length > 0 ? successorsSeldom : successorsAfresh).push(target);
      }
    }
    return { successors, successorsAfresh, successorsSeldom };
  }

  /** The block behind an instruction that something else carries out, if it is of the same page. */
  protected goesOn(at: number): number | undefined {
    return pageOf(at + 1) === pageOf(at) ? this.inside(at + 1) : undefined;
  }

  /** Callees.behindCallOf where the region goes on there. */
  protected behindCallOf(at: number, from: number): number | undefined {
    const behind = this.discovered.behindCallOf(at, from);
    return behind !== undefined && this.indexOf.has(behind) ? behind : undefined;
  }

  private noteLoops(shapes: readonly Shape[]): void {
    for (const shape of shapes) {
      if (typeof shape === "number") continue;
      const dispatch = shape.heads.length > 1 ? this.b.newLocal("i") : undefined;
      const labels = { loop: shape, start: new Label("block"), again: new Label("loop"), dispatch };
      for (const head of shape.heads) this.loops.set(head, [...(this.loops.get(head) ?? []), labels]);
      this.noteLoops(shape.body);
    }
  }

  // --- the budget ----------------------------------------------------------------------------------------------------

  /**
   * The budget is looked at where the region is entered and at each loop's head, and must do to the next such place on
   * the longest way; if it does not, the interpreter carries on. So it never ends in between.
   */
  protected longest(index: number): number {
    const known = this.lengths.get(index);
    if (known !== undefined) return known;
    const { length, departures } = this.blocks[index] as BuiltBlock;
    let rest = 0;
    for (const { way } of departures) {
      for (const at of this.staysAt(way)) {
        const target = this.inside(at) as number;
        if (!this.loops.has(target)) rest = Math.max(rest, this.longest(target));
      }
    }
    this.lengths.set(index, length + rest);
    return length + rest;
  }

  /** Runs `otherwise` if the budget does not do for what begins with a block, unless that looks itself. */
  protected unlessEnough(index: number, otherwise: () => void): void {
    const { b } = this;
    const needed = this.loops.has(index) ? 0 : this.longest(index);
    if (needed > 0) b.ifRare(b.local32(b.left).ltS(needed), otherwise);
  }

  // --- code in order -------------------------------------------------------------------------------------------------

  /** Shapes one behind the other; each can be reached from those before it. `first` comes before all. */
  protected sequence(shapes: readonly Shape[], first: Statement[]): Statement[] {
    const { b } = this;
    let code = first;
    for (const shape of shapes) {
      if (typeof shape === "number") {
        code = [Control.scope(this.blockLabels[shape] as Label, code), ...(this.blocks[shape] as BuiltBlock).body];
        continue;
      }
      const ofHead = this.loops.get(shape.heads[0] as number) as LoopLabels[];
      const { start, again, dispatch } = ofHead.find(({ loop }) => loop === shape) as LoopLabels;
      const labels = shape.heads.map((h) => this.labelInside(shape, h));
      const dispatcher = b.statements(() => this.dispatchToHead(dispatch, labels));
      const body = this.sequence(shape.body, dispatcher);
      code = [Control.scope(start, code), Control.scope(again, body)];
    }
    return code;
  }

  /** To the head of a loop whose number is in a local. Each round comes by here, and begins at the first mostly. */
  private dispatchToHead(dispatch: number | undefined, heads: readonly Label[]): void {
    const { b } = this;
    const [first, second] = heads as [Label, Label];
    if (dispatch === undefined) {
      b.br(first);
      return;
    }
    if (heads.length === 2) {
      b.brIf(second, b.local32(dispatch));
      b.br(first);
      return;
    }
    b.brIf(first, b.local32(dispatch).eqz());
    b.table(b.local32(dispatch), heads, first);
  }

  /** In front of a head of a loop, as seen from the beginning of its round: the head may be a loop's inside as well. */
  private labelInside(loop: Loop, head: number): Label {
    const loops = this.loops.get(head) as LoopLabels[];
    const inner = loops[loops.findIndex((l) => l.loop === loop) + 1];
    return inner?.start ?? (this.blockLabels[head] as Label);
  }

  /** From block `from` (−1: from outside) to the beginning of a block, everything being as that expects. */
  protected jumpTo(from: number, target: number): void {
    const { b } = this;
    const block = this.blocks[target] as BuiltBlock;
    if (block.deferred && from !== target) b.loadDeferred(block);
    const loops = this.loops.get(target) ?? [];
    const first = loops.findIndex(({ loop }) => !loop.blocks.includes(from) || loop.rounds.includes(target));
    if (first < 0) {
      b.br(this.blockLabels[target] as Label);
      return;
    }
    for (const { loop, dispatch } of loops.slice(first)) {
      if (dispatch !== undefined) b.writeLocal(dispatch, b.i32(loop.heads.indexOf(target)));
    }
    const { loop, start, again } = loops[first] as LoopLabels;
    b.br(loop.blocks.includes(from) ? again : start);
  }
}
