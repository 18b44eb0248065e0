/**
 * From a hot slot to a wasm function: the blocks are built one by one (block-builder.ts), then it is settled which
 * registers are in locals where (flow.ts) and which loops there are (structure.ts), then all is put together here.
 */

import type { Operand } from "../../isa/pattern.js";
import { type Form, fieldsOf } from "../../isa/pattern.js";
import { system } from "../../isa/table/system.js";
import { fetchEntry, heatSlot, jump } from "../interpreter/jump.js";
import { interpretOne } from "../interpreter/loop.js";
import { HANDLER } from "../interpreter/protocol.js";
import { emitFunction } from "../ir/emit.js";
import { Label, type Linker, type Statement } from "../ir/function.js";
import type { I32, I64 } from "../ir/value.js";
import { BANK, CPU, FETCH_ENTRY, GLOBAL, PAGE_SIZE, SLOT_SIZE } from "../layout.js";
import type { FunctionBody } from "../wasm/encoder.js";
import {
  BlockBuilder,
  type BranchKind,
  type BuiltBlock,
  type Departure,
  NOT_COMPILABLE,
  type RegionContext,
  type Way,
} from "./block-builder.js";
import { type Discovered, discover, type Instruction, type Pages, pageOf, slotOf } from "./discover.js";
import { type BlockUse, edge, flow } from "./flow.js";
import { bitsOf, EMPTY, isSubset, NONE, type RegisterSet, type RegisterState, sizeOf, union } from "./registers.js";
import { blocksOf, type Loop, type Shape, structure } from "./structure.js";

/** What the compiler is told of the machine. */
export interface RegionSource {
  readonly pages: Pages;
  /** Slot of the hot instruction in page 0. */
  readonly head: number;
  /** Whether a call's return should be a way into the region. */
  isEntry(place: Place): boolean;
  readonly sysregEntry: RegionContext["sysregEntry"];
  /** Handlers from this index on are regions. */
  readonly firstRegion: number;
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
/** Calls of regions by regions, one in the other: each takes some of the host's stack. */
const MAX_DEPTH = 40;
const INTERPRETED = new Set(system.map((row) => row.name).filter((name) => !PLAIN_SYSTEM.has(name)));
const KINDS = new Map<string, BranchKind>([
  ["BL", "call"],
  ["BLR", "call"],
  ["BLRAA", "call"],
  ["BLRAAZ", "call"],
  ["RET", "return"],
  ["RETAA", "return"],
]);

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

function buildable({ word, form }: Instruction): Parameters<BlockBuilder["buildBlock"]>[1][number] {
  const { row } = form;
  return {
    word,
    fp: row.options.fp === true,
    kind: KINDS.get(row.name) ?? "branch",
    body: INTERPRETED.has(row.name) ? notCompilable : (b) => row.body(b, fieldsFor(form)),
  };
}

/** The region round `source.head`; undefined where nothing can be compiled. */
export function compileRegion(source: RegionSource, linker: Linker): CompiledRegion | undefined {
  const discovered = discover(source.pages, source.head);
  const region = new Region(source, discovered, linker);
  return region.finish();
}

/** Where control goes when it leaves the region; each is one piece of code. */
type TailKind = "slot" | "bail" | "jump" | "return" | "raw" | "look";

/** A way out that stores some registers first. */
interface ExitClass {
  readonly tail: TailKind;
  readonly store: RegisterSet;
  readonly label: Label;
}

class Region {
  private readonly b: BlockBuilder;
  private readonly blocks: BuiltBlock[] = [];
  private readonly indexOf = new Map<number, number>();
  private readonly entries: number[];
  private readonly states: RegisterState[];
  private readonly shapes: Shape[];
  /** Blocks that an entry leads to. */
  private readonly reached: readonly number[];
  /** Labels in front of plain blocks; of loops, in front and at the top. */
  private readonly blockLabels: Label[];
  private readonly loops = new Map<number, { loop: Loop; start: Label; again: Label; dispatch: number | undefined }>();
  private readonly exits: ExitClass[] = [];
  private readonly tails = new Map<TailKind, Label>();
  private readonly which: number;
  private readonly entered: number;
  private readonly nextSlot: number;
  private readonly refund: number;
  private readonly drops: number;
  private readonly pageSet = new Set<number>();

  constructor(
    private readonly source: RegionSource,
    discovered: Discovered,
    linker: Linker,
  ) {
    this.b = new BlockBuilder(linker, { sysregEntry: source.sysregEntry, slotAddress: this.slotAddress });
    this.which = this.b.newLocal("i");
    this.entered = this.b.newLocal("i");
    this.nextSlot = this.b.newLocal("i");
    this.refund = this.b.newLocal("i");
    this.drops = this.b.newLocal("i");
    this.build(discovered);
    this.entries = [
      source.head,
      ...discovered.returns.filter((at) => at !== source.head && this.indexOf.has(at) && source.isEntry(placeOf(at))),
    ];
    const entryBlocks = this.entries.map((at) => this.indexOf.get(at) as number);
    const uses = this.blocks.map((block): BlockUse => ({ ...block.use, ...this.successors(block) }));
    const graph = uses.map((u) => [...new Set([...u.successors, ...u.successorsAfresh])]);
    this.shapes = structure(graph, entryBlocks);
    this.reached = blocksOf(this.shapes);
    this.states = flow(uses, this.shapes, entryBlocks);
    this.blockLabels = this.blocks.map(() => new Label("block"));
    this.noteLoops(this.shapes);
  }

  private readonly slotAddress = (at: number): number => {
    const page = this.source.pages(pageOf(at));
    if (page === undefined) throw new Error("a region names an instruction of an unknown page");
    return page.address + slotOf(at) * SLOT_SIZE;
  };

  /** Builds all blocks; one in which an instruction is left to the interpreter becomes two. */
  private build({ blocks }: Discovered): void {
    const work = blocks.map(({ start, instructions }) => ({ start, instructions }));
    const starts = new Set(work.map(({ start }) => start));
    for (let i = 0; i < work.length; i++) {
      const { start, instructions } = work[i] as (typeof work)[number];
      const { block, taken } = this.b.buildBlock(start, instructions.map(buildable));
      this.indexOf.set(start, this.blocks.length);
      this.blocks.push(block);
      this.pageSet.add(pageOf(start));
      const rest = instructions.slice(taken);
      const next = start + taken;
      if (rest.length > 0 && !starts.has(next)) {
        starts.add(next);
        work.push({ start: next, instructions: rest });
      }
    }
  }

  /** The block that begins at `at`, where control may stay in the region. */
  private inside(at: number): number | undefined {
    return this.indexOf.get(at);
  }

  private successors({ departures }: BuiltBlock): Pick<BlockUse, "successors" | "successorsAfresh"> {
    const successors: number[] = [];
    const successorsAfresh: number[] = [];
    for (const { way } of departures) {
      if (way.kind === "to") {
        const target = this.inside(way.at);
        if (target !== undefined) successors.push(target);
      } else if (way.kind === "interpret" || way.kind === "call") {
        const target = this.goesOn(way.kind === "call" ? way.back - 1 : way.at);
        if (target !== undefined) successorsAfresh.push(target);
      }
    }
    return { successors, successorsAfresh };
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
      for (const head of shape.heads) this.loops.set(head, labels);
      this.noteLoops(shape.body);
    }
  }

  finish(): CompiledRegion | undefined {
    const head = this.blocks[this.indexOf.get(this.source.head) ?? -1];
    if (head === undefined || head.length === 0) return undefined;
    const { b } = this;
    this.collectExits();
    for (const i of this.reached) this.complete(this.blocks[i] as BuiltBlock, i);
    let code = this.sequence(this.shapes, this.entryCode());
    for (const exit of this.exits) {
      code = [
        { kind: "scope", label: exit.label, body: code },
        ...b.statements(() => {
          b.storeRegisters(exit.store, bitsOf);
          b.br(this.tail(exit.tail));
        }),
      ];
    }
    for (const [kind, label] of this.tails) {
      code = [{ kind: "scope", label, body: code }, ...b.statements(() => this.writeTail(kind))];
    }
    b.append(b.statements(() => this.writeStart()));
    b.append(code);
    return {
      body: emitFunction(b),
      entries: this.entries.map(placeOf),
      pages: [...this.pageSet],
      instructions: this.reached.reduce((n, i) => n + (this.blocks[i] as BuiltBlock).length, 0),
    };
  }

  // --- exits -----------------------------------------------------------------------------------------------------------

  /** States in which control leaves the region, by the departures that do; and exits for all of them. */
  private collectExits(): void {
    const wanted: { tail: TailKind; state: RegisterState }[] = [];
    for (const i of this.reached) {
      const block = this.blocks[i] as BuiltBlock;
      const start = this.states[i] as RegisterState;
      if (block.length > 0) wanted.push({ tail: "bail", state: start });
      for (const departure of block.departures) {
        const state = this.stateAt(start, departure);
        for (const tail of this.tailsOf(block, departure)) wanted.push({ tail, state });
      }
    }
    // The largest first, so that smaller ones find one that will do.
    const sized = wanted.map((one) => ({ ...one, size: sizeOf(one.state.dirty) }));
    sized.sort((a, c) => c.size - a.size);
    for (const { tail, state } of sized) this.exitFor(tail, state);
  }

  private tailsOf(block: BuiltBlock, { way }: Departure): TailKind[] {
    switch (way.kind) {
      case "to":
        if (this.inside(way.at) === undefined) {
          return [pageOf(way.at) === pageOf(block.start) ? "slot" : "jump"];
        }
        return pageOf(way.at) === pageOf(block.start) ? [] : ["jump"];
      case "indirect":
        return [way.returns ? "return" : "jump"];
      case "bail":
        return ["bail"];
      case "look":
        return ["look"];
      case "interpret":
      case "call":
        return [];
    }
  }

  private stateAt(start: RegisterState, { touched, written }: Departure): RegisterState {
    return { kept: union(start.kept, touched), dirty: union(start.dirty, written) };
  }

  /** An exit that stores at least what is dirty, and nothing that is not in its local. */
  private exitFor(tail: TailKind, { kept, dirty }: RegisterState): Label {
    const known = this.exits.find((e) => e.tail === tail && isSubset(dirty, e.store) && isSubset(e.store, kept));
    if (known) return known.label;
    const label = new Label("block");
    this.exits.push({ tail, store: dirty, label });
    return label;
  }

  private tail(kind: TailKind): Label {
    let label = this.tails.get(kind);
    if (label === undefined) {
      label = new Label("block");
      this.tails.set(kind, label);
    }
    return label;
  }

  private writeTail(kind: TailKind): void {
    const { b } = this;
    const left = (): I32 => b.local32(b.left);
    const next = (): I32 => b.local32(this.nextSlot);
    switch (kind) {
      case "bail": {
        const budget = b.variable(left().add(b.local32(this.refund)));
        this.count(budget.get());
        b.if(budget.get().leS(0), () => {
          b.setState32(CPU.budget, budget.get());
          b.return(next());
        });
        b.setState32(CPU.budget, budget.get().sub(1));
        b.return(b.call(interpretOne, b.cpu, next()));
        return;
      }
      case "look": {
        const budget = left().add(b.local32(this.refund));
        b.setState32(CPU.budget, budget);
        this.count(budget);
        b.return(b.i32(0));
        return;
      }
      case "slot":
        this.heat(next());
        this.chain(next());
        return;
      case "raw":
        this.settle();
        b.return(next());
        return;
      case "return":
        // Back to the region that called, or to the interpreter's loop.
        this.settle();
        b.return(b.call(jump, b.cpu, b.readLocal(b.target, "l") as I64, b.i32(0)));
        return;
      case "jump": {
        const slot = b.variable(b.call(jump, b.cpu, b.readLocal(b.target, "l") as I64, b.i32(1)));
        b.if(slot.get().eqz(), () => {
          this.settle();
          b.return(slot.get());
        });
        this.chain(slot.get());
      }
    }
  }

  /** A slot that is still interpreted gets hotter. */
  private heat(slot: I32): void {
    const { b } = this;
    const handler = b.load("i32.load16_u", slot) as I32;
    b.if(handler.ltU(this.source.firstRegion), () => b.call(heatSlot, b.cpu, slot));
  }

  /** Goes on at a slot, whatever handler it has, in place of this region. */
  private chain(slot: I32): void {
    const { b } = this;
    const left = (): I32 => b.local32(b.left);
    b.ifRare(left().leS(0), () => {
      this.settle();
      b.return(slot);
    });
    this.count(left());
    b.setState32(CPU.budget, left().sub(1));
    const word = b.load("i32.load", slot, 4) as I32;
    b.returnCallIndirect(HANDLER, b.load("i32.load16_u", slot) as I32, b.cpu, word, slot);
  }

  private settle(): void {
    const { b } = this;
    b.setState32(CPU.budget, b.local32(b.left));
    this.count(b.local32(b.left));
  }

  /** For --stats: what the budget was at entry less what it is now. */
  private count(left: I32): void {
    const { b } = this;
    const done = b.local32(this.entered).sub(left).toI64S();
    b.setState64(CPU.statCompiled, b.state64(CPU.statCompiled).add(done));
  }

  // --- the way in --------------------------------------------------------------------------------------------------------

  private writeStart(): void {
    const { b } = this;
    const slot = b.param(2) as I32;
    if (b.usesFp) b.ifRare(b.state32(CPU.fpTrap), () => b.return(b.call(interpretOne, b.cpu, slot)));
    const budget = b.variable(b.state32AsStored(CPU.budget).add(1));
    b.writeLocal(b.left, budget.get());
    b.writeLocal(this.entered, budget.get());
    b.writeLocal(b.bank, b.state32(CPU.bank));
    if (b.usesFp) b.refreshDoubt();
    b.writeLocal(this.drops, this.dropCount());
    if (this.entries.length > 1) b.writeLocal(this.which, b.load("i32.load16_u", slot, 2));
  }

  /** Goes to the entry whose number is in the slot's second half. */
  private entryCode(): Statement[] {
    const { b } = this;
    const arms = this.entries.map((at) => {
      const target = this.indexOf.get(at) as number;
      return b.statements(() => {
        b.loadRegisters((this.states[target] as RegisterState).kept, bitsOf);
        this.jumpTo(-1, target);
      });
    });
    if (arms.length === 1) return arms[0] as Statement[];
    const labels = arms.map(() => new Label("block"));
    let code = b.statements(() => b.table(b.local32(this.which), labels, labels[0] as Label));
    arms.forEach((arm, i) => {
      code = [{ kind: "scope", label: labels[i] as Label, body: code }, ...arm];
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
        code = [
          { kind: "scope", label: this.blockLabels[shape] as Label, body: code },
          ...(this.blocks[shape] as BuiltBlock).body,
        ];
        continue;
      }
      const { start, again, dispatch } = this.loops.get(shape.heads[0] as number) as NonNullable<
        ReturnType<typeof this.loops.get>
      >;
      const labels = shape.heads.map((h) => this.blockLabels[h] as Label);
      const dispatcher = b.statements(() => {
        if (dispatch === undefined) b.br(labels[0] as Label);
        else b.table(b.local32(dispatch), labels, labels[0] as Label);
      });
      const body = this.sequence(shape.body, dispatcher);
      code = [
        { kind: "scope", label: start, body: code },
        { kind: "scope", label: again, body },
      ];
    }
    return code;
  }

  /** From block `from` (−1: from outside) to the beginning of a block, everything being as that expects. */
  private jumpTo(from: number, target: number): void {
    const { b } = this;
    const loop = this.loops.get(target);
    if (loop === undefined) {
      b.br(this.blockLabels[target] as Label);
      return;
    }
    if (loop.dispatch !== undefined) b.writeLocal(loop.dispatch, b.i32(loop.loop.heads.indexOf(target)));
    b.br(loop.loop.blocks.includes(from) ? loop.again : loop.start);
  }

  /** Fills in what was left open in a block. */
  private complete(block: BuiltBlock, index: number): void {
    const { b } = this;
    const start = this.states[index] as RegisterState;
    for (const { kind, n, code } of block.firstUses) {
      const mask = kind === "x" ? start.kept.x : start.kept.v;
      if (kind === "flags" ? start.kept.flags : (mask >>> n) & 1) continue;
      const bit = 1 << n;
      const set = kind === "x" ? { ...NONE, x: bit } : kind === "v" ? { ...NONE, v: bit } : { ...NONE, flags: true };
      code.push(...b.statements(() => b.loadRegisters(set, bitsOf)));
    }
    for (const departure of block.departures) {
      const state = this.stateAt(start, departure);
      departure.code.push(...b.statements(() => this.leave(block, index, departure, state)));
    }
    if (block.length === 0) return;
    block.body.unshift(
      ...b.statements(() => {
        const n = b.i32(block.length);
        b.ifRare(b.local32(b.left).ltS(n), () => {
          b.writeLocal(this.nextSlot, b.slotConstant(block.start));
          b.writeLocal(this.refund, b.i32(0));
          b.br(this.exitFor("bail", start));
        });
        b.writeLocal(b.left, b.local32(b.left).sub(n));
      }),
    );
  }

  private leave(block: BuiltBlock, index: number, { way }: Departure, state: RegisterState): void {
    const { b } = this;
    switch (way.kind) {
      case "to": {
        const target = this.inside(way.at);
        const crosses = pageOf(way.at) !== pageOf(block.start);
        if (target === undefined && !crosses) {
          b.writeLocal(this.nextSlot, b.slotConstant(way.at));
          b.br(this.exitFor("slot", state));
        } else if (target === undefined) {
          b.writeLocal(b.target, this.addressOf(block, way.at));
          b.br(this.exitFor("jump", state));
        } else {
          if (crosses) this.crossPage(block, way.at, state);
          this.reconcile(state, this.states[target] as RegisterState);
          this.jumpTo(index, target);
        }
        return;
      }
      case "indirect":
        b.br(this.exitFor(way.returns ? "return" : "jump", state));
        return;
      case "call":
        this.call(block, index, way, state);
        return;
      case "bail":
        b.writeLocal(this.nextSlot, b.slotConstant(way.at));
        b.writeLocal(this.refund, b.i32(way.refund));
        b.br(this.exitFor("bail", state));
        return;
      case "look":
        b.setState64(CPU.pc, this.addressOf(block, way.at));
        b.writeLocal(this.refund, b.i32(way.refund));
        b.br(this.exitFor("look", state));
        return;
      case "interpret":
        this.interpret(index, way.at, state);
    }
  }

  private reconcile(from: RegisterState, to: RegisterState): void {
    const { store, load } = edge(from, to);
    this.b.storeRegisters(store, bitsOf);
    this.b.loadRegisters(load, bitsOf);
  }

  /** The virtual address of an instruction, as seen from a block's page. */
  private addressOf(block: BuiltBlock, at: number): I64 {
    const { b } = this;
    const base = pageOf(block.start) * (PAGE_SIZE / 4);
    return b.state64(CPU.pcBias).add(this.slotAddress(base) / 2 + (at - base) * 4);
  }

  /** The page of `at` must be mapped to where its code was compiled from; if the fetch TLB does not say so, leaves. */
  private crossPage(block: BuiltBlock, at: number, state: RegisterState): void {
    const { b } = this;
    const code = this.slotAddress(pageOf(at) * (PAGE_SIZE / 4));
    const va = b.variable(this.addressOf(block, pageOf(at) * (PAGE_SIZE / 4)));
    const entry = fetchEntry(b.local32(b.bank), va.get());
    const sameTag = (b.load("i64.load", entry, BANK.fetch + FETCH_ENTRY.tag) as I64).eq(va.get());
    const sameCode = (b.load("i32.load", entry, BANK.fetch + FETCH_ENTRY.codePage) as I32).eq(code);
    b.ifRare(sameTag.and(sameCode).eqz(), () => {
      b.writeLocal(b.target, va.get().add(slotOf(at) * 4));
      b.br(this.exitFor("jump", state));
    });
    b.setState32(CPU.slotBase, b.i32(code));
    b.setState64(CPU.pcBias, va.get().sub(code / 2));
  }

  /** The interpreter carries out one instruction. */
  private interpret(index: number, at: number, state: RegisterState): void {
    const { b } = this;
    b.storeRegisters(state.dirty, bitsOf);
    b.ifRare(b.local32(b.left).leS(0), () => {
      b.writeLocal(this.nextSlot, b.slotConstant(at));
      b.br(this.tail("raw"));
    });
    this.outside(() => b.call(interpretOne, b.cpu, b.slotConstant(at)));
    this.comeBack(index, at + 1);
  }

  /**
   * A call: of another region as a call of its function, so that it comes back here; else as a branch, and the return
   * finds its way in through an entry.
   */
  private call(
    block: BuiltBlock,
    index: number,
    { at, back }: Extract<Way, { kind: "call" }>,
    state: RegisterState,
  ): void {
    const { b } = this;
    b.storeRegisters(state.dirty, bitsOf);
    if (at !== undefined && pageOf(at) === pageOf(block.start)) {
      b.writeLocal(this.nextSlot, b.slotConstant(at));
      this.heat(b.local32(this.nextSlot));
    } else {
      if (at !== undefined) b.writeLocal(b.target, this.addressOf(block, at));
      b.writeLocal(this.nextSlot, b.call(jump, b.cpu, b.readLocal(b.target, "l") as I64, b.i32(1)));
      b.brIf(this.tail("raw"), b.local32(this.nextSlot).eqz());
    }
    const handler = b.load("i32.load16_u", b.local32(this.nextSlot)) as I32;
    const depth = b.state32(CPU.depth);
    const plain = handler.ltU(this.source.firstRegion).or(depth.geU(MAX_DEPTH)).or(b.local32(b.left).leS(0));
    b.brIf(this.tail("raw"), plain);
    b.setState32(CPU.depth, depth.add(1));
    const word = b.load("i32.load", b.local32(this.nextSlot), 4) as I32;
    this.outside(() => b.callIndirect(HANDLER, handler, b.cpu, word, b.local32(this.nextSlot)));
    b.setState32(CPU.depth, depth);
    this.comeBack(index, back);
  }

  /** Something else runs, with one instruction of the budget taken for it, and says at which slot to go on. */
  private outside(run: () => I32): void {
    const { b } = this;
    b.setState32(CPU.budget, b.local32(b.left).sub(1));
    // What this region has done so far, while the budget is not its own.
    b.writeLocal(this.entered, b.local32(this.entered).sub(b.local32(b.left)));
    b.writeLocal(this.nextSlot, run());
    b.writeLocal(b.left, b.state32AsStored(CPU.budget));
    b.writeLocal(this.entered, b.local32(this.entered).add(b.local32(b.left)));
  }

  /** Goes on in the region if that is at instruction `at`, and the region is still there. */
  private comeBack(index: number, at: number): void {
    const { b } = this;
    const target = this.goesOn(at - 1);
    if (target === undefined) {
      b.br(this.tail("raw"));
      return;
    }
    const elsewhere = b.local32(this.nextSlot).ne(b.slotConstant(at));
    b.brIf(this.tail("raw"), elsewhere.or(this.dropCount().ne(b.local32(this.drops))));
    b.writeLocal(b.bank, b.state32(CPU.bank));
    if (b.usesFp) b.refreshDoubt();
    this.reconcile(EMPTY, this.states[target] as RegisterState);
    this.jumpTo(index, target);
  }

  private dropCount(): I32 {
    return this.b.load("i32.load", this.b.i32(0), GLOBAL.drops) as I32;
  }
}
