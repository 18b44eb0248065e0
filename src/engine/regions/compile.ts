/**
 * From a hot slot to a wasm function: the blocks are built one by one (block-builder.ts), then it is settled which
 * registers are in locals where (flow.ts) and which loops there are (structure.ts), then all is put together here.
 */

import type { Operand } from "../../isa/pattern.js";
import { type Form, fieldsOf } from "../../isa/pattern.js";
import { system } from "../../isa/table/system.js";
import { fetchEntry, slotOffset } from "../interpreter/fetch-entry.js";
import { BTYPE } from "../interpreter/landing.js";
import { RETURNED } from "../interpreter/protocol.js";
import {
  bailOut,
  callAddress,
  callOut,
  DROPPED,
  goOut,
  interpretWithin,
  jumpOut,
  lookOut,
  refuse,
  returnOut,
} from "../interpreter/ways-out.js";
import { emitFunction } from "../ir/emit.js";
import { Control, Label, type Linker, type Statement } from "../ir/function.js";
import type { I32, I64 } from "../ir/value.js";
import { BANK, CODE_PAGE, CPU, FETCH_ENTRY, PAGE_SIZE } from "../layout.js";
import type { FunctionBody } from "../wasm/encoder.js";
import { NOT_COMPILABLE } from "./access-builder.js";
import { BlockBuilder } from "./block-builder.js";
import type { BranchKind, Buildable, BuiltBlock, Departure, RegionContext, Way } from "./built-block.js";
import {
  type Block,
  type Discovered,
  discover,
  type Instruction,
  type PageCode,
  type Pages,
  readsFlags,
} from "./discover.js";
import { type FlagState, STORED, sameFlags } from "./flag-state.js";
import { type BlockUse, flow } from "./flow.js";
import type { Run } from "./job.js";
import { pageOf, slotOf } from "./places.js";
import { bitsOf, difference, NONE, type RegisterSet, union } from "./registers.js";
import { blocksOf, type Loop, type Shape, structure } from "./structure.js";

/** What the compiler is told of the machine. */
export interface RegionSource {
  readonly pages: Pages;
  /** Slot of the hot instruction in page 0. */
  readonly head: number;
  /** Heat from which a call's return is a way into the region. */
  readonly warm: number;
  readonly sysregEntry: RegionContext["sysregEntry"];
}

/** A slot by the distance of its virtual page from the hot slot's, and its number in it. */
export interface Place {
  readonly page: number;
  readonly slot: number;
}

const placeOf = (at: number): Place => ({ page: pageOf(at), slot: slotOf(at) });

export interface CompiledRegion {
  readonly body: FunctionBody;
  /** Where it can be entered, in the order of the entry numbers. */
  readonly entries: readonly Place[];
  /** Virtual pages, by distance, that it has code of. */
  readonly pages: readonly number[];
  readonly instructions: number;
  readonly runs: readonly Run[];
}

/** System instructions whose bodies a region can hold; every other one is the interpreter's. */
const PLAIN_SYSTEM = new Set([
  "HINT",
  "DSB",
  "DMB",
  "ISB",
  "SB",
  "CLREX",
  "SEVL",
  "MRS",
  "MSR_reg",
  "MSR_DAIF",
  "MSR_imm_DAIFSet",
  "MSR_imm_DAIFClr",
  "MSR_imm_SSBS",
  "MSR_imm_DIT",
  "DC_ZVA",
]);
const INTERPRETED = new Set(system.map((row) => row.name).filter((name) => !PLAIN_SYSTEM.has(name)));
const KINDS = new Map<string, BranchKind>([
  ["BL", "call"],
  ["BLR", "call"],
  ["BLRAA", "call"],
  ["BLRAAZ", "call"],
  ["RET", "return"],
  ["RETAA", "return"],
]);

/** X30, which calls leave the address behind them in. */
const LINK_REGISTER = 30;

const notCompilable = (): never => {
  throw NOT_COMPILABLE;
};

/** Fields by form, made once. */
const fieldsByForm = new Map<Form, Record<string, number | Operand>>();
function fieldsFor(form: Form): Record<string, number | Operand> {
  let fields = fieldsByForm.get(form);
  if (fields === undefined) {
    fields = fieldsOf(form);
    fieldsByForm.set(form, fields);
  }
  return fields;
}

function buildable({ word, form, isBreakpoint, inlined }: Instruction): Buildable {
  const { row } = form;
  return {
    word,
    inlined,
    fp: row.options.fp === true,
    kind: KINDS.get(row.name) ?? "branch",
    body: isBreakpoint || INTERPRETED.has(row.name) ? notCompilable : (b) => row.body(b, fieldsFor(form)),
  };
}

/** The region round `source.head`; undefined where nothing can be compiled. */
export function compileRegion(source: RegionSource, linker: Linker): CompiledRegion | undefined {
  const discovered = discover(source.pages, source.head, source.warm);
  const region = new Region(source, discovered, linker);
  return region.finish();
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

class Region {
  private readonly b: BlockBuilder;
  private readonly blocks: BuiltBlock[] = [];
  private readonly parts: BlockParts[] = [];
  private readonly indexOf = new Map<number, number>();
  private readonly entries: number[];
  /** The block at the head as entered from outside, where blocks of the region know more of the flags there. */
  private headAfresh: number | undefined;
  private readonly dispatches: boolean;
  /** What is in locals at the beginning of each block. */
  private readonly kept: RegisterSet[];
  private readonly shapes: Shape[];
  /** Blocks that an entry leads to. */
  private readonly reached: readonly number[];
  /** Labels in front of plain blocks; of loops, in front and at the top. */
  private readonly blockLabels: Label[];
  /** By the heads of each, from the outside in. */
  private readonly loops = new Map<number, LoopLabels[]>();
  /** Instructions from a block's beginning to the next place at which the budget is looked at, at most. */
  private readonly lengths = new Map<number, number>();
  private readonly which: number;
  /** The region's own number as a handler. */
  private readonly self: number;
  /** In front of the ways in, for indirect branches that lead to one of them. */
  private readonly again = new Label("loop");
  private readonly nextSlot: number;
  /** Goes back to whom the region came from, with `nextSlot`, all being in the block. */
  private readonly back = new Label("block");
  private readonly pageSet = new Set<number>();
  private readonly runs: Run[] = [];

  constructor(
    private readonly source: RegionSource,
    discovered: Discovered,
    linker: Linker,
  ) {
    this.b = new BlockBuilder(linker, { sysregEntry: source.sysregEntry });
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
    const { head } = this.source;
    const atHead = blocks.find(({ start }) => start === head);
    const asksAtHead = atHead?.instructions[0] !== undefined && readsFlags(atHead.instructions[0].form);
    // The block at the head a second time, for who comes from outside.
    const whole = asksAtHead ? [...blocks, atHead] : blocks;
    this.headAfresh = asksAtHead ? blocks.length : undefined;
    /** What leads to an instruction, by numbers of blocks. */
    const before = new Map<number, number[]>();
    whole.forEach(({ follows }, i) => {
      for (const at of follows) before.set(at, [...(before.get(at) ?? []), i]);
    });
    type Work = Pick<Block, "start" | "instructions" | "unsteady">;
    const work: Work[] = [...whole];
    const elsewhere = new Set([...entries, ...returns]);
    if (!asksAtHead) elsewhere.add(head);
    /** Where blocks leave the flags, if nothing is left to the interpreter behind them. */
    const flags: (FlagState | undefined)[] = [];
    const flagsBefore = (i: number): FlagState => {
      const { start } = work[i] as Work;
      const [first, ...rest] = (before.get(start) ?? []).map((from) => flags[from]);
      if (first === undefined || i === this.headAfresh || elsewhere.has(start)) return STORED;
      return rest.every((other) => other && sameFlags(first, other)) ? first : STORED;
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
      if (i !== this.headAfresh) this.indexOf.set(start, i);
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
    // Where a branch back leads to, what leaves the flags there was not known yet.
    this.blocks.forEach(({ asksForFlags }, i) => {
      if (asksForFlags && flagsBefore(i) !== STORED) buildOne(i);
    });
  }

  /**
   * Builds the blocks again that are a short loop by themselves and have all that they write in locals from the beginning:
   * they need not store it in each round.
   */
  private deferStores(): void {
    this.blocks.forEach(({ start, written, departures }, i) => {
      const { instructions, flags, unsteady } = this.parts[i] as BlockParts;
      if (unsteady === undefined || i === this.headAfresh) return;
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
  private entryBlock(at: number): number {
    return (at === this.source.head ? this.headAfresh : undefined) ?? (this.indexOf.get(at) as number);
  }

  /** The block that begins at `at`, where control may stay in the region. */
  private inside(at: number): number | undefined {
    return this.indexOf.get(at);
  }

  /** The instructions at which control may go on in the region with all that is in locals. */
  private staysAt(way: Way): readonly number[] {
    if (way.kind === "to") return this.indexOf.has(way.at) ? [way.at] : [];
    return way.kind === "indirect" || way.kind === "call" ? way.expected.filter((at) => this.indexOf.has(at)) : [];
  }

  private successors({ departures }: BuiltBlock): Omit<BlockUse, "touched"> {
    const successors: number[] = [];
    const successorsAfresh: number[] = [];
    const successorsSeldom: number[] = [];
    for (const { way } of departures) {
      const expected = this.staysAt(way);
      for (const at of expected) successors.push(this.inside(at) as number);
      if (way.kind === "interpret" || way.kind === "call") {
        const target = this.goesOn(way.kind === "call" ? way.back - 1 : way.at);
        if (target !== undefined) (expected.length > 0 ? successorsSeldom : successorsAfresh).push(target);
      }
    }
    return { successors, successorsAfresh, successorsSeldom };
  }

  /** The block behind an instruction that something else carries out, if it is of the same page. */
  private goesOn(at: number): number | undefined {
    return pageOf(at + 1) === pageOf(at) ? this.inside(at + 1) : undefined;
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

  finish(): CompiledRegion | undefined {
    const head = this.blocks[this.indexOf.get(this.source.head) ?? -1];
    const asks = this.source.pages(0)?.isBreakpoint(this.source.head);
    if (head === undefined || (head.length === 0 && asks !== true)) return undefined;
    const { b } = this;
    for (const i of this.reached) this.complete(this.blocks[i] as BuiltBlock, i);
    const code = this.sequence(this.shapes, this.entryCode());
    b.append(b.statements(() => this.writeStart()));
    b.append([Control.scope(this.back, this.dispatches ? [Control.scope(this.again, code)] : code)]);
    b.append(
      b.statements(() => {
        b.return(b.local32(this.nextSlot).and(~DROPPED));
      }),
    );
    return {
      body: emitFunction(b),
      entries: this.entries.map(placeOf),
      pages: [...this.pageSet],
      instructions: this.reached.reduce((n, i) => n + (this.blocks[i] as BuiltBlock).length, 0),
      runs: this.runs,
    };
  }

  // --- the budget --------------------------------------------------------------------------------------------------------

  /**
   * The budget is looked at where the region is entered and at each loop's head, and must do to the next such place on
   * the longest way; if it does not, the interpreter carries on. So it never ends in between.
   */
  private longest(index: number): number {
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
  private unlessEnough(index: number, otherwise: () => void): void {
    const { b } = this;
    const needed = this.loops.has(index) ? 0 : this.longest(index);
    if (needed > 0) b.ifRare(b.local32(b.left).ltS(needed), otherwise);
  }

  // --- the way in --------------------------------------------------------------------------------------------------------

  private writeStart(): void {
    const { b } = this;
    const slot = b.param(2) as I32;
    if (b.usesFp) b.ifRare(b.state32(CPU.fpTrap), () => b.returnCall(refuse, b.cpu, slot));
    b.writeLocal(b.left, b.state32AsStored(CPU.budget).add(1));
    b.writeLocal(b.bank, b.state32(CPU.bank));
    if (b.usesFp) b.refreshDoubt();
    if (this.entries.length === 1) return;
    const word = b.load("i32.load", slot);
    b.writeLocal(this.which, word.shrU(16));
    if (this.dispatches) b.writeLocal(this.self, word.and(0xffff));
  }

  /** Goes to the entry whose number is in the slot's second half. */
  private entryCode(): Statement[] {
    const { b } = this;
    const arms = this.entries.map((at) => {
      const target = this.entryBlock(at);
      return b.statements(() => {
        this.unlessEnough(target, () => b.returnCall(bailOut, b.cpu, b.local32(b.left), b.slotAddress(at)));
        b.loadRegisters(this.kept[target] as RegisterSet);
        this.jumpTo(-1, target);
      });
    });
    if (arms.length === 1) return arms[0] as Statement[];
    const labels = arms.map(() => new Label("block"));
    let code = b.statements(() => b.table(b.local32(this.which), labels, labels[0] as Label));
    arms.forEach((arm, i) => {
      code = [Control.scope(labels[i] as Label, code), ...arm];
    });
    return code;
  }

  // --- blocks ----------------------------------------------------------------------------------------------------------

  /** Shapes one behind the other; each can be reached from those before it. `first` comes before all. */
  private sequence(shapes: readonly Shape[], first: Statement[]): Statement[] {
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
      const dispatcher = b.statements(() => {
        if (dispatch === undefined) b.br(labels[0] as Label);
        else b.table(b.local32(dispatch), labels, labels[0] as Label);
      });
      const body = this.sequence(shape.body, dispatcher);
      code = [Control.scope(start, code), Control.scope(again, body)];
    }
    return code;
  }

  /** In front of a head of a loop, as seen from the beginning of its round: the head may be a loop's inside as well. */
  private labelInside(loop: Loop, head: number): Label {
    const loops = this.loops.get(head) as LoopLabels[];
    const inner = loops[loops.findIndex((l) => l.loop === loop) + 1];
    return inner?.start ?? (this.blockLabels[head] as Label);
  }

  /** From block `from` (−1: from outside) to the beginning of a block, everything being as that expects. */
  private jumpTo(from: number, target: number): void {
    const { b } = this;
    const { deferred, written } = this.blocks[target] as BuiltBlock;
    if (deferred && from !== target) b.loadDeferred(written);
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

  /** Fills in what was left open in a block. */
  private complete(block: BuiltBlock, index: number): void {
    const { b } = this;
    const start = this.kept[index] as RegisterSet;
    for (const { kind, n, code } of block.firstUses) {
      if ((start[kind] >>> n) & 1) continue;
      code.push(...b.statements(() => b.loadRegisters({ ...NONE, [kind]: 1 << n })));
    }
    for (const departure of block.departures) {
      const kept = union(start, departure.touched);
      departure.code.push(...b.statements(() => this.leave(block, index, departure, kept)));
    }
    block.body.unshift(
      ...b.statements(() => {
        if (this.loops.has(index)) {
          b.ifRare(b.local32(b.left).ltS(Math.max(this.longest(index), 1)), () => {
            if (block.deferred) b.storeDeferred(block.written);
            b.returnCall(bailOut, b.cpu, b.local32(b.left), b.slotAddress(block.start));
          });
        }
        if (block.length > 0) b.writeLocal(b.left, b.local32(b.left).sub(block.length));
      }),
    );
  }

  private leave(block: BuiltBlock, index: number, { way }: Departure, kept: RegisterSet): void {
    const { b } = this;
    const left = (): I32 => b.local32(b.left);
    const target = (): I64 => b.readLocal(b.target, "l") as I64;
    switch (way.kind) {
      case "bail":
        b.returnCall(bailOut, b.cpu, left().add(way.refund), b.slotAddress(way.at, way.cause));
        return;
      case "to":
        this.goTo(block, index, way.at, kept);
        return;
      case "indirect":
        this.goAsExpected(block, index, way, kept);
        if (way.returns) this.returnAsExpected(left(), target());
        else if (this.dispatches) this.dispatch(block, left(), target());
        if (way.returns) b.returnCall(returnOut, b.cpu, left(), target());
        else b.returnCall(jumpOut, b.cpu, left(), target(), way.type ?? b.i32(0));
        return;
      case "look":
        b.returnCall(lookOut, b.cpu, left().add(way.refund), this.addressOf(block, way.at));
        return;
      case "interpret":
        this.interpret(index, way.at);
        return;
      case "call":
        this.goAsExpected(block, index, way, kept);
        this.call(block, index, way.at, way.back);
    }
  }

  /** Goes on in the region where a branch leads to what it is expected to, and that is mapped there. */
  private goAsExpected(block: BuiltBlock, index: number, way: Way, kept: RegisterSet): void {
    const { b } = this;
    const isDirect = way.kind === "call" && way.at !== undefined;
    for (const at of this.staysAt(way)) {
      const go = (): void => this.goInside(block, index, at, kept);
      if (isDirect) go();
      else b.if((b.readLocal(b.target, "l") as I64).eq(this.addressOf(block, at)), go);
    }
  }

  /** A return to where the innermost call of a region expects it. */
  private returnAsExpected(left: I32, target: I64): void {
    const { b } = this;
    b.if(target.eq(b.state64(CPU.returnAddress)), () => {
      b.setState32(CPU.budget, left);
      b.setState64(CPU.pc, target);
      b.return(b.i32(RETURNED));
    });
  }

  /** An indirect branch: to a way in of this region, or else out of it. */
  private dispatch(block: BuiltBlock, left: I32, target: I64): void {
    if (this.entries.some((at) => pageOf(at) !== pageOf(block.start))) this.dispatchOverPages(target);
    else this.dispatchWithinPage(left, target);
  }

  /** To a way in of this region in any page that the fetch TLB knows. */
  private dispatchOverPages(target: I64): void {
    const { b } = this;
    // Of a misaligned address it is no page's.
    const va = b.variable(target.and(~BigInt(PAGE_SIZE - 4)));
    const entry = b.variable(fetchEntry(b.local32(b.bank), va.get()));
    const isKnown = (b.load("i64.load", entry.get(), BANK.fetch + FETCH_ENTRY.tag) as I64).eq(va.get());
    b.if(isKnown, () => {
      const page = b.variable(b.load("i32.load", entry.get(), BANK.fetch + FETCH_ENTRY.codePage) as I32);
      const word = b.variable(b.load("i32.load", page.get().add(slotOffset(target))) as I32);
      b.if(word.get().and(0xffff).eq(b.local32(this.self)), () => {
        this.enterPage(va.get(), page.get());
        this.dispatchTo(word.get());
      });
    });
  }

  /** The region begins anew, at the way in that a slot's first word says. */
  private dispatchTo(word: I32): void {
    const { b } = this;
    b.writeLocal(this.which, word.shrU(16));
    b.br(this.again);
  }

  /** Within the page: to a way in of this region or, as any branch within a page, to what is there. */
  private dispatchWithinPage(left: I32, target: I64): void {
    const { b } = this;
    const offset = target.sub(b.page());
    b.if(offset.and(~BigInt(PAGE_SIZE - 4)).eqz(), () => {
      const slot = b.variable(b.slotAddress(0).add(offset.wrap().shl(1)));
      const word = b.variable(b.load("i32.load", slot.get()));
      b.if(word.get().and(0xffff).eq(b.local32(this.self)), () => this.dispatchTo(word.get()));
      b.returnCall(goOut, b.cpu, left, slot.get());
    });
  }

  /** A call of instruction `at`, or of what is in `target`, that comes back to instruction `back`. */
  private call(block: BuiltBlock, index: number, at: number | undefined, back: number): void {
    const { b } = this;
    const left = b.local32(b.left);
    const inPage = at !== undefined && pageOf(at) === pageOf(block.start);
    const type = b.i32(at === undefined ? BTYPE.call : 0);
    const address = (): I64 => (at === undefined ? (b.readLocal(b.target, "l") as I64) : this.addressOf(block, at));
    const target = this.goesOn(back - 1);
    if (target === undefined) {
      if (inPage) b.returnCall(goOut, b.cpu, left, b.slotAddress(at));
      else b.returnCall(jumpOut, b.cpu, left, address(), type);
      return;
    }
    const link = b.readLocal(b.xLocal(LINK_REGISTER), "l") as I64;
    b.writeLocal(
      this.nextSlot,
      inPage
        ? b.call(callOut, b.cpu, left, link, b.slotAddress(at))
        : b.call(callAddress, b.cpu, left, link, address(), type),
    );
    b.ifRare(b.local32(this.nextSlot).ne(RETURNED), () => b.br(this.back));
    this.goOnAt(index, target, back);
  }

  /**
   * Has the interpreter carry out instruction `at`: goes on behind it in the region if that is where it leads to, and the
   * region is still there.
   */
  private interpret(index: number, at: number): void {
    const { b } = this;
    const target = this.goesOn(at);
    // Of this page: a slot as far into another one is none that is waited for.
    const expected = target === undefined ? undefined : b.variable(b.slotAddress(at + 1));
    b.writeLocal(this.nextSlot, b.call(interpretWithin, b.cpu, b.local32(b.left), b.slotAddress(at)));
    if (target === undefined || expected === undefined) {
      b.br(this.back);
      return;
    }
    b.brIf(this.back, b.local32(this.nextSlot).ne(expected.get()));
    this.goOnAt(index, target, at + 1);
  }

  /** From block `index` to the block at instruction `at`, of whose state everything is in the vCPU block. */
  private goOnAt(index: number, target: number, at: number): void {
    const { b } = this;
    b.writeLocal(b.left, b.state32AsStored(CPU.budget));
    this.unlessEnough(target, () => {
      b.writeLocal(this.nextSlot, b.slotAddress(at));
      b.br(this.back);
    });
    b.writeLocal(b.bank, b.state32(CPU.bank));
    if (b.usesFp) b.refreshDoubt();
    b.loadRegisters(this.kept[target] as RegisterSet);
    this.jumpTo(index, target);
  }

  /** To instruction `at`, in the region or not. */
  private goTo(block: BuiltBlock, index: number, at: number, kept: RegisterSet): void {
    const { b } = this;
    const crosses = pageOf(at) !== pageOf(block.start);
    if (this.indexOf.has(at)) {
      this.goInside(block, index, at, kept);
      if (!crosses) return;
    }
    if (crosses) b.returnCall(jumpOut, b.cpu, b.local32(b.left), this.addressOf(block, at), b.i32(0));
    else b.returnCall(goOut, b.cpu, b.local32(b.left), b.slotAddress(at));
  }

  /** To instruction `at` of the region. Does nothing if that is of another page, and the fetch TLB does not know it. */
  private goInside(block: BuiltBlock, index: number, at: number, kept: RegisterSet): void {
    const { b } = this;
    const target = this.inside(at) as number;
    const go = (): void => {
      b.loadRegisters(difference(this.kept[target] as RegisterSet, kept));
      this.jumpTo(index, target);
    };
    if (pageOf(at) === pageOf(block.start)) go();
    else this.crossPage(block, at, go);
  }

  /** The virtual address of an instruction, as seen from a block's page. */
  private addressOf(block: BuiltBlock, at: number): I64 {
    const { b } = this;
    return b.page().add((pageOf(at) - pageOf(block.start)) * PAGE_SIZE + slotOf(at) * 4);
  }

  /** Runs `go`, which does not come back, where the page of `at` is mapped to what its code was compiled from. */
  private crossPage(block: BuiltBlock, at: number, go: () => void): void {
    const { b } = this;
    const hash = (this.source.pages(pageOf(at)) as PageCode).hash;
    const va = b.variable(this.addressOf(block, pageOf(at) * (PAGE_SIZE / 4)));
    const entry = b.variable(fetchEntry(b.local32(b.bank), va.get()));
    const otherwise = new Label("block");
    const code = b.statements(() => {
      const tag = b.load("i64.load", entry.get(), BANK.fetch + FETCH_ENTRY.tag) as I64;
      b.ifRare(tag.ne(va.get()), () => b.br(otherwise));
      const page = b.variable(b.load("i32.load", entry.get(), BANK.fetch + FETCH_ENTRY.codePage) as I32);
      const is = b.load("i64.load", page.get(), CODE_PAGE.hash) as I64;
      b.ifRare(is.ne(b.i64(hash)), () => b.br(otherwise));
      this.enterPage(va.get(), page.get());
      go();
    });
    b.append([Control.scope(otherwise, code)]);
  }

  /** From here on instructions are of the page at `va`, whose code page is at `page`. */
  private enterPage(va: I64, page: I32): void {
    const { b } = this;
    b.setState32(CPU.slotBase, page);
    b.setState64(CPU.pcBias, va.sub(page.shrU(1).toI64U()));
  }
}
