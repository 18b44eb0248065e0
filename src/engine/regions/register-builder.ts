/**
 * How the Builder of compiled regions keeps general-purpose and vector registers: in wasm locals, from where a block
 * first uses them. Scalars are alone in vectors where that costs nothing; others that a block computes are in float
 * locals until it ends or wants the vector.
 */
import type { Operand } from "../../isa/pattern.js";
import { doubtOf, type ModeKeeper } from "../fp/mode.js";
import { Control, type FunctionBuilder, type Linker, type Statement } from "../ir/function.js";
import { vectorOfFloat } from "../ir/lanes.js";
import { type F32, F64, type I32, type I64, type Node, type V128 } from "../ir/value.js";
import { CPU, PAGE_SIZE } from "../layout.js";
import { OPS } from "../wasm/opcodes.js";
import { AccessBuilder } from "./access-builder.js";
import type { FirstUse, RegionContext } from "./built-block.js";
import { pageOf, slotOf } from "./places.js";
import { bitsOf, type RegisterSet } from "./registers.js";
import type { RoundWrites } from "./round-flags.js";

/** Slot of SP in the vCPU block's X registers, and its bit in register sets. */
const SP_SLOT = 32;
const SP_BIT = 31;

type ScalarLetter = "d" | "f";

/** The 32 bits that a block wrote to a W register, and where a local gets them once they are asked for. */
interface WrittenHalf {
  readonly n: number;
  readonly node: Node;
  readonly place: Statement[];
}

/** What a block knows of V registers as scalars. */
export interface Scalars {
  /** Registers of which the scalar last written is in a float local, by its type. */
  readonly letters: ReadonlyMap<number, ScalarLetter>;
  /** Of these, those whose vector local does not have it yet. */
  readonly stale: ReadonlySet<number>;
  /** Registers that were written as vectors with a scalar alone in them, and its width. */
  readonly widths: ReadonlyMap<number, number>;
}
export const NO_SCALARS: Scalars = { letters: new Map(), stale: new Set(), widths: new Map() };

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

export abstract class RegisterBuilder extends AccessBuilder implements ModeKeeper {
  readonly cpu: I32;
  usesFp = false;
  /** What was built depends on FPCR's mode. */
  seesFpMode = false;
  /** The virtual address of the hot slot's page, from which others are as far as where the region was compiled. */
  readonly home = this.newLocal("l");
  usesHome = false;
  /** See engine/fp/mode.ts; as long as code of the region runs, only its own operations can end the doubt. */
  private readonly doubt = this.newLocal("i");
  private readonly xLocals = new Map<number, number>();
  private readonly vLocals = new Map<number, number>();
  private readonly scalarLocals: Record<ScalarLetter, Map<number, number>> = { d: new Map(), f: new Map() };
  /** The instruction at hand. */
  protected word = 0;
  /** Its statements, and the loads that must come before them. */
  protected top: Statement[] = this.root;
  protected before: Statement[] = this.root;
  protected touchedX = 0;
  protected touchedV = 0;
  /** Written by instructions before this one and not stored yet; and written by this one. */
  protected pendingX = 0;
  protected pendingV = 0;
  protected ownX = 0;
  protected ownV = 0;
  /** SP has been found aligned, or is as far from where it was as keeps it so. */
  protected spAligned = false;
  protected firstUses: FirstUse[] = [];
  protected scalars: Scalars = NO_SCALARS;
  /** What the current instruction has read last, and among which statements. */
  protected lastRead: { readonly n: number; readonly value: I64; readonly in: Statement[] } | undefined;
  /** Registers that the block has written as W registers; and reads of such registers. */
  private halves: (WrittenHalf | undefined)[] = [];
  private readonly halfReads = new Map<Node, WrittenHalf>();
  private readonly halfLocals = new Map<number, number>();
  /** As it was when the current instruction began. */
  protected scalarsBefore = NO_SCALARS;
  /** Of a block that stores what it writes where it is left only. */
  protected roundWrites: RoundWrites | undefined;

  constructor(
    linker: Linker,
    protected readonly context: RegionContext,
  ) {
    super(linker, "iii", "i");
    this.cpu = context.onlyCpu === undefined ? (this.param(0) as I32) : this.i32(context.onlyCpu);
  }

  /** The word of the vCPU block itself, which for the budget is what was left when the region was entered. */
  state32AsStored(offset: number): I32 {
    return this.load("i32.load", this.cpu, offset) as I32;
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

  pc(): I64 {
    return this.addressOf(this.at);
  }
  page(): I64 {
    return this.addressOf(this.at - slotOf(this.at));
  }

  /** The virtual address of an instruction. */
  addressOf(at: number): I64 {
    this.usesHome = true;
    const home = this.readLocal(this.home, "l") as I64;
    return home.add(pageOf(at) * PAGE_SIZE + slotOf(at) * 4);
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
    // An instruction that reads a register twice has the same value twice.
    const { lastRead } = this;
    if (lastRead?.n === n && lastRead.in === this.current) return lastRead.value;
    const value = this.readLocal(this.xLocal(n), "l") as I64;
    this.lastRead = { n, value, in: this.current };
    this.noteRead(n, value);
    this.roundWrites?.read(n, value.node);
    const half = this.halves[n];
    if (half) this.halfReads.set(value.node, half);
    return value;
  }

  override knownHalf(node: Node): I32 | undefined {
    const half = this.halfReads.get(node);
    // The local has what was written last: not what was read, if that was before.
    if (half === undefined || this.halves[half.n] !== half) return undefined;
    const { n, place } = half;
    const local = this.halfLocals.get(n) ?? this.newLocal("i");
    this.halfLocals.set(n, local);
    if (place.length === 0) place.push(...this.nest(() => this.writeLocal(local, this.wrap(half.node))));
    const value = this.local32(local);
    this.noteRead(n, value);
    this.roundWrites?.read(n, value.node);
    return value;
  }

  /** What a W register is written with, if it is one and surely is. */
  private writtenHalf(n: number, { node: { opcode, args } }: I64): WrittenHalf | undefined {
    const [node] = args;
    if (!this.certain || node === undefined || opcode !== OPS["i64.extend_i32_u"][0]) return undefined;
    return { n, node, place: this.placeholder() };
  }

  /** A block begins. */
  protected beginRegisters(): void {
    this.halves = [];
    this.halfReads.clear();
  }

  private set(n: number, value: I64): void {
    const bit = 1 << n;
    if (!(this.touchedX & bit) && !this.certain) this.firstUse("x", n);
    this.touchedX |= bit;
    this.ownX |= bit;
    if (n === SP_BIT) this.spAligned &&= this.keepsAlignment(value);
    this.noteAddress(n, value);
    this.halves[n] = this.writtenHalf(n, value);
    this.lastRead = undefined;
    this.roundWrites?.write(n, this.certain ? value.node : undefined);
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

  // --- scalars -------------------------------------------------------------------------------------------------------

  /** What follows in the block sees V[n] as this scalar, which its vector local does not have; or as that local. */
  private noteScalar(n: number, letter: ScalarLetter | undefined, width?: number): void {
    const { scalars } = this;
    if (!letter && !width && !scalars.letters.has(n) && !scalars.widths.has(n)) return;
    const [letters, stale, widths] = [new Map(scalars.letters), new Set(scalars.stale), new Map(scalars.widths)];
    letters.delete(n);
    stale.delete(n);
    widths.delete(n);
    if (letter) {
      letters.set(n, letter);
      stale.add(n);
    }
    if (width) widths.set(n, width);
    this.scalars = { letters, stale, widths };
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
  protected refresh(n: number, scalars = this.scalars): void {
    this.writeLocal(this.vLocal(n), vectorOfFloat(this, this.scalar(n, scalars) as F32 | F64));
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

  abstract get flushes(): boolean;
  keptDoubt(): I32 {
    this.seesFpMode = true;
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
  override scalarVector(o: Operand, width: 32 | 64): V128 {
    const n = this.number(o);
    // The vector that a float local is brought to has nothing else in it either.
    const letter = this.scalars.letters.get(n);
    const known = letter ? (letter === "f" ? 32 : 64) : (this.scalars.widths.get(n) ?? 128);
    return known <= width ? this.V(o) : super.scalarVector(o, width);
  }
  override setScalarVector(o: Operand, value: V128, width: 32 | 64): void {
    this.setV(o, value);
    if (this.certain) this.noteScalar(this.number(o), undefined, width);
  }

  // --- to the vCPU block and from it ---------------------------------------------------------------------------------

  /** Offset in the vCPU block of X[n], with SP_BIT for SP. */
  static xOffset(n: number): number {
    return CPU.x + 8 * (n === SP_BIT ? SP_SLOT : n);
  }

  loadRegisters({ x, v }: RegisterSet): void {
    for (const n of bitsOf(x)) this.writeLocal(this.xLocal(n), this.state64(RegisterBuilder.xOffset(n)));
    for (const n of bitsOf(v)) this.writeLocal(this.vLocal(n), this.load("v128.load", this.cpu, CPU.v + 16 * n));
  }

  /** Scalars are those of a block's beginning where nothing is said. */
  storeRegisters(x: number, v: number, scalars = NO_SCALARS): void {
    for (const n of bitsOf(x)) {
      this.setState64(RegisterBuilder.xOffset(n), this.readLocal(this.xLocal(n), "l") as I64);
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
}
