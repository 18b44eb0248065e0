/**
 * How the Builder of compiled regions keeps the flags: in locals, and what they come of in place of them where that
 * does (flag-state.ts). They go to the vCPU block in the same form.
 */
import { CpuView } from "../cpu-view.js";
import { FLAG_SOURCE, type FlagSource, type Flags, flagsOf, flagsOfWord, settle } from "../flags.js";
import type { Statement } from "../ir/function.js";
import type { I32, I64, Value } from "../ir/value.js";
import { CPU } from "../layout.js";
import type { BuiltBlock, Written } from "./built-block.js";
import { conditionOf, FLAGS, type FlagState, holds, type SourceLetter, STORED } from "./flag-state.js";
import { RegisterBuilder } from "./register-builder.js";
import type { RoundFlags } from "./round-flags.js";

/** How what flags come of is loaded and stored, by its type. */
const SOURCE_LOAD = { l: "i64.load", i: "i32.load", d: "f64.load", f: "f32.load" } as const;
const SOURCE_STORE = { l: "i64.store", i: "i32.store", d: "f64.store", f: "f32.store" } as const;

/** What CPU.flagSource says of it. */
const sourceNumber = (op: FlagSource["op"], letter: SourceLetter): number =>
  (FLAG_SOURCE[op] as Partial<Record<SourceLetter, number>>)[letter] as number;

export abstract class FlagBuilder extends RegisterBuilder {
  /** Instructions left of the budget once the block is through. */
  readonly left = this.newLocal("i");
  /** The same when the first round of a block began that puts off its stores. */
  private readonly firstLeft = this.newLocal("i");
  private readonly flags = {
    n: this.newLocal("l"),
    z: this.newLocal("l"),
    c: this.newLocal("i"),
    v: this.newLocal("l"),
  };
  /** What the flags come of, by type; and the condition under which they do. */
  private readonly flagSources = new Map<SourceLetter, readonly [number, number]>();
  private readonly flagCondition = this.newLocal("i");
  /** FLAG_SOURCE of what is in the locals that flags come of, where storing that is put off. */
  protected readonly flagSource = this.newLocal("i");
  /** Where the flags are; where they were when the current instruction began. */
  protected flagState = STORED;
  protected flagStateBefore = STORED;
  /** Set by instructions before this one and not stored yet; and set by this one. */
  protected pendingFlags = false;
  protected ownFlags = false;
  /** In the vCPU block they are in their own cells. */
  protected flagsSettled = false;
  /** See BuiltBlock. */
  protected asksForFlags = false;
  protected flagsWritten: Written["flags"];
  protected seesFlagCells = false;
  /** What the block stores where it is left, if it does not store registers as it writes them. */
  protected deferred: Written | undefined;
  /** What the flags come of that were set last. */
  protected lastSource: FlagSource | undefined;
  /** Comes before the current instruction and its loads: stores of what it may leave the region with. */
  protected front: Statement[] = this.root;

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

  private noteFlagSource(source: FlagSource, otherwise: number | undefined): void {
    const { op, x, y } = source;
    const { letter } = x;
    this.lastSource = source;
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

  protected storeFlags(state: FlagState): void {
    if (state.kind === "stored") return;
    if (state.kind === "flags") {
      this.storeFlagCells(this.flagsInLocals());
      this.setState32(CPU.flagSource, this.i32(FLAG_SOURCE.stored));
      return;
    }
    this.flagsSettled = false;
    const { op, letter, otherwise } = state;
    const number = this.i32(sourceNumber(op, letter));
    const [x, second] = this.sourceInLocals(letter);
    const y = op === "sign" ? undefined : second;
    if (otherwise === undefined) {
      this.storeSource(letter, number, x, y);
      return;
    }
    const condition = this.local32(this.flagCondition);
    const word = letter === "l" ? this.i64(otherwise >>> 0) : this.i32(otherwise);
    const source = condition.select(number, this.i32(FLAG_SOURCE.word));
    this.storeSource(letter, source, this.select(condition, x, word), y);
  }

  private storeSource(letter: SourceLetter, source: I32, x: Value, y: Value | undefined): void {
    const store = SOURCE_STORE[letter];
    if (y) this.store(store, this.cpu, y, CPU.flagY);
    this.store(store, this.cpu, x, CPU.flagX);
    this.setState32(CPU.flagSource, source);
  }

  private storeFlagCells({ n, z, c, v }: Flags): void {
    this.setState64(CPU.flagN, n);
    this.setState64(CPU.flagZ, z);
    this.setState32(CPU.flagC, c);
    this.setState64(CPU.flagV, v);
  }

  /** Stores flags that were set, unless the block puts that off. */
  protected storeSetFlags(state: FlagState): void {
    if (!this.deferred?.flags) this.storeFlags(state);
  }

  protected flushFlagsBefore(): void {
    if (this.pendingFlags) this.front.push(...this.nest(() => this.storeSetFlags(this.flagStateBefore)));
    this.pendingFlags = false;
  }

  /**
   * Where a block that puts that off is left before it has set flags: stores the last round's, unless this is the
   * first.
   * `taken` is what the round has taken from the budget; `register` has what it found.
   */
  protected storeLastFlags(
    flags: SourceLetter,
    round: RoundFlags | undefined,
    taken: number,
    register: (n: number) => I64,
  ): void {
    if (round) {
      const { op, letter, x, y } = round;
      this.if(this.local32(this.left).add(taken).ne(this.local32(this.firstLeft)), () =>
        this.storeSource(letter, this.i32(sourceNumber(op, letter)), x(register), y?.(register)),
      );
      return;
    }
    this.storeSource(flags, this.local32(this.flagSource), ...this.sourceInLocals(flags));
  }

  /** In front of a block that puts it off: what the flags come of is in locals, where registers will not say it. */
  loadDeferred({ written: { flags }, roundFlags }: BuiltBlock): void {
    if (!flags) return;
    if (roundFlags) {
      this.writeLocal(this.firstLeft, this.local32(this.left));
      return;
    }
    const [first, second] = this.sourceLocals(flags);
    this.writeLocal(first, this.load(SOURCE_LOAD[flags], this.cpu, CPU.flagX));
    this.writeLocal(second, this.load(SOURCE_LOAD[flags], this.cpu, CPU.flagY));
    this.writeLocal(this.flagSource, this.state32(CPU.flagSource));
  }
}
