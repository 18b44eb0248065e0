/**
 * From a hot slot to a wasm function: the blocks are built one by one (block-builder.ts), then it is settled which
 * registers are in locals where (flow.ts) and which loops there are (structure.ts; region-layout.ts), then all is put
 * together here, with the ways in, from block to block, and out.
 */
import { CpuView } from "../cpu-view.js";
import {
  enterPage,
  entryCode,
  entryPage,
  executedPage,
  fetchEntry,
  pageTag,
  slotOffset,
} from "../interpreter/fetch-entry.js";
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
  missOut,
  refuse,
  restOut,
  returnOut,
} from "../interpreter/ways-out.js";
import { emitFunction } from "../ir/emit.js";
import { Control, Label, type Linker, type Statement } from "../ir/function.js";
import type { I32, I64 } from "../ir/value.js";
import { CODE_PAGE, CPU, PAGE_SIZE } from "../layout.js";
import type { FunctionBody } from "../wasm/encoder.js";
import type { BuiltBlock, Departure, Way } from "./built-block.js";
import { discover, type PageCode } from "./discover.js";
import type { Run } from "./job.js";
import { pageOf, slotOf } from "./places.js";
import { RegionLayout, type RegionSource } from "./region-layout.js";
import { difference, NONE, type RegisterSet, union } from "./registers.js";

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
  /** Its code is for the mode that RegionContext.flushes says. */
  readonly seesFpMode: boolean;
  readonly runs: readonly Run[];
}

/** Instructions of a region of which the interpreter carries out the first one, at least. */
const WORTH_BEGINNING = 8;

/** The region round `source.head`; undefined where nothing can be compiled. */
export function compileRegion(source: RegionSource, linker: Linker): CompiledRegion | undefined {
  const discovered = discover(source.pages, source.head, source.warm);
  const region = new Region(source, discovered, linker);
  return region.finish();
}

class Region extends RegionLayout {
  private readonly state = new CpuView(this.b, this.b.cpu);
  /** The virtual address of the page at which it was entered. */
  private readonly entered = this.b.newLocal("l");
  /** Code pages of the pages that are gone over to, by their distance from home; 0 where it is to be looked up. */
  private readonly knownPages = new Map<number, number>();
  /** Where none of them is known any more. */
  private readonly forgetting: Statement[][] = [];

  finish(): CompiledRegion | undefined {
    const head = this.blocks[this.indexOf.get(this.source.head) ?? -1];
    const asks = this.source.pages(0)?.isBreakpoint(this.source.head);
    const instructions = this.reached.reduce((n, i) => n + (this.blocks[i] as BuiltBlock).length, 0);
    if (head === undefined || (head.length === 0 && asks !== true && instructions < WORTH_BEGINNING)) return undefined;
    const { b } = this;
    // Before the mode is looked at on the way in, which says nothing.
    const { seesFpMode } = b;
    for (const i of this.reached) this.complete(this.blocks[i] as BuiltBlock, i);
    const code = this.sequence(this.shapes, this.entryCode());
    for (const known of this.knownPages.values()) {
      for (const code of this.forgetting) code.push(...b.statements(() => b.writeLocal(known, b.i32(0))));
    }
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
      instructions,
      seesFpMode,
      runs: this.runs,
    };
  }

  // --- the way in ----------------------------------------------------------------------------------------------------

  private writeStart(): void {
    const { b } = this;
    const slot = b.param(2) as I32;
    if (b.usesFp) b.ifRare(b.state32(CPU.fpTrap), () => b.returnCall(refuse, b.cpu, slot));
    b.writeLocal(b.left, b.state32AsStored(CPU.budget).add(1));
    b.writeLocal(b.bank, b.state32(CPU.bank));
    if (b.usesHome) b.writeLocal(this.entered, executedPage(this.state));
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
        b.writeLocal(b.home, (b.readLocal(this.entered, "l") as I64).sub(pageOf(at) * PAGE_SIZE));
        this.forgetPages();
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

  // --- blocks --------------------------------------------------------------------------------------------------------

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
            if (block.deferred) b.storeAtHead(block);
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
      case "bail": {
        const [rest, slot] = [left().add(way.refund), b.slotAddress(way.at, way.cause)];
        const misses = way.cause === "memory" && !this.source.touches;
        if (misses) b.returnCall(missOut, b.cpu, rest, slot, b.param(2) as I32);
        else b.returnCall(bailOut, b.cpu, rest, slot);
        return;
      }
      case "to":
        this.goTo(block, index, way.at, kept);
        return;
      case "indirect":
        this.goAsExpected(block, index, way, kept);
        if (way.returns) this.returnAsExpected(left(), target(), way.expected);
        else if (this.dispatches) this.dispatch(block, left(), target());
        if (way.returns) b.returnCall(returnOut, b.cpu, left(), target());
        else b.returnCall(jumpOut, b.cpu, left(), target(), way.type ?? b.i32(0));
        return;
      case "look":
        b.returnCall(lookOut, b.cpu, left().add(way.refund), b.addressOf(way.at));
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
      else b.if((b.readLocal(b.target, "l") as I64).eq(b.addressOf(at)), go);
    }
  }

  /**
   * A return to where the innermost call of a region expects it; or, of a function in place of its call, to behind that
   * outside the region, which is no return of the region itself.
   */
  private returnAsExpected(left: I32, target: I64, behind: readonly number[]): void {
    const { b } = this;
    for (const at of behind) b.if(target.eq(b.addressOf(at)), () => this.goOutTo(at, false, left));
    b.if(target.eq(b.state64(CPU.returnAddress)), () => {
      b.setState32(CPU.budget, left);
      b.setState64(CPU.pc, target);
      b.return(b.i32(RETURNED));
    });
  }

  /** An indirect branch: to a way in of this region, or else out of it. */
  private dispatch(block: BuiltBlock, left: I32, target: I64): void {
    const { b } = this;
    if (this.entries.some((at) => pageOf(at) !== pageOf(block.start))) this.dispatchOverPages(target);
    else this.dispatchWithinPage(b.addressOf(block.start - slotOf(block.start)), left, target);
  }

  /** To a way in of this region in any page that the fetch TLB knows. */
  private dispatchOverPages(target: I64): void {
    const { b } = this;
    const va = b.variable(pageTag(target));
    const entry = b.variable(fetchEntry(b.local32(b.bank), va.get()));
    b.if(entryPage(b, entry.get()).eq(va.get()), () => {
      const page = b.variable(entryCode(b, entry.get()));
      const word = b.variable(b.load("i32.load", page.get().add(slotOffset(target))) as I32);
      b.if(word.get().and(0xffff).eq(b.local32(this.self)), () => {
        enterPage(this.state, va.get(), page.get());
        this.dispatchTo(va.get(), word.get());
      });
    });
  }

  /** The region begins anew in the page at `va`, at the way in that a slot's first word says. */
  private dispatchTo(va: I64, word: I32): void {
    const { b } = this;
    b.writeLocal(this.entered, va);
    b.writeLocal(this.which, word.shrU(16));
    b.br(this.again);
  }

  /** Within the page: to a way in of this region or, as any branch within a page, to what is there. */
  private dispatchWithinPage(page: I64, left: I32, target: I64): void {
    const { b } = this;
    const offset = target.sub(page);
    b.if(offset.and(~BigInt(PAGE_SIZE - 4)).eqz(), () => {
      const slot = b.variable(b.slotAddress(0).add(offset.wrap().shl(1)));
      const word = b.variable(b.load("i32.load", slot.get()));
      b.if(word.get().and(0xffff).eq(b.local32(this.self)), () => this.dispatchTo(page, word.get()));
      b.returnCall(goOut, b.cpu, left, slot.get());
    });
  }

  /** A call of instruction `at`, or of what is in `target`, that comes back to instruction `back`. */
  private call(block: BuiltBlock, index: number, at: number | undefined, back: number): void {
    const { b } = this;
    const left = b.local32(b.left);
    const inPage = at !== undefined && pageOf(at) === pageOf(block.start);
    const type = b.i32(at === undefined ? BTYPE.call : 0);
    const address = (): I64 => (at === undefined ? (b.readLocal(b.target, "l") as I64) : b.addressOf(at));
    const frame = b.frameSize();
    b.writeLocal(
      this.nextSlot,
      inPage
        ? b.call(callOut, b.cpu, left, frame, b.slotAddress(at))
        : b.call(callAddress, b.cpu, left, frame, address(), type),
    );
    // A call comes back as RETURNED only if no translation has changed meanwhile (forgetTranslations): the bank,
    // `home` and `knownPages` hold.
    b.ifRare(b.local32(this.nextSlot).ne(RETURNED), () => b.br(this.back));
    const target = this.goesOn(back - 1);
    if (target !== undefined) this.goOnAt(index, target, back);
    else this.goOutTo(back, pageOf(back) === pageOf(block.start), b.state32AsStored(CPU.budget));
  }

  /** To instruction `at` outside the region. A call is come back from to such a place too, or it would not nest. */
  private goOutTo(at: number, inPage: boolean, left: I32): void {
    const { b } = this;
    if (inPage) b.returnCall(goOut, b.cpu, left, b.slotAddress(at));
    else b.returnCall(jumpOut, b.cpu, left, b.addressOf(at), b.i32(0));
  }

  /**
   * Has the interpreter carry out instruction `at`: goes on behind it in the region if that is where it leads to, and
   * the region is still there.
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
    // The same page may be mapped elsewhere as well.
    b.writeLocal(b.home, executedPage(this.state).sub(pageOf(at) * PAGE_SIZE));
    this.forgetPages();
    b.writeLocal(b.bank, b.state32(CPU.bank));
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
    const behind = this.behindCallOf(at, block.start);
    if (behind !== undefined) this.callRest(block, index, at, behind);
    else this.goOutTo(at, !crosses, b.local32(b.left));
  }

  /** Calls what the region has not of a function from instruction `at` on, which returns to instruction `behind`. */
  private callRest(block: BuiltBlock, index: number, at: number, behind: number): void {
    const { b } = this;
    const slot = b.slotAddress(at);
    b.writeLocal(this.nextSlot, b.call(restOut, b.cpu, b.local32(b.left), b.frameSize(), slot, b.addressOf(behind)));
    b.ifRare(b.local32(this.nextSlot).ne(RETURNED), () => b.br(this.back));
    const goOn = (): void => this.goOnAt(index, this.inside(behind) as number, behind);
    if (pageOf(behind) === pageOf(block.start)) {
      goOn();
      return;
    }
    this.crossPage(behind, goOn);
    this.goOutTo(behind, false, b.state32AsStored(CPU.budget));
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
    else this.crossPage(at, go);
  }

  /** The interpreter carried something out, or the region was entered: pages may be mapped otherwise. */
  private forgetPages(): void {
    const code: Statement[] = [];
    this.b.append([Control.group(code)]);
    this.forgetting.push(code);
  }

  /** Runs `go`, which does not come back, where the page of `at` is mapped to what its code was compiled from. */
  private crossPage(at: number, go: () => void): void {
    const { b } = this;
    const distance = pageOf(at);
    const known = this.knownPages.get(distance) ?? b.newLocal("i");
    this.knownPages.set(distance, known);
    const otherwise = new Label("block");
    const code = b.statements(() => {
      const va = b.variable(b.addressOf(at - slotOf(at)));
      b.ifRare(b.local32(known).eqz(), () => this.findPage(distance, va.get(), known, otherwise));
      enterPage(this.state, va.get(), b.local32(known));
      go();
    });
    b.append([Control.scope(otherwise, code)]);
  }

  /** Has the code page of the virtual page at `va` in a local; goes to `otherwise` where that is not what it was. */
  private findPage(distance: number, va: I64, known: number, otherwise: Label): void {
    const { b } = this;
    const { hash } = this.source.pages(distance) as PageCode;
    const entry = b.variable(fetchEntry(b.local32(b.bank), va));
    b.ifRare(entryPage(b, entry.get()).ne(va), () => b.br(otherwise));
    const page = b.variable(entryCode(b, entry.get()));
    const is = b.load("i64.load", page.get(), CODE_PAGE.hash) as I64;
    b.ifRare(is.ne(b.i64(hash)), () => b.br(otherwise));
    b.writeLocal(known, page.get());
  }
}
