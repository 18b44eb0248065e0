/**
 * The Builder of compiled regions: operand fields are constants, guest registers and flags are wasm locals, and
 * whatever the inline paths cannot do goes back to the interpreter just before the instruction (`bail`).
 */
import type { Operand } from "../../isa/pattern.js";
import { type AccessOptions, type AccessSize, Builder } from "../builder.js";
import { interpretOne } from "../interpreter/loop.js";
import { Label, type Linker, type Statement } from "../ir/function.js";
import type { I32, I64, V128, Value } from "../ir/value.js";
import { BANK, CPU, PAGE_BITS, SLOT_SIZE, TLB_ENTRIES, TLB_ENTRY } from "../layout.js";
import type { LoadName, StoreName } from "../wasm/opcodes.js";

const LOAD: Record<AccessSize, LoadName> = { 1: "i64.load8_u", 2: "i64.load16_u", 4: "i64.load32_u", 8: "i64.load" };
const STORE: Record<AccessSize, StoreName> = { 1: "i64.store8", 2: "i64.store16", 4: "i64.store32", 8: "i64.store" };

/** The instruction cannot be part of a region: it ends there. */
export class NotCompilable extends Error {}

const SP = 32;
type Kind = "x" | "v";

/** One guest register kept in a local. */
interface Kept {
  readonly local: number;
  written: boolean;
}

/** Where control goes inside the region: filled in by the compiler. */
export interface Jumps {
  /** Goes to the block at a slot number, or leaves the region for that slot of the page. */
  jump(slot: number): void;
}

export class RegionBuilder extends Builder {
  readonly cpu: I32;
  /** Instructions left in the budget, counting down by blocks. */
  readonly left = this.newLocal("i");
  private readonly entered = this.newLocal("i");
  private readonly bailSlot = this.newLocal("i");
  private readonly refund = this.newLocal("i");
  readonly nextSlot = this.newLocal("i");
  private readonly bankLocal = this.newLocal("i");
  private readonly slotBase = this.newLocal("i");
  private readonly pageVa = this.newLocal("l");
  private readonly kept: Record<Kind, Map<number, Kept>> = { x: new Map(), v: new Map() };
  private readonly flags = {
    n: this.newLocal("l"),
    z: this.newLocal("l"),
    c: this.newLocal("i"),
    v: this.newLocal("l"),
  };
  private flagsUsed = false;
  private flagsWritten = false;

  /** The instruction being built: its word and slot number, and its place in its block. */
  private word = 0;
  private slotNumber = 0;
  private position = 0;
  /** Patched once the block's length is known: instructions behind this one in the block. */
  private blockLength: { count: number } = { count: 0 };
  private bailLabel: Label | undefined;
  private exitLabel: Label | undefined;
  jumps: Jumps = { jump: () => {} };
  /** The body has ended the instruction on the current path. */
  ended = false;

  constructor(linker: Linker) {
    super(linker, "iii", "i");
    this.cpu = this.param(0) as I32;
  }

  // --- the frame round the blocks ---------------------------------------------------------------------------------

  /**
   * The whole function: `write` emits the blocks. `head` is the slot number of the entry, `headLength` what its block
   * takes of the budget at least.
   */
  frame(headLength: () => number, write: () => void): void {
    const body = this.nest(() => {
      this.block((exit) => {
        this.exitLabel = exit;
        this.block((bail) => {
          this.bailLabel = bail;
          write();
        });
        this.writeBack();
        const left = this.local32(this.left).add(this.local32(this.refund));
        this.countRetired(left);
        this.setState32(CPU.budget, left.sub(1));
        this.return(this.call(interpretOne, this.cpu, this.local32(this.slotBase).add(this.local32(this.bailSlot))));
      });
      this.writeBack();
      this.countRetired(this.local32(this.left));
      this.setState32(CPU.budget, this.local32(this.left));
      this.return(this.local32(this.nextSlot));
    });
    const budget = this.state32(CPU.budget).add(1);
    const fits = budget.geS(headLength()).and(this.state32(CPU.fpTrap).eqz());
    this.if(fits.eqz(), () => this.return(this.call(interpretOne, this.cpu, this.param(2) as I32)));
    this.writeLocal(this.left, budget);
    this.writeLocal(this.entered, budget);
    this.writeLocal(this.bankLocal, this.state32(CPU.bank));
    this.writeLocal(this.slotBase, this.state32(CPU.slotBase));
    const base = this.local32(this.slotBase);
    this.writeLocal(this.pageVa, this.state64(CPU.pcBias).add(base.shrU(1).toI64U()));
    for (const [n, { local }] of this.kept.x) this.writeLocal(local, this.load("i64.load", this.cpu, CPU.x + 8 * n));
    for (const [n, { local }] of this.kept.v) this.writeLocal(local, this.load("v128.load", this.cpu, CPU.v + 16 * n));
    if (this.flagsUsed) {
      this.writeLocal(this.flags.n, this.state64(CPU.flagN));
      this.writeLocal(this.flags.z, this.state64(CPU.flagZ));
      this.writeLocal(this.flags.c, this.state32(CPU.flagC));
      this.writeLocal(this.flags.v, this.state64(CPU.flagV));
    }
    this.current.push(...body);
  }

  /** For --stats: what the budget was at entry less what it is now. */
  private countRetired(left: I32): void {
    const done = this.local32(this.entered).sub(left).toI64S();
    this.setState64(CPU.statCompiled, this.state64(CPU.statCompiled).add(done));
  }

  private writeBack(): void {
    // Which registers are written is known only when all blocks are: the list is completed then.
    const list: Statement[] = [];
    this.current.push({ kind: "scope", label: new Label("block"), body: list });
    this.writeBacks.push(list);
  }
  private readonly writeBacks: Statement[][] = [];

  /** After all blocks: the stores of what has been written. */
  completeWriteBacks(): void {
    for (const list of this.writeBacks) {
      list.push(
        ...this.nest(() => {
          for (const [n, k] of this.kept.x) {
            if (k.written) this.store("i64.store", this.cpu, this.readLocal(k.local, "l"), CPU.x + 8 * n);
          }
          for (const [n, k] of this.kept.v) {
            if (k.written) this.store("v128.store", this.cpu, this.readLocal(k.local, "v"), CPU.v + 16 * n);
          }
          if (this.flagsWritten) {
            this.setState64(CPU.flagN, this.readLocal(this.flags.n, "l") as I64);
            this.setState64(CPU.flagZ, this.readLocal(this.flags.z, "l") as I64);
            this.setState32(CPU.flagC, this.local32(this.flags.c));
            this.setState64(CPU.flagV, this.readLocal(this.flags.v, "l") as I64);
          }
        }),
      );
    }
  }

  private local32(local: number): I32 {
    return this.readLocal(local, "i") as I32;
  }

  /** Leaves the region; the interpreter goes on at a slot of the page. */
  exitTo(slotNumber: number): void {
    this.writeLocal(this.nextSlot, this.local32(this.slotBase).add(slotNumber * SLOT_SIZE));
    this.br(this.exitLabel as Label);
  }

  /** Leaves the region for another page: the PC is in the block. */
  private exitToPc(): void {
    this.writeLocal(this.nextSlot, this.i32(0));
    this.br(this.exitLabel as Label);
  }

  /**
   * One block: the budget check, then what `write` emits; `count` is told how many instructions there were. `slot` is
   * where the interpreter takes over when the budget is too small.
   */
  blockBody(slot: number, write: (count: { count: number }) => void): number {
    const length = { count: 0 };
    const outer = this.blockLength;
    this.blockLength = length;
    this.pendingRefunds = [];
    const body = this.nest(() => write(length));
    for (const patch of this.pendingRefunds) patch(length.count);
    this.blockLength = outer;
    const n = this.i32(length.count);
    this.if(this.local32(this.left).ltS(n), () => this.exitTo(slot));
    this.writeLocal(this.left, this.local32(this.left).sub(n));
    this.current.push(...body);
    return length.count;
  }
  private pendingRefunds: ((length: number) => void)[] = [];

  /**
   * Code of the blocks one behind the other, each reached by falling into it, by a branch forward to its label, or by
   * `which` when entered from the top.
   */
  nestBlocks(labels: readonly Label[], which: I32, write: (index: number) => void): void {
    let body: Statement[] = [{ kind: "table", index: which.node, labels: [...labels], fallback: labels[0] as Label }];
    labels.forEach((label, i) => {
      body = [{ kind: "scope", label, body }, ...this.nest(() => write(i))];
    });
    this.current.push(...body);
  }

  /** Starts an instruction. Throws NotCompilable later, from the body, when it cannot be part of a region. */
  begin(word: number, slotNumber: number, position: number): void {
    this.word = word;
    this.slotNumber = slotNumber;
    this.position = position;
    this.ended = false;
  }

  /** Emits what `write` does, or nothing at all when it throws NotCompilable. */
  attempt(write: () => void): boolean {
    try {
      const body = this.nest(write);
      this.current.push(...body);
      return true;
    } catch (error) {
      if (error instanceof NotCompilable) return false;
      throw error;
    }
  }

  /** Goes back to the interpreter before this instruction, which carries it out. */
  private bail(): void {
    this.writeLocal(this.bailSlot, this.i32(this.slotNumber * SLOT_SIZE));
    // refund = instructions of the block from this one on; the block's length is not known yet.
    const { position } = this;
    const at = this.current;
    const index = at.length;
    this.pendingRefunds.push((length) => {
      const [statement] = this.nest(() => this.writeLocal(this.refund, this.i32(length - position)));
      if (statement) at[index] = statement;
    });
    this.writeLocal(this.refund, this.i32(0));
    this.br(this.bailLabel as Label);
  }

  // --- operands ------------------------------------------------------------------------------------------------------

  private number(o: Operand, delta = 0): number {
    const value = (this.word >>> o.lo) & ((2 ** o.width - 1) >>> 0);
    return delta === 0 ? value >>> 0 : (value + delta) & 31;
  }

  operand(o: Operand): I32 {
    return this.i32(this.number(o));
  }

  override signed(o: Operand): I64 {
    return this.i64(BigInt.asIntN(o.width, BigInt(this.number(o))));
  }

  pc(): I64 {
    return (this.readLocal(this.pageVa, "l") as I64).add(this.slotNumber * 4);
  }

  private keep(kind: Kind, n: number): Kept {
    let found = this.kept[kind].get(n);
    if (found === undefined) {
      found = { local: this.newLocal(kind === "x" ? "l" : "v"), written: false };
      this.kept[kind].set(n, found);
    }
    return found;
  }

  private get(n: number): I64 {
    return this.readLocal(this.keep("x", n).local, "l") as I64;
  }

  private set(n: number, value: I64): void {
    const kept = this.keep("x", n);
    kept.written = true;
    this.writeLocal(kept.local, value);
  }

  X(o: Operand | number, delta = 0): I64 {
    const n = typeof o === "number" ? o : this.number(o, delta);
    return n === 31 ? this.i64(0) : this.get(n);
  }
  setX(o: Operand | number, value: I64, delta = 0): void {
    const n = typeof o === "number" ? o : this.number(o, delta);
    if (n !== 31) this.set(n, value);
  }
  XSP(o: Operand): I64 {
    const n = this.number(o);
    return this.get(n === 31 ? SP : n);
  }
  setXSP(o: Operand, value: I64): void {
    const n = this.number(o);
    this.set(n === 31 ? SP : n, value);
  }
  base(o: Operand): I64 {
    const value = this.XSP(o);
    if (this.number(o) === 31) this.if(value.wrap().and(15), () => this.bail());
    return value;
  }

  V(o: Operand, delta = 0): V128 {
    return this.readLocal(this.keep("v", this.number(o, delta)).local, "v") as V128;
  }
  setV(o: Operand, value: V128, delta = 0): void {
    const kept = this.keep("v", this.number(o, delta));
    kept.written = true;
    this.writeLocal(kept.local, value);
  }

  // --- flags ----------------------------------------------------------------------------------------------------------

  setFlags(n: I64, z: I64, c: I32, v: I64): void {
    this.flagsUsed = true;
    this.flagsWritten = true;
    this.writeLocal(this.flags.n, n);
    this.writeLocal(this.flags.z, z);
    this.writeLocal(this.flags.c, c);
    this.writeLocal(this.flags.v, v);
  }
  private flag(local: number, type: "l" | "i"): Value {
    this.flagsUsed = true;
    return this.readLocal(local, type);
  }
  flagN(): I64 {
    return this.flag(this.flags.n, "l") as I64;
  }
  flagZ(): I64 {
    return this.flag(this.flags.z, "l") as I64;
  }
  flagC(): I32 {
    return this.flag(this.flags.c, "i") as I32;
  }
  flagV(): I64 {
    return this.flag(this.flags.v, "l") as I64;
  }

  // --- memory ---------------------------------------------------------------------------------------------------------

  /** Host address of an access that hits the TLB; any other bails. */
  private host(tag: number, size: number, address: I64, options: AccessOptions | undefined): I32 {
    if (options?.unprivileged) throw new NotCompilable("unprivileged access");
    const page = address.shrU(PAGE_BITS).wrap();
    const entry = this.local32(this.bankLocal).add(page.and(TLB_ENTRIES - 1).mul(TLB_ENTRY.size));
    const last = size === 1 ? address : address.add(size - 1);
    const misses = last.and(-(1n << BigInt(PAGE_BITS))).ne(this.load("i64.load", entry, BANK.data + tag) as I64);
    const unaligned = options?.aligned && size > 1 ? misses.or(address.wrap().and(size - 1)) : misses;
    this.if(unaligned, () => this.bail());
    return address.wrap().add(this.load("i32.load", entry, BANK.data + TLB_ENTRY.addend) as I32);
  }

  readHost(size: number, address: I64, options?: AccessOptions): I32 {
    return this.host(TLB_ENTRY.read, size, address, options);
  }
  loadMem(size: AccessSize, address: I64, options?: AccessOptions): I64 {
    return this.load(LOAD[size], this.readHost(size, address, options)) as I64;
  }
  loadMem128(address: I64, options?: AccessOptions): V128 {
    return this.load("v128.load", this.readHost(16, address, options)) as V128;
  }
  storeMem(size: AccessSize, address: I64, value: I64, options?: AccessOptions): void {
    this.store(STORE[size], this.host(TLB_ENTRY.write, size, address, options), value);
  }
  storeMem128(address: I64, value: V128, options?: AccessOptions): void {
    this.store("v128.store", this.host(TLB_ENTRY.write, 16, address, options), value);
  }
  loadPair(size: 4 | 8, address: I64): [I64, I64] {
    const host = this.host(TLB_ENTRY.read, 2 * size, address, undefined);
    return [this.load(LOAD[size], host) as I64, this.load(LOAD[size], host, size) as I64];
  }
  storePair(size: 4 | 8, address: I64, first: I64, second: I64): void {
    const host = this.host(TLB_ENTRY.write, 2 * size, address, undefined);
    this.store(STORE[size], host, first);
    this.store(STORE[size], host, second, size);
  }
  exclusiveHost(size: number, address: I64): I32 {
    return this.host(TLB_ENTRY.write, size, address, { aligned: true });
  }

  // --- how an instruction ends ------------------------------------------------------------------------------------------

  branch(target: I64): void {
    this.ended = true;
    this.setState64(CPU.pc, target);
    this.exitToPc();
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
    const slot = this.slotNumber + Number(bytes / 4n);
    if (slot >= 0 && slot < 1024) {
      this.jumps.jump(slot);
      return;
    }
    this.setState64(CPU.pc, this.pc().add(bytes));
    this.exitToPc();
  }

  leave(): void {
    throw new NotCompilable("leaves the engine");
  }
  callRuntime(): Value | undefined {
    throw new NotCompilable("needs the runtime");
  }
  synchronize(): void {
    throw new NotCompilable("synchronizes");
  }
  abandonIf(): void {
    throw new NotCompilable("may be abandoned");
  }
  undefinedIf(condition: I32): void {
    if (condition.node.constant === 0) return;
    this.if(condition, () => this.bail());
  }

  // --- vCPU block -------------------------------------------------------------------------------------------------------

  state64(offset: number): I64 {
    return this.load("i64.load", this.cpu, offset) as I64;
  }
  setState64(offset: number, value: I64): void {
    this.store("i64.store", this.cpu, value, offset);
  }
  state32(offset: number): I32 {
    return this.load("i32.load", this.cpu, offset) as I32;
  }
  setState32(offset: number, value: I32): void {
    this.store("i32.store", this.cpu, value, offset);
  }
}
