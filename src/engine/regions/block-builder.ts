/**
 * The Builder of compiled regions, a block at a time: operand fields are constants, guest registers and flags are wasm
 * locals, and whatever the inline paths cannot do goes back to the interpreter just before the instruction (`bail`).
 * What depends on the region as a whole (which registers are in locals already, where branches lead) is left open as
 * placeholders, and filled in by compile.ts.
 */
import type { Operand } from "../../isa/pattern.js";
import { BAIL, type BailCause } from "../bails.js";
import type { AccessOptions, Builder, SysregEntry } from "../builder.js";
import { CpuView } from "../cpu-view.js";
import { FLAG_SOURCE, type FlagSource, type Flags, flagsOf, flagsOfWord, settle } from "../flags.js";
import { doubtOf, type ModeKeeper } from "../fp/mode.js";
import { Control, type FunctionBuilder, type Linker, type Statement } from "../ir/function.js";
import { type F32, F64, type I32, type I64, type V128, type Value } from "../ir/value.js";
import { CPU, SLOT_SIZE } from "../layout.js";
import { OPS } from "../wasm/opcodes.js";
import { AccessBuilder, NOT_COMPILABLE } from "./access-builder.js";
import { conditionOf, FLAGS, type FlagState, holds, type SourceLetter, STORED } from "./flag-state.js";
import { pageOf, slotOf } from "./places.js";
import { bitsOf, NONE, type RegisterSet, union } from "./registers.js";

/** Slot of SP in the vCPU block's X registers, and its bit in register sets. */
const SP_SLOT = 32;
const SP_BIT = 31;

/** What an instruction that branches does so for. */
export type BranchKind = "branch" | "call" | "return";

/** An instruction to be built. */
export interface Buildable {
  readonly word: number;
  readonly fp: boolean;
  readonly kind: BranchKind;
  /** See Instruction. */
  readonly inlined: readonly number[];
  readonly body: (b: Builder) => void;
}

/** How control leaves a block for something that is not the next statement. */
export type Way =
  /** To an instruction of the region or of its pages, by number (places.ts). */
  | { readonly kind: "to"; readonly at: number }
  /** To an address, which is in `target`; by RET, or by BR with its BTYPE. Expected are some instructions of the region. */
  | {
      readonly kind: "indirect";
      readonly returns: boolean;
      readonly type: I32 | undefined;
      readonly expected: readonly number[];
    }
  /** A call of an instruction by number, or of what is in `target`; comes back to instruction `back`. */
  | {
      readonly kind: "call";
      readonly at: number | undefined;
      readonly back: number;
      readonly expected: readonly number[];
    }
  /** Back to the interpreter, before instruction `at`; `refund` instructions were taken from the budget in vain. */
  | { readonly kind: "bail"; readonly at: number; readonly cause: BailCause; refund: number }
  /** To the interpreter's loop, which looks at interrupts before the instruction `at`. */
  | { readonly kind: "look"; readonly at: number; refund: number }
  /** The interpreter carries out `at`; the region goes on behind it if it can. */
  | { readonly kind: "interpret"; readonly at: number };

/** A place where control leaves a block, with what the block has done by then. */
export interface Departure {
  readonly way: Way;
  readonly touched: RegisterSet;
  /** Where its code goes. */
  readonly code: Statement[];
}

export interface FirstUse {
  readonly kind: "x" | "v";
  readonly n: number;
  readonly code: Statement[];
}

export interface BuiltBlock {
  readonly start: number;
  readonly body: Statement[];
  /** Instructions compiled: what is taken from the budget before the block. */
  readonly length: number;
  readonly departures: readonly Departure[];
  readonly firstUses: readonly FirstUse[];
  readonly touched: RegisterSet;
  /** Where what follows finds the flags without asking, if nothing else leads there. */
  readonly flags: FlagState;
  /** Whether it found flags in the vCPU block and asked for them. */
  readonly asksForFlags: boolean;
  readonly written: Written;
  /** Whether what it writes is stored only where it is left for something else than another round of it. */
  readonly deferred: boolean;
}

/** What a block writes. */
export interface Written extends RegisterSet {
  /** If it leaves flags by what they come of: the type of that. `false` if it wants to see the cells of flags as well. */
  readonly flags: SourceLetter | false | undefined;
}

/** What the compiler knows of the machine it compiles for. */
export interface RegionContext {
  /** The entry of a system register's encoding (SYSREG_ENTRY), which never changes. */
  sysregEntry(encoding: number): { flags: number; offset: number; readTraps: number; writeTraps: number };
}

type ScalarLetter = "d" | "f";

/** What a block knows of V registers as scalars. */
interface Scalars {
  /** Registers of which the scalar last written is in a float local, by its type. */
  readonly letters: ReadonlyMap<number, ScalarLetter>;
  /** Of these, those whose vector local does not have it yet. */
  readonly stale: ReadonlySet<number>;
}
const NO_SCALARS: Scalars = { letters: new Map(), stale: new Set() };

/** How what flags come of is loaded and stored, by its type. */
const SOURCE_LOAD = { l: "i64.load", i: "i32.load", d: "f64.load", f: "f32.load" } as const;
const SOURCE_STORE = { l: "i64.store", i: "i32.store", d: "f64.store", f: "f32.store" } as const;

/** What CPU.flagSource says of it. */
const sourceNumber = (op: FlagSource["op"], letter: SourceLetter): number =>
  (FLAG_SOURCE[op] as Partial<Record<SourceLetter, number>>)[letter] as number;

/** The scalar whose bits these are: a single where they say so, else a double. */
function floatOf(fb: FunctionBuilder, value: I64): F32 | F64 {
  const { constant, opcode } = value.node;
  if (typeof constant === "bigint") {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setBigInt64(0, constant);
    // A NaN's bits are more than a number says.
    if (!Number.isNaN(bits.getFloat64(0))) return fb.f64(bits.getFloat64(0));
  }
  return opcode === OPS["i64.extend_i32_u"][0] ? value.wrap().asF32() : value.asF64();
}

export class BlockBuilder extends AccessBuilder implements ModeKeeper {
  readonly cpu: I32;
  /** Instructions left of the budget once the block is through. */
  readonly left = this.newLocal("i");
  /** Where an indirect branch goes. */
  readonly target = this.newLocal("l");
  readonly flags = { n: this.newLocal("l"), z: this.newLocal("l"), c: this.newLocal("i"), v: this.newLocal("l") };
  /** What the flags come of, by type; and the condition under which they do. */
  private readonly flagSources = new Map<SourceLetter, readonly [number, number]>();
  private readonly flagCondition = this.newLocal("i");
  private readonly xLocals = new Map<number, number>();
  private readonly vLocals = new Map<number, number>();

  private word = 0;
  private position = 0;
  /** Statements of the current instruction, and the loads that must come before them. */
  private top: Statement[] = this.root;
  private before: Statement[] = this.root;
  /** Comes before all of that: stores of registers that the instruction may leave the region with. */
  private front: Statement[] = this.root;
  private touchedX = 0;
  private touchedV = 0;
  /** Written by instructions before this one and not stored yet; and written by this one. */
  private pendingX = 0;
  private pendingV = 0;
  private ownX = 0;
  private ownV = 0;
  /** SP has been found aligned, or is as far from where it was as keeps it so. */
  private spAligned = false;
  /** What was done when the current instruction began. */
  private snapshot: RegisterSet = this.touched();
  private departures: Departure[] = [];
  private firstUses: FirstUse[] = [];
  /** Patches of constants that depend on the block's length. */
  private pending: ((length: number) => void)[] = [];
  /** Where the flags are; where they were when the current instruction began. */
  private flagState = STORED;
  private flagStateBefore = STORED;
  /** Set by instructions before this one and not stored yet; and set by this one. */
  private pendingFlags = false;
  private ownFlags = false;
  /** In the vCPU block they are in their own cells. */
  private flagsSettled = false;
  /** See BuiltBlock. */
  private asksForFlags = false;
  private scalars: Scalars = NO_SCALARS;
  /** As it was when the current instruction began. */
  private scalarsBefore = NO_SCALARS;
  private readonly scalarLocals: Record<ScalarLetter, Map<number, number>> = { d: new Map(), f: new Map() };
  private ended = false;
  /** What the block stores where it is left, if it does not store registers as it writes them; and whether it may not. */
  private deferred: Written | undefined;
  private undeferrable = false;
  private start = 0;
  private written = NONE;
  private flagsWritten: Written["flags"];
  private seesFlagCells = false;
  /** FLAG_SOURCE of what is in the locals that flags come of, where storing that is put off. */
  private readonly flagSource = this.newLocal("i");
  usesFp = false;
  /** See engine/fp/mode.ts; as long as code of the region runs, only its own operations can end the doubt. */
  private readonly doubt = this.newLocal("i");

  constructor(
    linker: Linker,
    private readonly context: RegionContext,
  ) {
    super(linker, "iii", "i");
    this.cpu = this.param(0) as I32;
  }

  // --- blocks ---------------------------------------------------------------------------------------------------------

  /**
   * Builds the block of `instructions`. Returns it, and how many instructions it took: fewer than there are when one
   * is left to the interpreter, which then ends the block. With `deferred`, all that it writes, it stores these where it
   * is left only; BuiltBlock.deferred says whether it could.
   */
  buildBlock(
    start: number,
    instructions: readonly Buildable[],
    flags: FlagState,
    unsteady: number | undefined,
    deferred?: Written,
  ): { block: BuiltBlock; taken: number } {
    this.beginAccesses(unsteady);
    this.start = start;
    this.deferred = deferred;
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
    const { departures, firstUses, flagState, asksForFlags } = this;
    const written: Written = { ...this.written, flags: this.seesFlagCells ? false : this.flagsWritten };
    const touched = this.touched();
    const isDeferred = deferred !== undefined && !this.undeferrable;
    this.deferred = undefined;
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
  private kind: BranchKind = "branch";
  private inlined: readonly number[] = [];

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
      if (way.kind !== "to" || way.at !== this.start) {
        const { deferred } = this;
        code.push(...this.nest(() => this.storeDeferred(deferred, this.scalars, this.flagsWritten !== undefined)));
      }
    }
    this.departures.push({ way, touched, code });
  }

  /** Of a block that puts that off, stores all that it writes: as it stands where this is carried out. */
  storeDeferred({ x, v, flags }: Written, scalars = NO_SCALARS, flagsAreOwn = false): void {
    this.storeRegisters(x, v, scalars);
    if (!flags) return;
    if (flagsAreOwn) {
      this.storeFlags(this.flagState);
      return;
    }
    // The last round's, or those from before all of them.
    const [first, second] = this.sourceInLocals(flags);
    this.store(SOURCE_STORE[flags], this.cpu, first, CPU.flagX);
    this.store(SOURCE_STORE[flags], this.cpu, second, CPU.flagY);
    this.setState32(CPU.flagSource, this.local32(this.flagSource));
  }

  /** Stores registers that were written, unless the block puts that off. */
  private storeWritten(x: number, v: number, scalars: Scalars): void {
    if (this.deferred === undefined) this.storeRegisters(x, v, scalars);
  }

  /** The same of flags. */
  private storeSetFlags(state: FlagState): void {
    if (!this.deferred?.flags) this.storeFlags(state);
  }

  /** In front of a block that puts it off: what the flags come of is in locals. */
  loadDeferred({ flags }: Written): void {
    if (!flags) return;
    const [first, second] = this.sourceLocals(flags);
    this.writeLocal(first, this.load(SOURCE_LOAD[flags], this.cpu, CPU.flagX));
    this.writeLocal(second, this.load(SOURCE_LOAD[flags], this.cpu, CPU.flagY));
    this.writeLocal(this.flagSource, this.state32(CPU.flagSource));
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

  private flushFlagsBefore(): void {
    if (this.pendingFlags) this.front.push(...this.nest(() => this.storeSetFlags(this.flagStateBefore)));
    this.pendingFlags = false;
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

  // --- operands ------------------------------------------------------------------------------------------------------

  private number(o: Operand, delta = 0): number {
    const value = (this.word >>> o.lo) & (o.width === 32 ? -1 : (1 << o.width) - 1);
    return delta === 0 ? value >>> 0 : (value + delta) & 31;
  }

  operand(o: Operand): I32 {
    return this.i32(this.number(o));
  }

  override signed(o: Operand): I64 {
    return this.i64(BigInt.asIntN(o.width, BigInt(this.number(o))));
  }

  /** The virtual address of the page being executed. */
  page(): I64 {
    return this.state64(CPU.pcBias).add(this.state32AsStored(CPU.slotBase).shrU(1).toI64U());
  }

  pc(): I64 {
    return this.page().add(4 * slotOf(this.at));
  }

  /** The local of X[n] (SP_BIT for SP). */
  xLocal(n: number): number {
    let local = this.xLocals.get(n);
    if (local === undefined) {
      local = this.newLocal("l");
      this.xLocals.set(n, local);
      this.registerOfLocal.set(local, n);
    }
    return local;
  }
  vLocal(n: number): number {
    let local = this.vLocals.get(n);
    if (local === undefined) {
      local = this.newLocal("v");
      this.vLocals.set(n, local);
    }
    return local;
  }

  private firstUse(kind: FirstUse["kind"], n: number): void {
    const code: Statement[] = [];
    this.before.push(Control.group(code));
    this.firstUses.push({ kind, n, code });
  }

  /** Where a write may not happen, what was there before must be in the local. */
  protected get certain(): boolean {
    return this.current === this.top;
  }

  private get(n: number): I64 {
    const bit = 1 << n;
    if (!(this.touchedX & bit)) this.firstUse("x", n);
    this.touchedX |= bit;
    const value = this.readLocal(this.xLocal(n), "l") as I64;
    this.noteRead(n, value);
    return value;
  }

  private set(n: number, value: I64): void {
    const bit = 1 << n;
    if (!(this.touchedX & bit) && !this.certain) this.firstUse("x", n);
    this.touchedX |= bit;
    this.ownX |= bit;
    if (n === SP_BIT) this.spAligned &&= this.keepsAlignment(value);
    this.noteAddress(n, value);
    this.writeLocal(this.xLocal(n), value);
  }

  X(o: Operand | number, delta = 0): I64 {
    const n = typeof o === "number" ? o : this.number(o, delta);
    return n === 31 ? this.i64(0) : this.get(n);
  }
  setX(o: Operand | number, value: I64, delta = 0): void {
    const n = typeof o === "number" ? o : this.number(o, delta);
    if (n !== 31) this.set(n, value);
  }
  /** X31 is SP here: its bit is 31, like its number. */
  XSP(o: Operand): I64 {
    return this.get(this.number(o));
  }
  setXSP(o: Operand, value: I64): void {
    this.set(this.number(o), value);
  }
  base(o: Operand): I64 {
    const value = this.XSP(o);
    if (this.number(o) === SP_BIT && !this.spAligned) {
      this.ifRare(value.wrap().and(15), () => this.bail("alignment"));
      this.spAligned = this.certain;
    }
    return value;
  }

  /** SP plus or minus a multiple of 16. */
  private keepsAlignment({ node }: I64): boolean {
    const b = node.args[1]?.constant;
    return this.movedRegister(node) === SP_BIT && typeof b === "bigint" && (b & 15n) === 0n;
  }

  V(o: Operand, delta = 0): V128 {
    const n = this.number(o, delta);
    this.refreshForAll(n);
    const bit = 1 << n;
    if (!(this.touchedV & bit)) this.firstUse("v", n);
    this.touchedV |= bit;
    return this.readLocal(this.vLocal(n), "v") as V128;
  }
  setV(o: Operand, value: V128, delta = 0): void {
    const n = this.number(o, delta);
    // Where the write may not happen, the vector local is what is read behind it.
    if (!this.certain) this.refreshForAll(n);
    this.noteScalar(n, undefined);
    this.noteWrittenV(n);
    this.writeLocal(this.vLocal(n), value);
  }
  private noteWrittenV(n: number): void {
    const bit = 1 << n;
    if (!(this.touchedV & bit) && !this.certain) this.firstUse("v", n);
    this.touchedV |= bit;
    this.ownV |= bit;
  }

  // --- scalars --------------------------------------------------------------------------------------------------------

  /** What follows in the block sees V[n] as this scalar, which its vector local does not have; or as that local. */
  private noteScalar(n: number, letter: ScalarLetter | undefined): void {
    const [letters, stale] = [new Map(this.scalars.letters), new Set(this.scalars.stale)];
    if (letter) {
      letters.set(n, letter);
      stale.add(n);
    } else if (!letters.delete(n)) {
      return;
    } else {
      stale.delete(n);
    }
    this.scalars = { letters, stale };
  }

  private scalarLocal(n: number, letter: ScalarLetter): number {
    const locals = this.scalarLocals[letter];
    let local = locals.get(n);
    if (local === undefined) {
      local = this.newLocal(letter);
      locals.set(n, local);
    }
    return local;
  }

  private scalar(n: number, { letters } = this.scalars): F32 | F64 | undefined {
    const letter = letters.get(n);
    return letter && (this.readLocal(this.scalarLocal(n, letter), letter) as F32 | F64);
  }

  /** Gives the vector local what the float local has. */
  private refresh(n: number, scalars = this.scalars): void {
    const value = this.scalar(n, scalars) as F32 | F64;
    const shape = value.letter === "d" ? "f64x2" : "f32x4";
    this.writeLocal(this.vLocal(n), this.laneOp(`${shape}.replace_lane`, 0, this.v128Zero(), value));
  }

  /** The same for good: where this may not happen, before the current instruction. */
  private refreshForAll(n: number): void {
    if (!this.scalars.stale.has(n)) return;
    if (this.certain) this.refresh(n);
    else this.before.push(...this.nest(() => this.refresh(n, this.scalarsBefore)));
    const stale = new Set(this.scalars.stale);
    stale.delete(n);
    this.scalars = { ...this.scalars, stale };
  }

  keptDoubt(): I32 {
    return this.local32(this.doubt);
  }
  refreshDoubt(): void {
    this.writeLocal(this.doubt, doubtOf(this, this.cpu));
  }

  override D(o: Operand, delta = 0): I64 {
    const value = this.scalar(this.number(o, delta));
    if (value === undefined) return super.D(o, delta);
    return value instanceof F64 ? value.bits() : value.bits().toI64U();
  }
  override S(o: Operand, delta = 0): I32 {
    const value = this.scalar(this.number(o, delta));
    if (value === undefined) return super.S(o, delta);
    return value instanceof F64 ? value.bits().wrap() : value.bits();
  }
  override setD(o: Operand, value: I64, delta = 0): void {
    if (!this.certain) {
      super.setD(o, value, delta);
      return;
    }
    const n = this.number(o, delta);
    const scalar = floatOf(this, value);
    this.noteWrittenV(n);
    this.writeLocal(this.scalarLocal(n, scalar.letter), scalar);
    this.noteScalar(n, scalar.letter);
  }
  override loadFloat(size: 4 | 8, address: I64, options?: AccessOptions): F32 | F64 {
    return this.load(size === 4 ? "f32.load" : "f64.load", this.readHost(size, address, options)) as F32 | F64;
  }

  // --- flags ----------------------------------------------------------------------------------------------------------

  setFlags(n: I64, z: I64, c: I32, v: I64): void {
    this.seesFlagCells = true;
    if (!this.certain) {
      // Where they may be set or not they are in their cells, before and after.
      this.settleFlags();
      this.storeFlagCells({ n, z, c, v });
      this.flagState = STORED;
      return;
    }
    const { flags } = this;
    this.writeLocal(flags.n, n);
    this.writeLocal(flags.z, z);
    this.writeLocal(flags.c, c);
    this.writeLocal(flags.v, v);
    this.flagState = FLAGS;
    this.ownFlags = true;
  }

  override setFlagsFrom(source: FlagSource): void {
    if (this.certain) this.noteFlagSource(source, undefined);
    else super.setFlagsFrom(source);
  }
  override setFlagsIf(condition: I32, source: FlagSource, otherwise: I32): void {
    const word = otherwise.node.constant;
    if (!this.certain || typeof word !== "number" || source.op === "floats") {
      super.setFlagsIf(condition, source, otherwise);
      return;
    }
    this.writeLocal(this.flagCondition, condition);
    this.noteFlagSource(source, word);
  }

  private noteFlagSource({ op, x, y }: FlagSource, otherwise: number | undefined): void {
    const { letter } = x;
    const locals = this.sourceLocals(letter);
    this.flagsWritten = otherwise === undefined ? letter : false;
    if (this.deferred?.flags === letter) this.writeLocal(this.flagSource, this.i32(sourceNumber(op, letter)));
    this.writeLocal(locals[0], x);
    if (y) this.writeLocal(locals[1], y);
    this.flagState = { kind: "source", op, letter, otherwise };
    this.ownFlags = true;
  }

  private sourceLocals(letter: SourceLetter): readonly [number, number] {
    let locals = this.flagSources.get(letter);
    if (locals === undefined) {
      locals = [this.newLocal(letter), this.newLocal(letter)];
      this.flagSources.set(letter, locals);
    }
    return locals;
  }

  private sourceInLocals(letter: SourceLetter): [Value, Value] {
    const [x, y] = this.sourceLocals(letter);
    return [this.readLocal(x, letter), this.readLocal(y, letter)];
  }

  override condition(code: number): I32 {
    const { flagState } = this;
    if (flagState.kind !== "source") return super.condition(code);
    const { op, letter, otherwise } = flagState;
    const [x, y] = this.sourceInLocals(letter);
    const known = conditionOf(op, code, x, y);
    if (known === undefined || otherwise === undefined) return known ?? super.condition(code);
    return this.local32(this.flagCondition).select(known, this.i32(holds(code, otherwise) ? 1 : 0));
  }

  /** Before this instruction the flags are in their cells. */
  private settleFlags(): void {
    this.flushFlagsBefore();
    this.asksForFlags = true;
    this.seesFlagCells = true;
    if (this.flagsSettled) return;
    this.front.push(...this.nest(() => settle(new CpuView(this, this.cpu))));
    this.flagsSettled = true;
  }

  private flagsInLocals(): Flags {
    const { n, z, c, v } = this.flags;
    const wide = (local: number): I64 => this.readLocal(local, "l") as I64;
    return { n: wide(n), z: wide(z), c: this.local32(c), v: wide(v) };
  }

  private flagValues(): Flags {
    const { flagState } = this;
    if (flagState.kind === "flags") return this.flagsInLocals();
    if (flagState.kind === "stored") {
      this.settleFlags();
      const [n, z, v] = [CPU.flagN, CPU.flagZ, CPU.flagV].map((at) => this.state64(at)) as [I64, I64, I64];
      return { n, z, c: this.state32(CPU.flagC), v };
    }
    const { op, letter, otherwise } = flagState;
    const [x, y] = this.sourceInLocals(letter);
    const flags = flagsOf(this, { op, x, y } as FlagSource);
    if (otherwise === undefined) return flags;
    const word = flagsOfWord(this.i32(otherwise));
    const condition = this.local32(this.flagCondition);
    const either = (a: I64, b: I64): I64 => condition.select(a, b);
    return {
      n: either(flags.n, word.n),
      z: either(flags.z, word.z),
      c: condition.select(flags.c, word.c),
      v: either(flags.v, word.v),
    };
  }

  flagN(): I64 {
    return this.flagValues().n;
  }
  flagZ(): I64 {
    return this.flagValues().z;
  }
  flagC(): I32 {
    return this.flagValues().c;
  }
  flagV(): I64 {
    return this.flagValues().v;
  }

  // --- how an instruction ends ------------------------------------------------------------------------------------------

  noteTarget(): void {}

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

  // --- vCPU block -------------------------------------------------------------------------------------------------------

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
  /** The word of the block itself, which for the budget is what was left when the region was entered. */
  state32AsStored(offset: number): I32 {
    return this.load("i32.load", this.cpu, offset) as I32;
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

  // --- what compile.ts puts together ------------------------------------------------------------------------------------

  /** The statements that `write` makes. */
  statements(write: () => void): Statement[] {
    return this.nest(write);
  }

  append(statements: readonly Statement[]): void {
    this.current.push(...statements);
  }

  /** Offset in the vCPU block of X[n], with SP_BIT for SP. */
  static xOffset(n: number): number {
    return CPU.x + 8 * (n === SP_BIT ? SP_SLOT : n);
  }

  loadRegisters({ x, v }: RegisterSet): void {
    for (const n of bitsOf(x)) this.writeLocal(this.xLocal(n), this.state64(BlockBuilder.xOffset(n)));
    for (const n of bitsOf(v)) this.writeLocal(this.vLocal(n), this.load("v128.load", this.cpu, CPU.v + 16 * n));
  }

  /** Scalars are those of a block's beginning where nothing is said. */
  storeRegisters(x: number, v: number, scalars = NO_SCALARS): void {
    for (const n of bitsOf(x)) {
      this.setState64(BlockBuilder.xOffset(n), this.readLocal(this.xLocal(n), "l") as I64);
    }
    for (const n of bitsOf(v)) {
      const at = CPU.v + 16 * n;
      const scalar = scalars.stale.has(n) ? this.scalar(n, scalars) : undefined;
      if (scalar === undefined) {
        this.store("v128.store", this.cpu, this.readLocal(this.vLocal(n), "v"), at);
        continue;
      }
      const isDouble = scalar.letter === "d";
      this.store(isDouble ? "f64.store" : "f32.store", this.cpu, scalar, at);
      if (!isDouble) this.setState32(at + 4, this.i32(0));
      this.setState64(at + 8, this.i64(0));
    }
  }

  private storeFlags(state: FlagState): void {
    if (state.kind === "stored") return;
    if (state.kind === "flags") {
      this.storeFlagCells(this.flagsInLocals());
      this.setState32(CPU.flagSource, this.i32(FLAG_SOURCE.stored));
      return;
    }
    this.flagsSettled = false;
    const { op, letter, otherwise } = state;
    const number = sourceNumber(op, letter);
    const [x, y] = this.sourceInLocals(letter);
    const store = SOURCE_STORE[letter];
    if (op !== "sign") this.store(store, this.cpu, y, CPU.flagY);
    if (otherwise === undefined) {
      this.store(store, this.cpu, x, CPU.flagX);
      this.setState32(CPU.flagSource, this.i32(number));
      return;
    }
    const condition = this.local32(this.flagCondition);
    const word = letter === "l" ? this.i64(otherwise >>> 0) : this.i32(otherwise);
    this.store(store, this.cpu, this.select(condition, x, word), CPU.flagX);
    this.setState32(CPU.flagSource, condition.select(this.i32(number), this.i32(FLAG_SOURCE.word)));
  }

  private storeFlagCells({ n, z, c, v }: Flags): void {
    this.setState64(CPU.flagN, n);
    this.setState64(CPU.flagZ, z);
    this.setState32(CPU.flagC, c);
    this.setState64(CPU.flagV, v);
  }

  /** Address of the slot of an instruction in the page being executed, with the cause of a bail in its low bits. */
  slotAddress(at: number, cause: BailCause = "budget"): I32 {
    return this.state32AsStored(CPU.slotBase).add(slotOf(at) * SLOT_SIZE + BAIL[cause]);
  }
}
