/**
 * The host's float instructions by name, the same for a scalar and for the lanes of a vector, so that an operation is
 * written down once. Knows nothing of Arm but the formats' limits.
 */
import type { FunctionBuilder } from "../ir/function.js";
import { type F32, type F64, I32, type V128, type Value } from "../ir/value.js";
import type { OpName } from "../wasm/opcodes.js";

type Prefix = "f32" | "f64" | "f32x4" | "f64x2";

/** Smallest normal number, by width. */
export const MIN_NORMAL = { 16: 2 ** -14, 32: 2 ** -126, 64: 2 ** -1022 } as const;

/** Float instructions on values F with conditions M: 0 or 1 for a scalar, a mask of whole lanes for a vector. */
export class Host<F extends Value, M extends I32 | V128> {
  constructor(
    readonly fb: FunctionBuilder,
    readonly prefix: Prefix,
  ) {}

  private get single(): boolean {
    return this.prefix.startsWith("f32");
  }
  private get vector(): boolean {
    return this.prefix.includes("x");
  }
  private float(name: string, a: Value, b?: Value): F {
    return this.fb.op(`${this.prefix}.${name}` as OpName, a, b) as F;
  }
  private mask(name: string, a: F, b: F): M {
    return this.fb.op(`${this.prefix}.${name}` as OpName, a, b) as M;
  }

  constant(value: number): F {
    const { fb } = this;
    const scalar = this.single ? fb.f32(value) : fb.f64(value);
    if (!this.vector) return scalar as Value as F;
    const bytes = new DataView(new ArrayBuffer(16));
    for (let at = 0; at < 16; at += this.single ? 4 : 8) {
      if (this.single) bytes.setFloat32(at, value, true);
      else bytes.setFloat64(at, value, true);
    }
    return fb.v128([...new Uint8Array(bytes.buffer)]) as Value as F;
  }

  add(a: F, b: F): F {
    return this.float("add", a, b);
  }
  sub(a: F, b: F): F {
    return this.float("sub", a, b);
  }
  mul(a: F, b: F): F {
    return this.float("mul", a, b);
  }
  div(a: F, b: F): F {
    return this.float("div", a, b);
  }
  min(a: F, b: F): F {
    return this.float("min", a, b);
  }
  max(a: F, b: F): F {
    return this.float("max", a, b);
  }
  sqrt(a: F): F {
    return this.float("sqrt", a);
  }
  abs(a: F): F {
    return this.float("abs", a);
  }
  neg(a: F): F {
    return this.float("neg", a);
  }
  ceil(a: F): F {
    return this.float("ceil", a);
  }
  floor(a: F): F {
    return this.float("floor", a);
  }
  trunc(a: F): F {
    return this.float("trunc", a);
  }
  nearest(a: F): F {
    return this.float("nearest", a);
  }
  eq(a: F, b: F): M {
    return this.mask("eq", a, b);
  }
  lt(a: F, b: F): M {
    return this.mask("lt", a, b);
  }
  gt(a: F, b: F): M {
    return this.mask("gt", a, b);
  }
  ge(a: F, b: F): M {
    return this.mask("ge", a, b);
  }

  and(a: M, b: M): M {
    return this.fb.op(this.vector ? "v128.and" : "i32.and", a, b) as M;
  }
  or(a: M, b: M): M {
    return this.fb.op(this.vector ? "v128.or" : "i32.or", a, b) as M;
  }
  /** `a` where the condition holds, `b` elsewhere. */
  select(condition: M, a: F, b: F): F {
    if (condition instanceof I32) return this.fb.select(condition, a, b);
    return this.fb.op("v128.bitselect", a, b, condition) as F;
  }

  zero(a: F): M {
    return this.eq(a, this.constant(0));
  }
  notNaN(a: F): M {
    return this.eq(a, a);
  }
  infinite(a: F): M {
    return this.eq(this.abs(a), this.constant(Number.POSITIVE_INFINITY));
  }
  /** Neither infinite nor NaN. */
  finite(a: F): M {
    return this.lt(this.abs(a), this.constant(Number.POSITIVE_INFINITY));
  }
  /**
   * Finite and greater than the smallest normal number in magnitude. That one itself is left out: it may have been
   * reached by rounding a tiny result up, and tininess is detected before rounding.
   */
  normal(a: F): M {
    const magnitude = this.abs(a);
    const least = this.constant(this.single ? MIN_NORMAL[32] : MIN_NORMAL[64]);
    return this.and(this.gt(magnitude, least), this.lt(magnitude, this.constant(Number.POSITIVE_INFINITY)));
  }
  /**
   * Doubles: s, unless the error of the sum that it is is not zero; then that neighbour of the true sum that is odd.
   */
  roundToOdd(s: F, error: F): F {
    const { fb } = this;
    if (this.vector) {
      const [sum, v] = [s as Value as V128, error as Value as V128];
      const one = fb.v128([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
      const direction = (fb.op("i64x2.shr_s", v.xor(sum), fb.i32(63)) as V128).or(one);
      const exact = v.op("f64x2.eq", fb.v128Zero());
      const even = sum.and(one).op("i64x2.eq", fb.v128Zero());
      return sum.op("i64x2.add", direction.and(even).andnot(exact)) as Value as F;
    }
    const bits = (s as Value as F64).bits();
    const towardsError = (error as Value as F64).bits().xor(bits).shrS(63).or(1);
    const adjust = (error as Value as F64).ne(fb.f64(0)).and(bits.wrap().and(1).eqz());
    return bits.add(adjust.select(towardsError, fb.i64(0))).asF64() as Value as F;
  }
  /** Neither denormal nor NaN. */
  notDenormal(a: F): M {
    const least = this.constant(this.single ? MIN_NORMAL[32] : MIN_NORMAL[64]);
    return this.or(this.ge(this.abs(a), least), this.zero(a));
  }
}

export type ScalarHost = Host<F32 | F64, I32>;
export type VectorHost = Host<V128, V128>;

export const singleHost = (fb: FunctionBuilder): Host<F32, I32> => new Host(fb, "f32");
export const doubleHost = (fb: FunctionBuilder): Host<F64, I32> => new Host(fb, "f64");
/** The scalar at the bottom of a vector. */
export const scalarOf = (fb: FunctionBuilder, width: 32 | 64, v: V128): F32 | F64 =>
  fb.laneOp(width === 32 ? "f32x4.extract_lane" : "f64x2.extract_lane", 0, v) as F32 | F64;
export const vectorHost = (fb: FunctionBuilder, width: 32 | 64): VectorHost =>
  new Host(fb, width === 32 ? "f32x4" : "f64x2");
