/**
 * Vectors of integer elements of one size (DDI 0487, C1.2.5 "SIMD vectors"): wasm's lane instructions under one name
 * for all sizes, with the lane operations wasm lacks made from those it has.
 */
import type { FunctionBuilder } from "../../engine/ir/function.js";
import type { I32, I64, V128 } from "../../engine/ir/value.js";
import type { OpName } from "../../engine/wasm/opcodes.js";

const SHAPES = ["i8x16", "i16x8", "i32x4", "i64x2"] as const;

/** Bytes of a vector constant whose elements of `1 << size` bytes are all `value`. */
export function splatBytes(size: number, value: bigint): number[] {
  const width = 1 << size;
  return Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * (i % width))) & 0xffn));
}

/** Shuffle indices that take `pick(e)`, an element number of the two operands' concatenation, for element `e`. */
export function elementShuffle(size: number, pick: (element: number) => number): number[] {
  const width = 1 << size;
  return Array.from({ length: 16 }, (_, i) => pick(i >> size) * width + (i % width));
}

export class Lanes {
  /** Bits in an element. */
  readonly esize: number;
  /** Elements that set FPSR.QC if any bit of them is 1. */
  saturated: V128 | undefined;

  constructor(
    readonly fb: FunctionBuilder,
    /** log2 of the bytes in an element. */
    readonly size: number,
  ) {
    this.esize = 8 << size;
  }

  private wider: Lanes | undefined;
  /** Elements of twice the size, with notes of saturation of their own. */
  get wide(): Lanes {
    this.wider ??= new Lanes(this.fb, this.size + 1);
    return this.wider;
  }

  private do(name: string, a: V128, ...rest: V128[]): V128 {
    return a.op(`${SHAPES[this.size]}.${name}` as OpName, ...rest);
  }

  /** Every element `value`. */
  all(value: bigint): V128 {
    return this.fb.v128(splatBytes(this.size, value));
  }
  get zero(): V128 {
    return this.fb.v128Zero();
  }
  /** The most negative element value: the sign bit alone. */
  get minimum(): V128 {
    return this.all(1n << BigInt(this.esize - 1));
  }
  get maximum(): V128 {
    return this.all((1n << BigInt(this.esize - 1)) - 1n);
  }

  /** Notes elements that saturated, as a mask. */
  saturate(mask: V128): void {
    this.saturated = this.saturated ? this.saturated.or(mask) : mask;
  }

  add(a: V128, b: V128): V128 {
    return this.do("add", a, b);
  }
  sub(a: V128, b: V128): V128 {
    return this.do("sub", a, b);
  }
  neg(a: V128): V128 {
    return this.do("neg", a);
  }
  abs(a: V128): V128 {
    return this.do("abs", a);
  }
  mul(a: V128, b: V128): V128 {
    if (this.size > 0) return this.do("mul", a, b);
    const low = a.op("i16x8.extmul_low_i8x16_u", b);
    const high = a.op("i16x8.extmul_high_i8x16_u", b);
    return this.evens(low, high);
  }

  /** Shift amounts count modulo the element size. */
  shl(a: V128, amount: I32 | number): V128 {
    return this.shift("shl", a, amount);
  }
  shrS(a: V128, amount: I32 | number): V128 {
    return this.shift("shr_s", a, amount);
  }
  shrU(a: V128, amount: I32 | number): V128 {
    return this.shift("shr_u", a, amount);
  }
  shr(signed: boolean, a: V128, amount: I32 | number): V128 {
    return signed ? this.shrS(a, amount) : this.shrU(a, amount);
  }
  private shift(name: string, a: V128, amount: I32 | number): V128 {
    const count = typeof amount === "number" ? this.fb.i32(amount) : amount;
    return this.fb.op(`${SHAPES[this.size]}.${name}` as OpName, a, count) as V128;
  }
  /** All ones in negative elements. */
  sign(a: V128): V128 {
    return this.size === 0 ? this.ltS(a, this.zero) : this.shrS(a, this.esize - 1);
  }

  eq(a: V128, b: V128): V128 {
    return this.do("eq", a, b);
  }
  ne(a: V128, b: V128): V128 {
    return this.do("ne", a, b);
  }
  gtS(a: V128, b: V128): V128 {
    return this.do("gt_s", a, b);
  }
  geS(a: V128, b: V128): V128 {
    return this.do("ge_s", a, b);
  }
  ltS(a: V128, b: V128): V128 {
    return this.do("lt_s", a, b);
  }
  leS(a: V128, b: V128): V128 {
    return this.do("le_s", a, b);
  }
  gtU(a: V128, b: V128): V128 {
    return this.size === 3 ? this.gtS(a.xor(this.minimum), b.xor(this.minimum)) : this.do("gt_u", a, b);
  }
  geU(a: V128, b: V128): V128 {
    return this.size === 3 ? this.geS(a.xor(this.minimum), b.xor(this.minimum)) : this.do("ge_u", a, b);
  }

  /** Not for 64-bit elements. */
  max(signed: boolean, a: V128, b: V128): V128 {
    return this.do(signed ? "max_s" : "max_u", a, b);
  }
  min(signed: boolean, a: V128, b: V128): V128 {
    return this.do(signed ? "min_s" : "min_u", a, b);
  }

  /** a + b held to the element's range. */
  addSat(signed: boolean, a: V128, b: V128): V128 {
    const sum = this.add(a, b);
    if (this.size < 2) return this.noteChange(this.do(signed ? "add_sat_s" : "add_sat_u", a, b), sum);
    if (signed) return this.overflowed(this.sign(a.xor(sum).and(b.xor(sum))), a, sum);
    const carry = this.gtU(a, sum);
    this.saturate(carry);
    return sum.or(carry);
  }

  /** a - b held to the element's range. */
  subSat(signed: boolean, a: V128, b: V128): V128 {
    const difference = this.sub(a, b);
    if (this.size < 2) return this.noteChange(this.do(signed ? "sub_sat_s" : "sub_sat_u", a, b), difference);
    if (signed) return this.overflowed(this.sign(a.xor(b).and(a.xor(difference))), a, difference);
    const borrow = this.gtU(b, a);
    this.saturate(borrow);
    return difference.andnot(borrow);
  }

  private noteChange(saturated: V128, wrapped: V128): V128 {
    this.saturate(saturated.xor(wrapped));
    return saturated;
  }

  /** The extreme on `a`'s side where `mask`, else `result`. */
  overflowed(mask: V128, a: V128, result: V128): V128 {
    this.saturate(mask);
    return mask.bitselect(this.sign(a).xor(this.maximum), result);
  }

  /** Elements of half `high`, widened. */
  extend(signed: boolean, high: boolean, a: V128): V128 {
    return this.widening("extend", signed, high, a);
  }
  /** Full products of the elements of half `high`. */
  extmul(signed: boolean, high: boolean, a: V128, b: V128): V128 {
    return this.widening("extmul", signed, high, a, b);
  }
  private widening(what: string, signed: boolean, high: boolean, a: V128, ...rest: V128[]): V128 {
    const name = `${SHAPES[this.size + 1]}.${what}_${high ? "high" : "low"}_${SHAPES[this.size]}_${signed ? "s" : "u"}`;
    return a.op(name as OpName, ...rest);
  }

  /** Even-numbered elements of a:b (a lowest), and odd-numbered ones. */
  evens(a: V128, b: V128): V128 {
    return a.shuffle(
      b,
      elementShuffle(this.size, (e) => 2 * e),
    );
  }
  odds(a: V128, b: V128): V128 {
    return a.shuffle(
      b,
      elementShuffle(this.size, (e) => 2 * e + 1),
    );
  }

  /** Every element a copy of the low bits of `value`. */
  splat(value: I64): V128 {
    if (this.size === 3) return this.fb.op("i64x2.splat", value) as V128;
    return this.fb.op(`${SHAPES[this.size]}.splat` as OpName, value.wrap()) as V128;
  }

  /** Every element a copy of element `index` of `a`. */
  broadcast(a: V128, index: I32): V128 {
    const bytes = this.fb.op("i8x16.splat", index.shl(this.size)) as V128;
    if (this.size === 0) return a.op("i8x16.swizzle", bytes);
    const within = this.fb.v128(Array.from({ length: 16 }, (_, i) => i & ((1 << this.size) - 1)));
    return a.op("i8x16.swizzle", bytes.or(within));
  }

  /** All ones in element `index`, zeros elsewhere. */
  elementMask(index: I32): V128 {
    const numbers = this.fb.v128(Array.from({ length: 16 }, (_, i) => i >> this.size));
    return numbers.op("i8x16.eq", this.fb.op("i8x16.splat", index) as V128);
  }
}
