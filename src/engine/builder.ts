/**
 * The Builder: what an instruction body is written against. It adds the architectural state of one vCPU to the plain
 * function builder. An engine supplies the few abstract operations (where registers live, how memory is reached, how
 * the instruction ends); bodies never know which engine that is.
 *
 * Rules for bodies:
 * - Read operands, then do all memory accesses, then write registers: an access that faults abandons the instruction,
 *   and nothing may have changed by then.
 * - Branch in TypeScript on variant fields only; operand fields are `Operand`s and stay opaque.
 * - A body that ends the instruction itself (branch, exception, `leave`) does nothing after that on the same path.
 */
import type { Operand } from "../isa/pattern.js";
import { type FlagSource, flagsOf, flagsOfWord } from "./flags.js";
import { type Callable, FunctionBuilder } from "./ir/function.js";
import { vectorOfBits, vectorOfFloat } from "./ir/lanes.js";
import type { I32, I64, V128, Value } from "./ir/value.js";

export type AccessSize = 1 | 2 | 4 | 8;

export interface AccessOptions {
  /** LDTR/STTR: as EL0 would. */
  readonly unprivileged?: boolean;
  /** Acquire, release, exclusive, atomic: unaligned is an Alignment fault whatever SCTLR_ELx.A says. */
  readonly aligned?: boolean;
  /** log2 of the bytes to which the access is aligned where alignment is asked for; default: its size. */
  readonly element?: I32;
}

/** What is known of a system register's encoding: fields of SYSREG_ENTRY. */
export interface SysregEntry {
  readonly flags: I32;
  readonly offset: I32;
  readonly readTraps: I32;
  readonly writeTraps: I32;
}

export abstract class Builder extends FunctionBuilder {
  /** Base of the vCPU block. */
  abstract readonly cpu: I32;

  /** The field's bits, zero-extended. */
  abstract operand(o: Operand): I32;
  /** Address of this instruction. */
  abstract pc(): I64;
  /** That of the 4 KB round it. */
  abstract page(): I64;

  /** X[n], 31 reads zero. `delta` counts modulo 32 (pairs). */
  abstract X(o: Operand | number, delta?: number): I64;
  /** Writes X[n]; 31 is discarded. */
  abstract setX(o: Operand | number, value: I64, delta?: number): void;
  /** X[n] or SP for 31. */
  abstract XSP(o: Operand): I64;
  abstract setXSP(o: Operand, value: I64): void;
  /** The base register of a load or store: X[n], or SP for 31, checked for alignment where SCTLR_ELx.SA asks. */
  abstract base(o: Operand): I64;
  /** Whole vector register; `delta` counts modulo 32 (multi-register forms). */
  abstract V(o: Operand, delta?: number): V128;
  abstract setV(o: Operand, value: V128, delta?: number): void;

  /** Loads, zero-extended to 64 bits. A fault ends the instruction. */
  abstract loadMem(size: AccessSize, address: I64, options?: AccessOptions): I64;
  abstract storeMem(size: AccessSize, address: I64, value: I64, options?: AccessOptions): void;
  /** The same of 4 or 8 bytes, alone in a vector. */
  loadScalarVector(size: 4 | 8, address: I64): V128 {
    return vectorOfBits(this, this.loadMem(size, address));
  }
  abstract loadMem128(address: I64, options?: AccessOptions): V128;
  abstract storeMem128(address: I64, value: V128, options?: AccessOptions): void;
  /** Two neighbouring accesses of `size` bytes each (LDP, STP), which the MMU need be asked about only once. */
  abstract loadPair(size: 4 | 8, address: I64): [I64, I64];
  /** The same, each alone in a vector. */
  loadScalarVectors(size: 4 | 8, address: I64): [V128, V128] {
    const [low, high] = this.loadPair(size, address);
    return [vectorOfBits(this, low), vectorOfBits(this, high)];
  }
  abstract storePair(size: 4 | 8, address: I64, first: I64, second: I64): void;
  /** Host address at which `size` (1–16) bytes may be read (LDXR). A fault ends the instruction. */
  abstract readHost(size: number, address: I64, options?: AccessOptions): I32;
  /**
   * Host address at which `size` (1–16) bytes may be read and written at once (atomics). A fault ends the instruction.
   */
  abstract exclusiveHost(size: number, address: I64): I32;
  /**
   * The low 1 << log2 bytes of what is or will be at such a host address, in the other order where the guest's data is
   * big-endian; loads and stores by address see to that themselves.
   */
  abstract dataOrder(value: I64, log2: number): I64;

  abstract setFlags(n: I64, z: I64, c: I32, v: I64): void;
  abstract flagN(): I64;
  abstract flagZ(): I64;
  abstract flagC(): I32;
  abstract flagV(): I64;

  /** This is an indirect branch to `target`, and no return: the interpreter remembers that for the compiler. */
  abstract noteTarget(target: I64): void;
  /** Whether it is known that a branch of a kind of BTYPE may go on at `target` as if no page were guarded. */
  abstract isLanding(target: I64, kind: I32): I32;
  /** Ends the instruction: go on at `target`, with a BTYPE (interpreter/landing.ts) or none. */
  abstract branch(target: I64, type?: I32): void;
  /** Ends the instruction: PC + `offset`, known to be a direct branch. */
  abstract branchDirect(offset: I64): void;
  /** Ends the instruction if the condition holds, falls through to the next one otherwise. */
  abstract branchDirectIf(condition: I32, offset: I64): void;
  /**
   * Hands the instruction over to a runtime function (cpu, …) after saving the PC *of this instruction*; the function
   * leaves the PC to go on from (or an exit reason) in the vCPU block.
   */
  abstract leave(callee: Callable, ...args: Value[]): void;
  /** Like `leave` but comes back with a result: the callee must not change the PC. */
  abstract callRuntime(callee: Callable, ...args: Value[]): Value | undefined;
  /** Ends the instruction; the next one begins with interrupts and exits looked at. */
  abstract synchronize(): void;
  /** If the i32 (from a runtime function) is not 0, the instruction was abandoned: an exception or exit is set up. */
  abstract abandonIf(condition: I32): void;
  /** The encoding is UNDEFINED with these operands. */
  abstract undefinedIf(condition: I32): void;
  /** 64-bit and 32-bit words of the vCPU block, at offsets of engine/layout.ts. */
  abstract state64(offset: number): I64;
  abstract setState64(offset: number, value: I64): void;
  abstract state32(offset: number): I32;
  abstract setState32(offset: number, value: I32): void;
  /** What the engine's index says of a system register's 15-bit encoding. */
  abstract sysregEntry(encoding: I32): SysregEntry;
  /** Sets the flags that something has, which an engine may put off until they are wanted. */
  setFlagsFrom(source: FlagSource): void {
    const { n, z, c, v } = flagsOf(this, source);
    this.setFlags(n, z, c, v);
  }
  /** The same if the condition holds; else NZCV are bits 31–28 of `otherwise`. */
  setFlagsIf(condition: I32, source: FlagSource, otherwise: I32): void {
    this.if(
      condition,
      () => this.setFlagsFrom(source),
      () => this.setNzcv(otherwise),
    );
  }

  // --- derived ------------------------------------------------------------------------------------------------

  /** The field's bits, sign-extended. */
  signed(o: Operand): I64 {
    const shift = 64 - o.width;
    return this.operand(o).toI64U().shl(shift).shrS(shift);
  }

  /** W[n] as i32. */
  W(o: Operand | number, delta = 0): I32 {
    return this.X(o, delta).wrap();
  }
  /** Writes W[n]: the upper half becomes zero. */
  setW(o: Operand | number, value: I32, delta = 0): void {
    this.setX(o, value.toI64U(), delta);
  }

  /** D[n] and S[n] as bits. */
  D(o: Operand, delta = 0): I64 {
    return this.V(o, delta).i64(0);
  }
  S(o: Operand, delta = 0): I32 {
    return this.V(o, delta).i32(0);
  }
  /** Writes D[n] (or any 64-bit scalar): the rest of the register becomes zero. */
  setD(o: Operand, value: I64, delta = 0): void {
    this.setV(o, vectorOfBits(this, value), delta);
  }
  setS(o: Operand, value: I32, delta = 0): void {
    this.setD(o, value.toI64U(), delta);
  }
  /** S[n] or D[n] alone in a vector: zeros above it. */
  scalarVector(o: Operand, width: 32 | 64): V128 {
    return vectorOfFloat(this, width === 64 ? this.D(o).asF64() : this.S(o).asF32());
  }
  /** Writes such a vector. */
  setScalarVector(o: Operand, value: V128, _width: 32 | 64): void {
    this.setV(o, value);
  }

  /** PSTATE condition `code` (DDI 0487, ConditionHolds) as 0 or 1. */
  condition(code: number): I32 {
    const base = this.conditionBase(code >> 1);
    return (code & 1) === 1 && code !== 15 ? base.eqz() : base;
  }

  private conditionBase(pair: number): I32 {
    const ge = (): I32 => this.flagN().xor(this.flagV()).geS(0);
    switch (pair) {
      case 0:
        return this.flagZ().eqz();
      case 1:
        return this.flagC();
      case 2:
        return this.flagN().ltS(0);
      case 3:
        return this.flagV().ltS(0);
      case 4:
        return this.flagC().and(this.flagZ().eqz().eqz());
      case 5:
        return ge();
      case 6:
        return ge().and(this.flagZ().eqz().eqz());
      default:
        return this.i32(1);
    }
  }

  /** NZCV in bits 31–28. */
  nzcv(): I32 {
    return this.flagN()
      .shrU(63)
      .wrap()
      .shl(31)
      .or(this.flagZ().eqz().shl(30))
      .or(this.flagC().shl(29))
      .or(this.flagV().shrU(63).wrap().shl(28));
  }

  /** Takes NZCV from bits 31–28. */
  setNzcv(value: I32): void {
    const { n, z, c, v } = flagsOfWord(value);
    this.setFlags(n, z, c, v);
  }
}
