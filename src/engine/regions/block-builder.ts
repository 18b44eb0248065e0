/**
 * The Builder of compiled regions, a block at a time: operand fields are constants, guest registers and flags are wasm
 * locals, and whatever the inline paths cannot do goes back to the interpreter just before the instruction (`bail`).
 * What depends on the region as a whole (which registers are in locals already, where branches lead) is left open as
 * placeholders, and filled in by compile.ts.
 */
import { BAIL, type BailCause } from "../bails.js";
import type { SysregEntry } from "../builder.js";
import { isLanding } from "../interpreter/landing.js";
import { Control, type Statement } from "../ir/function.js";
import type { I32, I64, Value } from "../ir/value.js";
import { CPU, SLOT_SIZE } from "../layout.js";
import { NOT_COMPILABLE } from "./access-builder.js";
import type { BranchKind, Buildable, BuiltBlock, Departure, Way, Written } from "./built-block.js";
import { FlagBuilder } from "./flag-builder.js";
import type { FlagState } from "./flag-state.js";
import { pageOf, slotOf } from "./places.js";
import { NO_SCALARS, type Scalars } from "./register-builder.js";
import { bitsOf, NONE, type RegisterSet, union } from "./registers.js";
import { type RoundFlags, RoundWrites } from "./round-flags.js";

export class BlockBuilder extends FlagBuilder {
  /** Where an indirect branch goes. */
  readonly target = this.newLocal("l");
  private position = 0;
  private kind: BranchKind = "branch";
  private inlined: readonly number[] = [];
  /** What was done when the current instruction began. */
  private snapshot: RegisterSet = NONE;
  private departures: Departure[] = [];
  /** Patches of constants that depend on the block's length. */
  private pending: ((length: number) => void)[] = [];
  private ended = false;
  /** The block may not put its stores off. */
  private undeferrable = false;
  private start = 0;
  private written = NONE;
  /**
   * Of a block that puts its stores off: how often it leads back to itself, and with what flags, if that may be said.
   */
  private rounds = 0;
  private roundFlags: RoundFlags | undefined;
  /** Its stores, which are made once that is known, and its length. */
  private deferredStores: ((length: number, round: RoundFlags | undefined) => void)[] = [];
  /** Registers as a round found them. */
  private readonly foundLocals = new Map<number, number>();

  protected get touches(): boolean {
    return this.context.touches;
  }
  get flushes(): boolean {
    this.seesFpMode = true;
    return this.context.flushes;
  }

  // --- blocks --------------------------------------------------------------------------------------------------------

  /**
   * Builds the block of `instructions`. Returns it, and how many instructions it took: fewer than there are when one
   * is left to the interpreter, which then ends the block. With `deferred`, all that it writes, it stores these where
   * it is left only; BuiltBlock.deferred says whether it could.
   */
  buildBlock(
    start: number,
    instructions: readonly Buildable[],
    flags: FlagState,
    unsteady: number | undefined,
    deferred?: Written,
  ): { block: BuiltBlock; taken: number } {
    this.beginAccesses(unsteady);
    this.beginRegisters();
    this.start = start;
    this.deferred = deferred;
    this.roundWrites = deferred && new RoundWrites();
    this.lastSource = this.roundFlags = undefined;
    this.rounds = 0;
    this.deferredStores = [];
    this.undeferrable = false;
    this.written = NONE;
    this.flagsWritten = undefined;
    this.seesFlagCells = false;
    this.touchedX = this.touchedV = this.pendingX = this.pendingV = 0;
    this.spAligned = this.pendingFlags = this.flagsSettled = false;
    this.asksForFlags = false;
    this.flagState = flags;
    this.departures = [];
    this.firstUses = [];
    this.pending = [];
    this.scalars = NO_SCALARS;
    this.ended = false;
    let length = 0;
    let taken = 0;
    const body = this.nest(() => {
      for (const instruction of instructions) {
        taken++;
        const done = this.instruction(start + length, length, instruction);
        if (!done) {
          this.flush();
          this.depart({ kind: "interpret", at: start + length }, this.touched());
          this.ended = true;
          break;
        }
        length++;
        if (this.ended) break;
      }
      if (!this.ended) {
        this.flush();
        this.depart({ kind: "to", at: start + length }, this.touched());
      }
    });
    for (const patch of this.pending) patch(length);
    const roundFlags = deferred && this.finishDeferred(deferred, length, body);
    const { departures, firstUses, flagState, asksForFlags } = this;
    const written: Written = { ...this.written, flags: this.seesFlagCells ? false : this.flagsWritten };
    const touched = this.touched();
    const isDeferred = deferred !== undefined && !this.undeferrable;
    this.deferred = this.roundWrites = undefined;
    return {
      block: {
        start,
        body,
        length,
        departures,
        firstUses,
        touched,
        flags: flagState,
        asksForFlags,
        written,
        deferred: isDeferred,
        roundFlags,
      },
      taken,
    };
  }

  private instruction(at: number, position: number, { word, fp, kind, inlined, body }: Buildable): boolean {
    this.word = word;
    this.at = at;
    this.position = position;
    this.kind = kind;
    this.inlined = inlined;
    this.snapshot = this.touched();
    this.scalarsBefore = this.scalars;
    this.flagStateBefore = this.flagState;
    this.ownX = this.ownV = 0;
    this.ownFlags = false;
    this.lastRead = undefined;
    const { touchedX, touchedV, pendingX, pendingV, pendingFlags } = this;
    const { spAligned, scalars, flagState, flagsSettled } = this;
    const counts = [this.departures.length, this.firstUses.length, this.pending.length] as const;
    const before: Statement[] = [];
    this.before = before;
    const front: Statement[] = [];
    this.front = front;
    try {
      const code = this.nest(() => {
        this.top = this.current;
        body(this);
      });
      this.current.push(Control.group(front), Control.group(before), ...code);
      this.forget();
      this.pendingX |= this.ownX;
      this.pendingV |= this.ownV;
      this.written = union(this.written, { x: this.ownX, v: this.ownV });
      this.pendingFlags ||= this.ownFlags;
      this.ownX = this.ownV = 0;
      this.ownFlags = false;
      this.usesFp ||= fp;
      return true;
    } catch (error) {
      if (error !== NOT_COMPILABLE) throw error;
      this.touchedX = touchedX;
      this.touchedV = touchedV;
      this.pendingX = pendingX;
      this.pendingV = pendingV;
      this.pendingFlags = pendingFlags;
      this.ownX = this.ownV = 0;
      this.ownFlags = false;
      this.spAligned = spAligned;
      this.flagState = flagState;
      this.flagsSettled = flagsSettled;
      this.scalars = scalars;
      this.departures.length = counts[0];
      this.firstUses.length = counts[1];
      this.pending.length = counts[2];
      return false;
    }
  }

  private touched(): RegisterSet {
    return { x: this.touchedX, v: this.touchedV };
  }

  /** Leaves the block from here; by default as it was before the current instruction. */
  private depart(way: Way, touched = this.snapshot): void {
    // Blocks of the region go on with vectors; everything else finds registers in the vCPU block.
    const mayStay = way.kind === "to" || ("expected" in way && way.expected.length > 0);
    if (mayStay) for (const n of this.scalars.stale) this.refresh(n);
    const code = this.placeholder();
    if (this.deferred !== undefined) {
      // Behind a call, and where the interpreter carries something out, registers are those of the block.
      if (way.kind !== "bail" && way.kind !== "to") this.undeferrable = true;
      if (way.kind === "to" && way.at === this.start) this.endRound();
      else this.deferStores(this.deferred, code);
    }
    this.departures.push({ way, touched, code });
  }

  /** Of a block that puts that off, notes that all that it writes is stored at `code`, as it stands here. */
  private deferStores({ x, v, flags }: Written, code: Statement[]): void {
    const { scalars } = this;
    const own = this.flagsWritten === undefined ? undefined : this.flagState;
    this.deferredStores.push((length, round) => {
      const store = (): void => {
        this.storeRegisters(x, v, scalars);
        if (!flags) return;
        if (own) this.storeFlags(own);
        else this.storeLastFlags(flags, round, length, (n) => this.found(n, x));
      };
      code.push(...this.nest(store));
    });
  }

  /** A round of a block that puts its stores off ends. */
  private endRound(): void {
    this.rounds++;
    const { lastSource, flagState } = this;
    if (lastSource === undefined || this.flagsWritten === undefined) return;
    if (flagState.kind !== "source" || flagState.otherwise !== undefined) return;
    this.roundFlags = this.roundWrites?.flags(this, lastSource);
  }

  /** Makes the stores that were put off. Returns BuiltBlock.roundFlags. */
  private finishDeferred({ x }: Written, length: number, body: Statement[]): RoundFlags | undefined {
    const round = this.rounds === 1 ? this.roundFlags : undefined;
    for (const store of this.deferredStores) store(length, round);
    if (round) body.unshift(...this.nest(() => this.noteFound(round.registers & x)));
    return round;
  }

  /** A register as a round found it, of a block that writes `written`. */
  private found(n: number, written: number): I64 {
    return this.readLocal((written >>> n) & 1 ? this.foundLocal(n) : this.xLocal(n), "l") as I64;
  }

  private foundLocal(n: number): number {
    const local = this.foundLocals.get(n) ?? this.newLocal("l");
    this.foundLocals.set(n, local);
    return local;
  }

  private noteFound(registers: number): void {
    for (const n of bitsOf(registers)) this.writeLocal(this.foundLocal(n), this.readLocal(this.xLocal(n), "l"));
  }

  /** Stores what a block puts off, where the budget does not do for another round. */
  storeAtHead({ written: { x, v, flags }, roundFlags }: BuiltBlock): void {
    this.storeRegisters(x, v);
    if (flags) this.storeLastFlags(flags, roundFlags, 0, (n) => this.readLocal(this.xLocal(n), "l") as I64);
  }

  /** Stores registers that were written, unless the block puts that off. */
  private storeWritten(x: number, v: number, scalars: Scalars): void {
    if (this.deferred === undefined) this.storeRegisters(x, v, scalars);
  }

  /** The same with what this instruction has done. */
  private departAfter(way: Way): void {
    if (this.certain) this.flush();
    else {
      this.flushBefore();
      this.storeWritten(this.ownX, this.ownV, this.scalars);
      if (this.ownFlags) this.storeSetFlags(this.flagState);
    }
    this.depart(way, this.touched());
  }

  private flush(): void {
    this.storeWritten(this.pendingX | this.ownX, this.pendingV | this.ownV, this.scalars);
    this.pendingX = this.pendingV = this.ownX = this.ownV = 0;
    if (this.pendingFlags || this.ownFlags) this.storeSetFlags(this.flagState);
    this.pendingFlags = this.ownFlags = false;
  }

  /** Stores in front of this instruction what was written before it. */
  private flushBefore(): void {
    this.front.push(...this.nest(() => this.storeWritten(this.pendingX, this.pendingV, this.scalarsBefore)));
    this.pendingX = this.pendingV = 0;
    this.flushFlagsBefore();
  }

  /** Goes back to the interpreter before this instruction, which carries it out. */
  protected bail(cause: BailCause): void {
    // Registers are as the instruction found them, or in the block as it did.
    if (this.ownX !== 0 || this.ownV !== 0 || this.ownFlags) this.undeferrable = true;
    this.flushBefore();
    const way = { kind: "bail" as const, at: this.at, cause, refund: 0 };
    const { position } = this;
    this.pending.push((length) => {
      way.refund = length - position;
    });
    this.depart(way);
  }

  // --- how an instruction ends ---------------------------------------------------------------------------------------

  noteTarget(): void {}

  isLanding(target: I64, kind: I32): I32 {
    return this.call(isLanding, this.cpu, this.local32(this.left), target, kind);
  }

  branch(target: I64, type?: I32): void {
    this.ended = true;
    this.writeLocal(this.target, target);
    const expected = this.inlined;
    if (this.kind === "call") this.departAfter({ kind: "call", at: undefined, back: this.at + 1, expected });
    else this.departAfter({ kind: "indirect", returns: this.kind === "return", type, expected });
  }

  branchDirect(offset: I64): void {
    this.ended = true;
    this.go(offset);
  }

  branchDirectIf(condition: I32, offset: I64): void {
    this.if(condition, () => this.go(offset));
  }

  private go(offset: I64): void {
    const bytes = offset.node.constant;
    if (typeof bytes !== "bigint") throw new Error("a direct branch without a constant offset");
    const at = this.at + Number(bytes / 4n);
    const expected = this.inlined;
    const [inlined] = expected;
    if (inlined !== undefined && pageOf(inlined) === pageOf(this.at)) this.departAfter({ kind: "to", at: inlined });
    else if (this.kind === "call") this.departAfter({ kind: "call", at, back: this.at + 1, expected });
    else this.departAfter({ kind: "to", at });
  }

  /** Where it is certain to happen the instruction is the interpreter's; in a rare case it bails. */
  leave(): void {
    if (this.certain) throw NOT_COMPILABLE;
    this.bail("other");
  }
  callRuntime(): Value | undefined {
    if (this.certain) throw NOT_COMPILABLE;
    this.bail("other");
    return this.i32(0);
  }
  synchronize(): void {
    if (this.certain) throw NOT_COMPILABLE;
    const way = { kind: "look" as const, at: this.at + 1, refund: 0 };
    const { position } = this;
    this.pending.push((length) => {
      way.refund = length - position - 1;
    });
    this.departAfter(way);
  }
  abandonIf(): void {
    if (this.certain) throw NOT_COMPILABLE;
  }
  undefinedIf(condition: I32): void {
    if (condition.node.constant === 0) return;
    this.ifRare(condition, () => this.bail("undefined"));
  }

  // --- vCPU block ----------------------------------------------------------------------------------------------------

  state64(offset: number): I64 {
    return this.load("i64.load", this.cpu, offset) as I64;
  }
  setState64(offset: number, value: I64): void {
    this.store("i64.store", this.cpu, value, offset);
  }
  state32(offset: number): I32 {
    if (offset !== CPU.budget) return this.load("i32.load", this.cpu, offset) as I32;
    // What is left as of the end of this instruction; the block has been taken from it whole.
    const rest = this.newLocal("i");
    const code = this.placeholder();
    const { position } = this;
    this.pending.push((length) => {
      code.push(...this.nest(() => this.writeLocal(rest, this.i32(length - position - 1))));
    });
    return this.local32(this.left).add(this.local32(rest));
  }
  setState32(offset: number, value: I32): void {
    this.store("i32.store", this.cpu, value, offset);
  }

  override sysregEntry(encoding: I32): SysregEntry {
    const known = this.context.sysregEntry(encoding.node.constant as number);
    return {
      flags: this.i32(known.flags),
      offset: this.i32(known.offset),
      readTraps: this.i32(known.readTraps),
      writeTraps: this.i32(known.writeTraps),
    };
  }

  // --- what compile.ts puts together ---------------------------------------------------------------------------------

  /** The statements that `write` makes. */
  statements(write: () => void): Statement[] {
    return this.nest(write);
  }

  append(statements: readonly Statement[]): void {
    this.current.push(...statements);
  }

  /** Address of the slot of an instruction in the page being executed, with the cause of a bail in its low bits. */
  slotAddress(at: number, cause: BailCause = "budget"): I32 {
    return this.state32AsStored(CPU.slotBase).add(slotOf(at) * SLOT_SIZE + BAIL[cause]);
  }
}
