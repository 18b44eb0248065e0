/**
 * Typed expression nodes. A value is defined once and never changes; the emitter decides whether it becomes a wasm
 * local or is written out where it is used. Knows nothing of Arm.
 */
import type { LaneOpName, OpName, TypeLetter } from "../wasm/opcodes.js";
import type { FunctionBuilder } from "./function.js";

/** How the emitter may treat a node: `pure` moves freely, `read` stays in order but may vanish, `effect` stays. */
export type Purity = "pure" | "read" | "effect";

/** Shared by all that have none: nodes are made by the million. */
const NO_NODES: readonly Node[] = [];
const NO_IMMEDIATES: readonly number[] = [];

/** A value, and as a statement (function.ts) its definition. */
export class Node {
  uses = 0;
  /** The wasm local that holds the value, once it has one. */
  local = -1;

  constructor(
    /** A definition, or something done that has no value. */
    readonly kind: "def" | "effect",
    readonly type: TypeLetter,
    readonly purity: Purity,
    readonly opcode: number,
    readonly args: readonly Node[] = NO_NODES,
    /** Writes the immediates after the opcode. */
    readonly immediates: readonly number[] = NO_IMMEDIATES,
    /** Known at build time. */
    readonly constant: number | bigint | Uint8Array | undefined = undefined,
  ) {}
}

export abstract class Value {
  abstract get letter(): TypeLetter;
  constructor(
    protected readonly fb: FunctionBuilder,
    readonly node: Node,
  ) {}
}

type IntArg<T> = T | number;

export class I32 extends Value {
  get letter(): "i" {
    return "i";
  }
  private two(op: OpName, b: IntArg<I32>): I32 {
    return this.fb.op(op, this, typeof b === "number" ? this.fb.i32(b) : b) as I32;
  }
  add(b: IntArg<I32>): I32 {
    return this.two("i32.add", b);
  }
  sub(b: IntArg<I32>): I32 {
    return this.two("i32.sub", b);
  }
  mul(b: IntArg<I32>): I32 {
    return this.two("i32.mul", b);
  }
  divS(b: IntArg<I32>): I32 {
    return this.two("i32.div_s", b);
  }
  divU(b: IntArg<I32>): I32 {
    return this.two("i32.div_u", b);
  }
  remU(b: IntArg<I32>): I32 {
    return this.two("i32.rem_u", b);
  }
  and(b: IntArg<I32>): I32 {
    return this.two("i32.and", b);
  }
  or(b: IntArg<I32>): I32 {
    return this.two("i32.or", b);
  }
  xor(b: IntArg<I32>): I32 {
    return this.two("i32.xor", b);
  }
  not(): I32 {
    return this.two("i32.xor", -1);
  }
  neg(): I32 {
    return this.fb.i32(0).sub(this);
  }
  /** Shift amounts count modulo 32, as in wasm. */
  shl(b: IntArg<I32>): I32 {
    return this.two("i32.shl", b);
  }
  shrS(b: IntArg<I32>): I32 {
    return this.two("i32.shr_s", b);
  }
  shrU(b: IntArg<I32>): I32 {
    return this.two("i32.shr_u", b);
  }
  rotr(b: IntArg<I32>): I32 {
    return this.two("i32.rotr", b);
  }
  rotl(b: IntArg<I32>): I32 {
    return this.two("i32.rotl", b);
  }
  eq(b: IntArg<I32>): I32 {
    return this.two("i32.eq", b);
  }
  ne(b: IntArg<I32>): I32 {
    return this.two("i32.ne", b);
  }
  ltS(b: IntArg<I32>): I32 {
    return this.two("i32.lt_s", b);
  }
  ltU(b: IntArg<I32>): I32 {
    return this.two("i32.lt_u", b);
  }
  leS(b: IntArg<I32>): I32 {
    return this.two("i32.le_s", b);
  }
  leU(b: IntArg<I32>): I32 {
    return this.two("i32.le_u", b);
  }
  gtS(b: IntArg<I32>): I32 {
    return this.two("i32.gt_s", b);
  }
  gtU(b: IntArg<I32>): I32 {
    return this.two("i32.gt_u", b);
  }
  geS(b: IntArg<I32>): I32 {
    return this.two("i32.ge_s", b);
  }
  geU(b: IntArg<I32>): I32 {
    return this.two("i32.ge_u", b);
  }
  eqz(): I32 {
    return this.fb.op("i32.eqz", this) as I32;
  }
  clz(): I32 {
    return this.fb.op("i32.clz", this) as I32;
  }
  ctz(): I32 {
    return this.fb.op("i32.ctz", this) as I32;
  }
  popcnt(): I32 {
    return this.fb.op("i32.popcnt", this) as I32;
  }
  extend8S(): I32 {
    return this.fb.op("i32.extend8_s", this) as I32;
  }
  extend16S(): I32 {
    return this.fb.op("i32.extend16_s", this) as I32;
  }
  toI64U(): I64 {
    return this.fb.op("i64.extend_i32_u", this) as I64;
  }
  toI64S(): I64 {
    return this.fb.op("i64.extend_i32_s", this) as I64;
  }
  asF32(): F32 {
    return this.fb.op("f32.reinterpret_i32", this) as F32;
  }
  /** `this ? a : b`; both sides are evaluated. */
  select<T extends Value>(a: T, b: T): T {
    return this.fb.select(this, a, b);
  }
}

export class I64 extends Value {
  get letter(): "l" {
    return "l";
  }
  private two(op: OpName, b: I64 | number | bigint): Value {
    return this.fb.op(op, this, b instanceof I64 ? b : this.fb.i64(b));
  }
  add(b: I64 | number | bigint): I64 {
    return this.two("i64.add", b) as I64;
  }
  sub(b: I64 | number | bigint): I64 {
    return this.two("i64.sub", b) as I64;
  }
  mul(b: I64 | number | bigint): I64 {
    return this.two("i64.mul", b) as I64;
  }
  divS(b: I64 | number | bigint): I64 {
    return this.two("i64.div_s", b) as I64;
  }
  divU(b: I64 | number | bigint): I64 {
    return this.two("i64.div_u", b) as I64;
  }
  remU(b: I64 | number | bigint): I64 {
    return this.two("i64.rem_u", b) as I64;
  }
  and(b: I64 | number | bigint): I64 {
    return this.two("i64.and", b) as I64;
  }
  or(b: I64 | number | bigint): I64 {
    return this.two("i64.or", b) as I64;
  }
  xor(b: I64 | number | bigint): I64 {
    return this.two("i64.xor", b) as I64;
  }
  not(): I64 {
    return this.xor(-1n);
  }
  neg(): I64 {
    return this.fb.i64(0n).sub(this);
  }
  /** Shift amounts count modulo 64, as in wasm. */
  shl(b: I64 | number): I64 {
    return this.two("i64.shl", b) as I64;
  }
  shrS(b: I64 | number): I64 {
    return this.two("i64.shr_s", b) as I64;
  }
  shrU(b: I64 | number): I64 {
    return this.two("i64.shr_u", b) as I64;
  }
  rotr(b: I64 | number): I64 {
    return this.two("i64.rotr", b) as I64;
  }
  rotl(b: I64 | number): I64 {
    return this.two("i64.rotl", b) as I64;
  }
  eq(b: I64 | number | bigint): I32 {
    return this.two("i64.eq", b) as I32;
  }
  ne(b: I64 | number | bigint): I32 {
    return this.two("i64.ne", b) as I32;
  }
  ltS(b: I64 | number | bigint): I32 {
    return this.two("i64.lt_s", b) as I32;
  }
  ltU(b: I64 | number | bigint): I32 {
    return this.two("i64.lt_u", b) as I32;
  }
  leS(b: I64 | number | bigint): I32 {
    return this.two("i64.le_s", b) as I32;
  }
  leU(b: I64 | number | bigint): I32 {
    return this.two("i64.le_u", b) as I32;
  }
  gtS(b: I64 | number | bigint): I32 {
    return this.two("i64.gt_s", b) as I32;
  }
  gtU(b: I64 | number | bigint): I32 {
    return this.two("i64.gt_u", b) as I32;
  }
  geS(b: I64 | number | bigint): I32 {
    return this.two("i64.ge_s", b) as I32;
  }
  geU(b: I64 | number | bigint): I32 {
    return this.two("i64.ge_u", b) as I32;
  }
  eqz(): I32 {
    return this.fb.op("i64.eqz", this) as I32;
  }
  clz(): I64 {
    return this.fb.op("i64.clz", this) as I64;
  }
  ctz(): I64 {
    return this.fb.op("i64.ctz", this) as I64;
  }
  popcnt(): I64 {
    return this.fb.op("i64.popcnt", this) as I64;
  }
  extend8S(): I64 {
    return this.fb.op("i64.extend8_s", this) as I64;
  }
  extend16S(): I64 {
    return this.fb.op("i64.extend16_s", this) as I64;
  }
  extend32S(): I64 {
    return this.fb.op("i64.extend32_s", this) as I64;
  }
  wrap(): I32 {
    return this.fb.op("i32.wrap_i64", this) as I32;
  }
  asF64(): F64 {
    return this.fb.op("f64.reinterpret_i64", this) as F64;
  }
  /** Bits [lo+width-1 : lo], zero-extended. */
  bits(lo: number, width: number): I64 {
    const shifted = lo === 0 ? this : this.shrU(lo);
    return lo + width === 64 ? shifted : shifted.and((1n << BigInt(width)) - 1n);
  }
  /** Bit `n` as a condition. */
  bit(n: number): I32 {
    return this.shrU(n).wrap().and(1);
  }
}

export class F32 extends Value {
  get letter(): "f" {
    return "f";
  }
  private two<R extends Value>(op: OpName, b: F32): R {
    return this.fb.op(op, this, b) as unknown as R;
  }
  add(b: F32): F32 {
    return this.two("f32.add", b);
  }
  sub(b: F32): F32 {
    return this.two("f32.sub", b);
  }
  mul(b: F32): F32 {
    return this.two("f32.mul", b);
  }
  div(b: F32): F32 {
    return this.two("f32.div", b);
  }
  sqrt(): F32 {
    return this.fb.op("f32.sqrt", this) as F32;
  }
  abs(): F32 {
    return this.fb.op("f32.abs", this) as F32;
  }
  neg(): F32 {
    return this.fb.op("f32.neg", this) as F32;
  }
  eq(b: F32): I32 {
    return this.two("f32.eq", b);
  }
  ne(b: F32): I32 {
    return this.two("f32.ne", b);
  }
  lt(b: F32): I32 {
    return this.two("f32.lt", b);
  }
  le(b: F32): I32 {
    return this.two("f32.le", b);
  }
  gt(b: F32): I32 {
    return this.two("f32.gt", b);
  }
  ge(b: F32): I32 {
    return this.two("f32.ge", b);
  }
  toF64(): F64 {
    return this.fb.op("f64.promote_f32", this) as F64;
  }
  bits(): I32 {
    return this.fb.op("i32.reinterpret_f32", this) as I32;
  }
}

export class F64 extends Value {
  get letter(): "d" {
    return "d";
  }
  private two<R extends Value>(op: OpName, b: F64): R {
    return this.fb.op(op, this, b) as unknown as R;
  }
  add(b: F64): F64 {
    return this.two("f64.add", b);
  }
  sub(b: F64): F64 {
    return this.two("f64.sub", b);
  }
  mul(b: F64): F64 {
    return this.two("f64.mul", b);
  }
  div(b: F64): F64 {
    return this.two("f64.div", b);
  }
  sqrt(): F64 {
    return this.fb.op("f64.sqrt", this) as F64;
  }
  abs(): F64 {
    return this.fb.op("f64.abs", this) as F64;
  }
  neg(): F64 {
    return this.fb.op("f64.neg", this) as F64;
  }
  eq(b: F64): I32 {
    return this.two("f64.eq", b);
  }
  ne(b: F64): I32 {
    return this.two("f64.ne", b);
  }
  lt(b: F64): I32 {
    return this.two("f64.lt", b);
  }
  le(b: F64): I32 {
    return this.two("f64.le", b);
  }
  gt(b: F64): I32 {
    return this.two("f64.gt", b);
  }
  ge(b: F64): I32 {
    return this.two("f64.ge", b);
  }
  toF32(): F32 {
    return this.fb.op("f32.demote_f64", this) as F32;
  }
  bits(): I64 {
    return this.fb.op("i64.reinterpret_f64", this) as I64;
  }
}

export class V128 extends Value {
  get letter(): "v" {
    return "v";
  }
  /** Any SIMD instruction whose first operand is this vector: `a.op("i8x16.add", b)`. */
  op(name: OpName, ...rest: Value[]): V128 {
    return this.fb.op(name, this, ...rest) as V128;
  }
  /** The same where the result is a scalar: `a.test("i8x16.all_true")`. */
  test(name: OpName, ...rest: Value[]): I32 {
    return this.fb.op(name, this, ...rest) as I32;
  }
  and(b: V128): V128 {
    return this.op("v128.and", b);
  }
  or(b: V128): V128 {
    return this.op("v128.or", b);
  }
  xor(b: V128): V128 {
    return this.op("v128.xor", b);
  }
  not(): V128 {
    return this.op("v128.not");
  }
  /** this AND NOT b. */
  andnot(b: V128): V128 {
    return this.op("v128.andnot", b);
  }
  /** Bits of `a` where this is 1, of `b` where it is 0. */
  bitselect(a: V128, b: V128): V128 {
    return this.fb.op("v128.bitselect", a, b, this) as V128;
  }
  /** Lane of constant number. */
  lane(name: LaneOpName, lane: number): Value {
    return this.fb.laneOp(name, lane, this);
  }
  i64(lane: 0 | 1): I64 {
    return this.lane("i64x2.extract_lane", lane) as I64;
  }
  i32(lane: number): I32 {
    return this.lane("i32x4.extract_lane", lane) as I32;
  }
  /** Lane of `bits` width (8, 16, 32, 64), zero- or sign-extended to 64 bits. */
  element(bits: number, lane: number, signed = false): I64 {
    switch (bits) {
      case 8:
        return signed
          ? (this.lane("i8x16.extract_lane_s", lane) as I32).toI64S()
          : (this.lane("i8x16.extract_lane_u", lane) as I32).toI64U();
      case 16:
        return signed
          ? (this.lane("i16x8.extract_lane_s", lane) as I32).toI64S()
          : (this.lane("i16x8.extract_lane_u", lane) as I32).toI64U();
      case 32:
        return signed ? this.i32(lane).toI64S() : this.i32(lane).toI64U();
      default:
        return this.i64(lane as 0 | 1);
    }
  }
  /** A copy with one lane of `bits` width replaced by the low bits of `value`. */
  withElement(bits: number, lane: number, value: I64): V128 {
    switch (bits) {
      case 8:
        return this.fb.laneOp("i8x16.replace_lane", lane, this, value.wrap()) as V128;
      case 16:
        return this.fb.laneOp("i16x8.replace_lane", lane, this, value.wrap()) as V128;
      case 32:
        return this.fb.laneOp("i32x4.replace_lane", lane, this, value.wrap()) as V128;
      default:
        return this.fb.laneOp("i64x2.replace_lane", lane, this, value) as V128;
    }
  }
  /** Bytes of this (0–15) and `b` (16–31) in the order given. */
  shuffle(b: V128, lanes: readonly number[]): V128 {
    return this.fb.shuffle(this, b, lanes);
  }
}

/** Value classes by type letter. */
export interface ValueOf {
  i: I32;
  l: I64;
  f: F32;
  d: F64;
  v: V128;
}
