/**
 * The operations that the host has float instructions for, one row each: how it computes them, where its result is
 * the instruction's (DDI 0487, Shared pseudocode, functions/float), and when that result was not rounded. All is said
 * of FPCR's default but `directed`.
 */
import type { FpOpName } from "../../cpu/fp/exact.js";
import type { FunctionBuilder } from "../ir/function.js";
import type { F32, F64, I32, I64, V128, Value } from "../ir/value.js";
import { doubleHost, type Host, singleHost } from "./host.js";
import type { Quick } from "./quick.js";

type Compute = <F extends Value, M extends I32 | V128>(h: Host<F, M>, x: F, y: F) => F;
type Certain = <F extends Value, M extends I32 | V128>(h: Host<F, M>, r: F, x: F, y: F) => M;
type Holds = <F extends Value, M extends I32 | V128>(h: Host<F, M>, x: F, y: F) => M;

/** Whether r, known to be certain, is what the operation gives before rounding. */
export interface Unrounded {
  readonly single: (fb: FunctionBuilder, r: F32, x: F32, y: F32) => I32;
  readonly double: (fb: FunctionBuilder, r: F64, x: F64, y: F64) => I32;
  /** r and x widened; absent: r fits in half precision. */
  readonly half?: (r: F64, x: F64) => I32;
}

/**
 * "propagate": an infinite operand gives what the host has, unrounded, unless that is a NaN; a quiet NaN gives itself.
 * "number": the same, but one quiet NaN beside a number gives the number. "invalid": neither is for the host.
 */
export type Special = "propagate" | "number" | "invalid";

export interface ArithmeticOperation {
  readonly operands: 1 | 2;
  readonly compute: Compute;
  readonly certain: Certain;
  /** Less than that, and quicker to find out. */
  readonly quick?: Quick;
  /** It makes zero of zeros, with the same sign: lanes that are empty stay so. */
  readonly keepsEmpty?: true;
  /** Absent: the operation never raises Inexact. */
  readonly unrounded?: Unrounded;
  /** What becomes of infinities and quiet NaNs; absent: "propagate". */
  readonly special?: Special;
  /**
   * Of numbers the host's result is the instruction's always, and tells what was raised: a NaN Invalid Operation, an
   * infinity of finite operands Overflow (or Divide by Zero). Of tiny results it tells no more than what may have been.
   */
  readonly tells?: true;
  /** FPCR.RMode is of no account. */
  readonly directed?: true;
}

// --- certain --------------------------------------------------------------------------------------------------------

/** Sums: a denormal or zero one is exact. */
const finite: Certain = (h, r) => h.finite(r);
const notNaN: Certain = (h, r) => h.notNaN(r);
const product: Certain = (h, r, x, y) => h.or(h.normal(r), h.and(h.zero(r), h.or(h.zero(x), h.zero(y))));
const quotient: Certain = (h, r, x) => h.or(h.normal(r), h.and(h.zero(r), h.zero(x)));

// --- unrounded ------------------------------------------------------------------------------------------------------

/** Knuth's TwoSum: the error of the rounded sum r = x + y, itself exact. */
export function sumError<F extends Value, M extends I32 | V128>(h: Host<F, M>, r: F, x: F, y: F): F {
  const virtual = h.sub(r, x);
  return h.add(h.sub(x, h.sub(r, virtual)), h.sub(y, virtual));
}

/** The significand of a finite double as an odd integer; 0 of a zero. */
function oddSignificand(fb: FunctionBuilder, x: F64): I64 {
  const bits = x.bits();
  const hidden = bits
    .bits(52, 11)
    .eqz()
    .select(fb.i64(0), fb.i64(1n << 52n));
  const significand = bits.bits(0, 52).or(hidden);
  return significand.shrU(significand.ctz());
}

const noError = <F extends F32 | F64>(h: Host<F, I32>, r: F, x: F, y: F): I32 => h.zero(sumError(h, r, x, y));

const sum: Unrounded = {
  single: (fb, r, x, y) => noError(singleHost(fb), r, x, y),
  double: (fb, r, x, y) => noError(doubleHost(fb), r, x, y),
};

const difference: Unrounded = {
  single: (fb, r, x, y) => noError(singleHost(fb), r, x, y.neg()),
  double: (fb, r, x, y) => noError(doubleHost(fb), r, x, y.neg()),
};

const multiplication: Unrounded = {
  single: (_fb, r, x, y) => x.toF64().mul(y.toF64()).eq(r.toF64()),
  double: (fb, _r, x, y) => {
    const [a, b] = [oddSignificand(fb, x), oddSignificand(fb, y)];
    const below2to64 = a.clz().add(b.clz()).geU(64);
    return below2to64.and(a.mul(b).shrU(53).eqz());
  },
};

const division: Unrounded = {
  single: (fb, r, x, y) =>
    r
      .toF64()
      .mul(y.toF64())
      .eq(x.toF64())
      .or(x.eq(fb.f32(0))),
  double: (fb, _r, x, y) => oddSignificand(fb, x).remU(oddSignificand(fb, y)).eqz(),
};

const squareRoot: Unrounded = {
  single: (_fb, r, x) => r.toF64().mul(r.toF64()).eq(x.toF64()),
  double: (fb, r, x) => {
    const root = oddSignificand(fb, r);
    return root
      .shrU(27)
      .eqz()
      .and(root.mul(root).eq(oddSignificand(fb, x)));
  },
};

const rounding: Unrounded = {
  single: (_fb, r, x) => r.eq(x),
  double: (_fb, r, x) => r.eq(x),
  half: (r, x) => r.eq(x),
};

// --- rows -----------------------------------------------------------------------------------------------------------

/** To the nearest integer, ties away from zero. */
const nearestAway: Compute = (h, x) => {
  const toZero = h.trunc(x);
  const one = h.select(h.gt(x, h.constant(0)), h.constant(1), h.constant(-1));
  return h.select(h.ge(h.abs(h.sub(x, toZero)), h.constant(0.5)), h.add(toZero, one), toZero);
};

const integral = (compute: Compute): ArithmeticOperation => ({ operands: 1, compute, certain: notNaN, directed: true });
const byMode = (compute: Compute): ArithmeticOperation => ({ operands: 1, compute, certain: notNaN });
/** To an integer of a width; beyond it the exact path raises Invalid Operation. */
const integralOf = (bits: 32 | 64, compute: Compute): ArithmeticOperation => ({
  operands: 1,
  compute,
  certain: (h, r) => h.and(h.ge(r, h.constant(-(2 ** (bits - 1)))), h.lt(r, h.constant(2 ** (bits - 1)))),
  unrounded: rounding,
  special: "invalid",
});
const choice = (compute: Compute): ArithmeticOperation => ({ operands: 2, compute, certain: notNaN, directed: true });

export const ARITHMETIC = {
  FADD: {
    operands: 2,
    compute: (h, x, y) => h.add(x, y),
    certain: finite,
    quick: "finite",
    keepsEmpty: true,
    unrounded: sum,
    tells: true,
  },
  FSUB: {
    operands: 2,
    compute: (h, x, y) => h.sub(x, y),
    certain: finite,
    quick: "finite",
    keepsEmpty: true,
    unrounded: difference,
    tells: true,
  },
  FMUL: {
    operands: 2,
    compute: (h, x, y) => h.mul(x, y),
    certain: product,
    quick: "normal",
    keepsEmpty: true,
    unrounded: multiplication,
    tells: true,
  },
  FMULX: {
    operands: 2,
    compute: (h, x, y) => h.mul(x, y),
    certain: product,
    quick: "normal",
    unrounded: multiplication,
  },
  FDIV: {
    operands: 2,
    compute: (h, x, y) => h.div(x, y),
    certain: quotient,
    quick: "normal",
    unrounded: division,
    tells: true,
  },
  FSQRT: {
    operands: 1,
    compute: (h, x) => h.sqrt(x),
    certain: finite,
    quick: "finite",
    unrounded: squareRoot,
    tells: true,
  },
  FMAX: choice((h, x, y) => h.max(x, y)),
  FMIN: choice((h, x, y) => h.min(x, y)),
  FMAXNM: { ...choice((h, x, y) => h.max(x, y)), special: "number" },
  FMINNM: { ...choice((h, x, y) => h.min(x, y)), special: "number" },
  FRINTN: integral((h, x) => h.nearest(x)),
  FRINTP: integral((h, x) => h.ceil(x)),
  FRINTM: integral((h, x) => h.floor(x)),
  FRINTZ: integral((h, x) => h.trunc(x)),
  FRINTA: integral(nearestAway),
  FRINTI: byMode((h, x) => h.nearest(x)),
  FRINTX: { ...byMode((h, x) => h.nearest(x)), unrounded: rounding },
  FRINT32Z: integralOf(32, (h, x) => h.trunc(x)),
  FRINT32X: integralOf(32, (h, x) => h.nearest(x)),
  FRINT64Z: integralOf(64, (h, x) => h.trunc(x)),
  FRINT64X: integralOf(64, (h, x) => h.nearest(x)),
} as const satisfies Partial<Record<FpOpName, ArithmeticOperation>>;
export type ArithmeticName = keyof typeof ARITHMETIC;

/** Operations that tell (ArithmeticOperation.tells). */
export type TellingName = {
  [N in ArithmeticName]: (typeof ARITHMETIC)[N] extends { readonly tells: true } ? N : never;
}[ArithmeticName];

export const isTelling = (name: ArithmeticName): name is TellingName => "tells" in ARITHMETIC[name];

/** Comparisons that give a mask; certain where neither operand is a NaN. */
export const COMPARISONS = {
  FCMEQ: (h, x, y) => h.eq(x, y),
  FCMGE: (h, x, y) => h.ge(x, y),
  FCMGT: (h, x, y) => h.gt(x, y),
  FACGE: (h, x, y) => h.ge(h.abs(x), h.abs(y)),
  FACGT: (h, x, y) => h.gt(h.abs(x), h.abs(y)),
} as const satisfies Partial<Record<FpOpName, Holds>>;
export type ComparisonName = keyof typeof COMPARISONS;
