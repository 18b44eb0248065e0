/**
 * The Builder of the interpreter: fields come out of the instruction word at run time, registers live in the vCPU
 * block, memory goes through the software TLB inline and to runtime functions when that misses.
 */

import { raiseFpAccess, raiseIfStackMisaligned, raiseUndefined } from "../../cpu/exceptions.js";
import { type Form, fieldsOf, type Operand } from "../../isa/pattern.js";
import { bigEndian, hostForAtomic, loadSlow, store128Slow, storeSlow, unprivilegedBank } from "../../mmu/access.js";
import { swapBytes } from "../../mmu/walk.js";
import { type AccessOptions, type AccessSize, Builder, type SysregEntry } from "../builder.js";
import type { Callable, Linker } from "../ir/function.js";
import type { I32, I64, V128, Value } from "../ir/value.js";
import {
  AREA,
  BANK,
  CPU,
  PAGE_BITS,
  SLOT_SIZE,
  SLOTS_PER_PAGE,
  SYSREG_ENTRY,
  TLB_ENTRIES,
  TLB_ENTRY,
} from "../layout.js";
import type { Signature } from "../wasm/encoder.js";
import type { LoadName, StoreName } from "../wasm/opcodes.js";
import { slotOffset } from "./fetch-entry.js";
import { heatSlot, jump, noteTarget } from "./jump.js";

const LOAD: Record<AccessSize, LoadName> = { 1: "i64.load8_u", 2: "i64.load16_u", 4: "i64.load32_u", 8: "i64.load" };
const STORE: Record<AccessSize, StoreName> = { 1: "i64.store8", 2: "i64.store16", 4: "i64.store32", 8: "i64.store" };

/** Bits of the `flags` argument of the slow paths. */
export const ACCESS_ALIGNED = 1;
export const ACCESS_UNPRIVILEGED = 2;
/** From this bit: log2 of the element that is to be aligned, plus 1. */
const ACCESS_ELEMENT = 4;

export class InterpreterBuilder extends Builder {
  readonly cpu: I32;
  /** The instruction whose body is built. */
  protected word!: I32;
  protected slot!: I32;

  /** For a function whose first parameter is the vCPU block. */
  constructor(linker: Linker, { params, result }: Signature) {
    super(linker, params, result);
    this.cpu = this.param(0) as I32;
  }

  /** What a form does: a body that ends by `return` of the slot to go on with, or 0. */
  instruction(form: Form, word: I32, slot: I32): void {
    this.word = word;
    this.slot = slot;
    const { options, body } = form.row;
    if (options.fp) this.if(this.state32(CPU.fpTrap), () => this.leave(raiseFpAccess));
    body(this, fieldsOf(form));
    this.goOn();
  }

  operand(o: Operand): I32 {
    const top = o.lo + o.width === 32;
    const shifted = this.word.shrU(o.lo);
    return top ? shifted : shifted.and((1 << o.width) - 1);
  }

  override signed(o: Operand): I64 {
    return this.word
      .shl(32 - o.lo - o.width)
      .shrS(32 - o.width)
      .toI64S();
  }

  pc(): I64 {
    return this.state64(CPU.pcBias).add(this.slot.shrU(1).toI64U());
  }
  page(): I64 {
    return this.pc().and(-4096n);
  }

  /** Byte offset of entry `o + delta` in an array of 32 entries of 1 << log2 bytes. */
  private scaled(o: Operand, delta: number, log2: number): I32 {
    if (delta !== 0) return this.operand(o).add(delta).and(31).shl(log2);
    const shift = o.lo - log2;
    const moved = shift >= 0 ? this.word.shrU(shift) : this.word.shl(-shift);
    return moved.and(((1 << o.width) - 1) << log2);
  }

  X(o: Operand | number, delta = 0): I64 {
    if (typeof o === "number") return this.load("i64.load", this.cpu, CPU.x + 8 * o) as I64;
    return this.load("i64.load", this.cpu.add(this.scaled(o, delta, 3)), CPU.x) as I64;
  }

  setX(o: Operand | number, value: I64, delta = 0): void {
    if (typeof o === "number") {
      this.store("i64.store", this.cpu, value, CPU.x + 8 * o);
      return;
    }
    this.store("i64.store", this.cpu.add(this.scaled(o, delta, 3)), value, CPU.x);
    this.store("i64.store", this.cpu, this.i64(0), CPU.x + 8 * 31);
  }

  /** Slot 32 for register 31. */
  private spOffset(o: Operand): I32 {
    const n = this.operand(o);
    return n.add(n.add(1).shrU(5)).shl(3);
  }

  XSP(o: Operand): I64 {
    return this.load("i64.load", this.cpu.add(this.spOffset(o)), CPU.x) as I64;
  }

  setXSP(o: Operand, value: I64): void {
    this.store("i64.store", this.cpu.add(this.spOffset(o)), value, CPU.x);
  }

  base(o: Operand): I64 {
    const value = this.XSP(o);
    const isSp = this.operand(o).add(1).shrU(5);
    this.if(value.wrap().and(isSp.mul(15)), () => {
      this.setState64(CPU.pc, this.pc());
      this.abandonIf(this.call(raiseIfStackMisaligned, this.cpu));
    });
    return value;
  }

  V(o: Operand, delta = 0): V128 {
    return this.load("v128.load", this.cpu.add(this.scaled(o, delta, 4)), CPU.v) as V128;
  }

  override D(o: Operand, delta = 0): I64 {
    return this.load("i64.load", this.cpu.add(this.scaled(o, delta, 4)), CPU.v) as I64;
  }

  override S(o: Operand, delta = 0): I32 {
    return this.load("i32.load", this.cpu.add(this.scaled(o, delta, 4)), CPU.v) as I32;
  }

  setV(o: Operand, value: V128, delta = 0): void {
    this.store("v128.store", this.cpu.add(this.scaled(o, delta, 4)), value, CPU.v);
  }

  override setD(o: Operand, value: I64, delta = 0): void {
    const at = this.cpu.add(this.scaled(o, delta, 4));
    this.store("i64.store", at, value, CPU.v);
    this.store("i64.store", at, this.i64(0), CPU.v + 8);
  }

  // --- memory ---------------------------------------------------------------------------------------------------

  private bank(options: AccessOptions | undefined): I32 {
    if (options?.unprivileged) return this.call(unprivilegedBank, this.cpu);
    return this.state32(CPU.bank);
  }

  /** Host address for an access that hits, else what `miss` gives. */
  private translate(
    tag: number,
    size: number,
    address: I64,
    options: AccessOptions | undefined,
    hit: (host: I32) => void,
    miss: () => void,
  ): void {
    const entry = this.bank(options).add(
      address
        .shrU(PAGE_BITS)
        .wrap()
        .and(TLB_ENTRIES - 1)
        .mul(TLB_ENTRY.size),
    );
    // The last byte's page is compared with the first byte's entry, so that an access over a page border misses.
    const last = size === 1 ? address : address.add(size - 1);
    const same = last.and(-(1n << BigInt(PAGE_BITS))).eq(this.load("i64.load", entry, BANK.data + tag) as I64);
    let fits = same;
    if (options?.aligned && size > 1)
      fits = same.and(
        address
          .wrap()
          .and(size - 1)
          .eqz(),
      );
    this.if(
      fits,
      () => hit(address.wrap().add(this.load("i32.load", entry, BANK.data + TLB_ENTRY.addend) as I32)),
      () => {
        this.saveSlot();
        miss();
      },
    );
  }

  private saveSlot(): void {
    this.setState32(CPU.ip, this.slot);
  }

  private accessFlags(options: AccessOptions | undefined): I32 {
    const flags = (options?.aligned ? ACCESS_ALIGNED : 0) | (options?.unprivileged ? ACCESS_UNPRIVILEGED : 0);
    return options?.element === undefined ? this.i32(flags) : options.element.add(1).shl(ACCESS_ELEMENT).or(flags);
  }

  readHost(size: number, address: I64, options?: AccessOptions): I32 {
    const host = this.variable(this.i32(0));
    this.translate(
      TLB_ENTRY.read,
      size,
      address,
      options,
      (h) => host.set(h),
      () => {
        host.set(this.call(loadSlow, this.cpu, address, this.i32(size), this.accessFlags(options)));
        this.if(host.get().eqz(), () => this.return(this.i32(0)));
      },
    );
    return host.get();
  }

  loadMem(size: AccessSize, address: I64, options?: AccessOptions): I64 {
    return this.load(LOAD[size], this.readHost(size, address, options)) as I64;
  }

  loadPair(size: 4 | 8, address: I64): [I64, I64] {
    const values = [this.variable(this.i64(0)), this.variable(this.i64(0))] as const;
    this.translate(
      TLB_ENTRY.read,
      2 * size,
      address,
      undefined,
      (host) => {
        values.forEach((value, i) => {
          value.set(this.load(LOAD[size], host, i * size) as I64);
        });
      },
      () => {
        values.forEach((value, i) => {
          const host = this.call(
            loadSlow,
            this.cpu,
            address.add(i * size),
            this.i32(size),
            this.accessFlags(undefined),
          );
          this.if(host.eqz(), () => this.return(this.i32(0)));
          value.set(this.load(LOAD[size], host) as I64);
        });
      },
    );
    return [values[0].get(), values[1].get()];
  }

  storePair(size: 4 | 8, address: I64, first: I64, second: I64): void {
    this.translate(
      TLB_ENTRY.write,
      2 * size,
      address,
      undefined,
      (host) => {
        this.store(STORE[size], host, first);
        this.store(STORE[size], host, second, size);
      },
      () => {
        [first, second].forEach((value, i) => {
          const at = address.add(i * size);
          const failed = this.call(storeSlow, this.cpu, at, value, this.i32(size), this.accessFlags(undefined));
          this.if(failed, () => this.return(this.i32(0)));
        });
      },
    );
  }

  loadMem128(address: I64, options?: AccessOptions): V128 {
    return this.load("v128.load", this.readHost(16, address, options)) as V128;
  }

  storeMem(size: AccessSize, address: I64, value: I64, options?: AccessOptions): void {
    this.translate(
      TLB_ENTRY.write,
      size,
      address,
      options,
      (host) => this.store(STORE[size], host, value),
      () => {
        const failed = this.call(storeSlow, this.cpu, address, value, this.i32(size), this.accessFlags(options));
        this.if(failed, () => this.return(this.i32(0)));
      },
    );
  }

  storeMem128(address: I64, value: V128, options?: AccessOptions): void {
    this.translate(
      TLB_ENTRY.write,
      16,
      address,
      options,
      (host) => this.store("v128.store", host, value),
      () => {
        const failed = this.call(store128Slow, this.cpu, address, value, this.accessFlags(options));
        this.if(failed, () => this.return(this.i32(0)));
      },
    );
  }

  exclusiveHost(size: number, address: I64): I32 {
    const host = this.variable(this.i32(0));
    this.translate(
      TLB_ENTRY.write,
      size,
      address,
      { aligned: true },
      (h) => host.set(h),
      () => {
        host.set(this.call(hostForAtomic, this.cpu, address, this.i32(size)));
        this.if(host.get().eqz(), () => this.return(this.i32(0)));
      },
    );
    return host.get();
  }

  dataOrder(value: I64, log2: number): I64 {
    if (log2 === 0) return value;
    const ordered = this.variable(value);
    this.if(this.call(bigEndian, this.cpu), () => {
      ordered.set(this.call(swapBytes, value).shrU(64 - (8 << log2)));
    });
    return ordered.get();
  }

  // --- flags ----------------------------------------------------------------------------------------------------

  setFlags(n: I64, z: I64, c: I32, v: I64): void {
    this.setState64(CPU.flagN, n);
    this.setState64(CPU.flagZ, z);
    this.setState32(CPU.flagC, c);
    this.setState64(CPU.flagV, v);
  }
  flagN(): I64 {
    return this.state64(CPU.flagN);
  }
  flagZ(): I64 {
    return this.state64(CPU.flagZ);
  }
  flagC(): I32 {
    return this.state32(CPU.flagC);
  }
  flagV(): I64 {
    return this.state64(CPU.flagV);
  }

  // --- how an instruction ends ------------------------------------------------------------------------------------

  protected next(): I32 {
    return this.slot.add(SLOT_SIZE);
  }

  /** The end of a body that did not end itself. */
  protected goOn(): void {
    this.return(this.next());
  }

  noteTarget(target: I64): void {
    this.call(noteTarget, this.slot, target);
  }

  branch(target: I64, type: I32 = this.i32(0)): void {
    const samePage = target.xor(this.pc()).shrU(PAGE_BITS).eqz().and(target.wrap().and(3).eqz());
    this.if(samePage, () => {
      const slot = this.state32(CPU.slotBase).add(slotOffset(target));
      this.call(heatSlot, this.cpu, slot);
      this.return(slot);
    });
    this.return(this.call(jump, this.cpu, target, type));
  }

  branchDirect(offset: I64): void {
    const target = this.slot.add(offset.wrap().shl(1));
    const within = target.sub(this.state32(CPU.slotBase)).ltU(SLOTS_PER_PAGE * SLOT_SIZE);
    this.if(within, () => {
      // A loop's head, or a function.
      this.if(target.leU(this.slot), () => this.call(heatSlot, this.cpu, target));
      this.return(target);
    });
    this.return(this.call(jump, this.cpu, this.pc().add(offset), this.i32(0)));
  }

  branchDirectIf(condition: I32, offset: I64): void {
    this.if(condition, () => this.branchDirect(offset));
  }

  isLanding(): I32 {
    return this.i32(0);
  }

  leave(callee: Callable, ...args: Value[]): void {
    this.setState64(CPU.pc, this.pc());
    this.callUntyped(callee, [this.cpu, ...args]);
    this.return(this.i32(0));
  }

  callRuntime(callee: Callable, ...args: Value[]): Value | undefined {
    this.saveSlot();
    return this.callUntyped(callee, [this.cpu, ...args]);
  }

  synchronize(): void {
    this.setState64(CPU.pc, this.pc().add(4));
    this.return(this.i32(0));
  }

  abandonIf(condition: I32): void {
    this.if(condition, () => this.return(this.i32(0)));
  }

  undefinedIf(condition: I32): void {
    this.if(condition, () => this.leave(raiseUndefined));
  }

  // --- vCPU block -------------------------------------------------------------------------------------------------

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
  sysregEntry(encoding: I32): SysregEntry {
    const at = encoding.shl(4);
    const word = (offset: number): I32 => this.load("i32.load", at, AREA.sysregIndex + offset) as I32;
    return {
      flags: word(SYSREG_ENTRY.flags),
      offset: word(SYSREG_ENTRY.offset),
      readTraps: word(SYSREG_ENTRY.readTraps),
      writeTraps: word(SYSREG_ENTRY.writeTraps),
    };
  }
}
