/**
 * Fused multiply-add and what is defined by it (DDI 0487, Shared pseudocode, FPMulAdd, FPRecipStepFused,
 * FPRSqrtStepFused, FPMulAddH) without a fused instruction of the host, for one element or for lanes. Half and single
 * products are exact in double precision, and the sum is rounded to odd there, so that the second rounding is the only
 * one. Doubles go by S. Boldo and G. Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using
 * Rounding to Odd" (IEEE Transactions on Computers 57, 2008).
 */
import type { FpOpName } from "../../cpu/fp/exact.js";
import { formatOf } from "../../cpu/fp/format.js";
import type { FunctionBuilder } from "../ir/function.js";
import { vectorOfBits } from "../ir/lanes.js";
import { defineFunction } from "../ir/module.js";
import type { F32, F64, I32, I64, V128, Value } from "../ir/value.js";
import { decode, encode, hostOf, type Width } from "./codec.js";
import { type Element2, type Element3, exactly, memo, modeAllows, negated } from "./element.js";
import { fitsHalf, widenHalf } from "./half.js";
import { doubleHost, type Host, scalarOf, singleHost } from "./host.js";
import { mayUseHostFma } from "./host-fma.js";
import { flushedOperand, isModal, returnRounded } from "./modal.js";
import { isDefault, isFast, keepsNaNs, noteInexact } from "./mode.js";
import { sumError } from "./operations.js";
import { ADDEND_LIMIT, FACTOR_LIMIT, productError, within } from "./product-error.js";
import { hostOrCalled, notFlushed, quickly } from "./quick.js";
import { isSignalingNaN, returnInvalid, returnNarrowed } from "./rare.js";

// --- double precision ------------------------------------------------------------------------------------------------

export interface FusedDouble<F, M> {
  /** x * y + c with one rounding. */
  readonly r: F;
  /** Where r is that. */
  readonly certain: M;
  /** Errors of which one is not zero where r was rounded. */
  readonly errors: () => readonly F[];
}

export function fusedDouble<F extends Value, M extends I32 | V128>(h: Host<F, M>, x: F, y: F, c: F): FusedDouble<F, M> {
  const p = h.mul(x, y);
  const low = productError(h, p, x, y);
  const tail = h.add(c, low);
  const tailLow = sumError(h, tail, c, low);
  const head = h.add(p, tail);
  const headLow = sumError(h, head, p, tail);
  const restSum = h.add(tailLow, headLow);
  const restError = sumError(h, restSum, tailLow, headLow);
  const rest = h.roundToOdd(restSum, restError);
  // A zero factor makes the product exact; then the plain sum has the right sign of zero, too.
  const zeroFactor = h.or(h.zero(x), h.zero(y));
  const r = h.select(zeroFactor, h.add(p, c), h.add(head, rest));
  const inRange = h.and(
    h.and(within(h, x, FACTOR_LIMIT), within(h, y, FACTOR_LIMIT)),
    h.or(within(h, c, ADDEND_LIMIT), h.zero(c)),
  );
  const certain = h.or(inRange, h.and(zeroFactor, h.finite(r)));
  // A rest that is itself inexact is odd and has digits below the last place of r.
  return { r, certain, errors: () => [sumError(h, r, head, rest), restError] };
}

/** Returns (c + x * y), halved or not, if that can be decided here. */
function returnDouble(fb: FunctionBuilder, cpu: I32, x: F64, y: F64, c: F64, halve: boolean): void {
  const h = doubleHost(fb);
  const { r, certain, errors } = fusedDouble(h, x, y, c);
  fb.if(certain, () => {
    fb.if(modeAllows(fb, cpu, 64, [x, y, c]), () => {
      noteInexact(fb, cpu, () => {
        const zeroFactor = h.zero(x).or(h.zero(y));
        const inexact = errors()
          .map((e) => h.zero(e).eqz())
          .reduce((any, e) => any.or(e));
        return zeroFactor.eqz().and(inexact);
      });
      fb.return((halve ? r.mul(fb.f64(0.5)) : r).bits());
    });
  });
}

type Decoded = readonly [bits: I64, value: F64];

// --- half and single -------------------------------------------------------------------------------------------------

/** Digits of a double below a single's last place, and what they are in the middle between two singles. */
export const BELOW_SINGLE = 0x1fff_ffff;
export const BETWEEN_SINGLES = 0x1000_0000;

/**
 * c + x * y of singles as `r`, certain where `ok` and the mode is fast: rounding the sum twice goes wrong only where
 * the first rounding ends in the middle between two singles.
 */
export function quickSingle(fb: FunctionBuilder, x: F64, y: F64, c: F64): { r: F32; ok: I32 } {
  const sum = x.mul(y).add(c);
  const r = sum.toF32();
  const between = sum.bits().wrap().and(BELOW_SINGLE).eq(BETWEEN_SINGLES);
  return {
    r,
    ok: singleHost(fb)
      .normal(r)
      .or(sum.eq(fb.f64(0)))
      .and(between.eqz()),
  };
}

/** Returns (c + x * y), halved or not, if that can be decided here. Half and single operands come as doubles. */
function returnNarrow(
  fb: FunctionBuilder,
  cpu: I32,
  width: 16 | 32,
  allowed: (r: F64) => I32,
  x: F64,
  y: F64,
  c: F64,
  halve: boolean,
): void {
  const h = doubleHost(fb);
  const p = x.mul(y);
  const near = p.add(c);
  const sum = h.roundToOdd(near, sumError(h, near, p, c));
  const value = halve ? sum.mul(fb.f64(0.5)) : sum;
  const single = value.toF32();
  const fits =
    width === 16
      ? fitsHalf(fb, value)
      : singleHost(fb)
          .normal(single)
          .or(value.eq(fb.f64(0)));
  fb.if(fits, () => {
    fb.if(allowed(value), () => {
      const bits = encode(fb, width, width === 16 ? value : single);
      const back = width === 16 ? widenHalf(fb, bits) : single.toF64();
      noteInexact(fb, cpu, () => back.ne(value));
      fb.return(bits);
    });
  });
  fb.if(isDefault(fb, cpu).and(h.finite(near)), () => returnNarrowed(fb, cpu, width, value));
}

/** Returns what infinities and quiet NaNs among the operands give. */
function returnUnusual(
  fb: FunctionBuilder,
  cpu: I32,
  width: Width,
  [a, x]: Decoded,
  [b, y]: Decoded,
  [c, z]: Decoded,
): void {
  const h = doubleHost(fb);
  const factor = h.infinite(x).or(h.infinite(y));
  // A product of finite factors may be infinite here, but not there.
  const sum = factor.select(x.mul(y).add(z), z);
  const operands = [x, y, z];
  const infinite = factor.or(h.infinite(z));
  const numbers = operands.map((v) => h.notNaN(v)).reduce((all, v) => all.and(v));
  fb.if(isDefault(fb, cpu).and(numbers).and(infinite), () => {
    fb.if(h.infinite(sum), () => {
      const sign = sum
        .bits()
        .shrU(63)
        .shl(width - 1);
      fb.return(sign.or(formatOf(width).infinity));
    });
    returnInvalid(fb, cpu, width);
  });
  fb.if(keepsNaNs(fb, cpu).and(numbers.eqz()), () => {
    const signaling = [a, b, c].map((v) => isSignalingNaN(fb, width, v)).reduce((any, v) => any.or(v));
    // An invalid product goes before a NaN as addend.
    const invalid = h
      .infinite(x)
      .and(h.zero(y))
      .or(h.zero(x).and(h.infinite(y)));
    fb.if(signaling.or(invalid).eqz(), () => {
      fb.return(h.notNaN(z).eqz().select(c, h.notNaN(x).eqz().select(a, b)));
    });
  });
}

// --- elements --------------------------------------------------------------------------------------------------------

/** What a step makes of its operands: addend - a * b, halved or not. */
export const STEPS = {
  FRECPS: { addend: 2, halve: false },
  FRSQRTS: { addend: 3, halve: true },
} as const satisfies Partial<Record<FpOpName, { addend: number; halve: boolean }>>;
export type StepName = keyof typeof STEPS;

const toDouble = (width: Width, x: F32 | F64): F64 => (width === 32 ? (x as F32).toF64() : (x as F64));

/** c + a * b: (cpu, a, b, c). */
export const fusedElement = memo(
  (width: Width): Element3 =>
    defineFunction(`FMADD_${width}`, "illl", "l", (fb, cpu, a, b, c) => {
      const operands = [a, b, c].map((bits) => decode(fb, width, bits));
      if (width !== 16) returnModalFused(fb, cpu, width, operands);
      const [x, y, addend] = operands.map((v) => toDouble(width, v)) as [F64, F64, F64];
      const allowed = (r: F64): I32 => modeAllows(fb, cpu, width, [...operands, width === 32 ? r.toF32() : r]);
      if (width === 64) returnDouble(fb, cpu, x, y, addend, false);
      else returnNarrow(fb, cpu, width, allowed, x, y, addend, false);
      returnUnusual(fb, cpu, width, [a, x], [b, y], [c, addend]);
      fb.return(exactly(fb, cpu, "FMADD", width, a, b, c));
    }),
);

/** Returns c + a * b where FPCR changes nothing but roundings and denormals. */
function returnModalFused(fb: FunctionBuilder, cpu: I32, width: 32 | 64, operands: readonly (F32 | F64)[]): void {
  const h = doubleHost(fb);
  fb.if(isModal(fb, cpu), () => {
    const [x, y, c] = operands.map((v) => toDouble(width, flushedOperand(fb, cpu, width, v))) as [F64, F64, F64];
    if (width === 64) {
      const { r, certain, errors } = fusedDouble(h, x, y, c);
      const exact = h.zero(x).or(h.zero(y));
      const error = exact.select(fb.f64(0), errors()[0] as F64);
      const [known, vanished] = [fb.i32(1), fb.i32(0)];
      fb.if(certain, () => returnRounded(fb, cpu, 64, { r, error, known, vanished, zeroBelow: "unknown" }));
    } else {
      const p = x.mul(y);
      const near = p.add(c);
      const sum = h.roundToOdd(near, sumError(h, near, p, c));
      const r = sum.toF32();
      const vanished = r.eq(fb.f32(0)).and(sum.eq(fb.f64(0)).eqz());
      returnRounded(fb, cpu, 32, {
        r,
        error: sum.sub(r.toF64()),
        known: h.finite(near),
        vanished,
        zeroBelow: "unknown",
      });
    }
  });
}

/** FRECPS and FRSQRTS. */
export const stepElement = memo(
  (name: StepName, width: Width): Element2 =>
    defineFunction(`${name}_${width}`, "ill", "l", (fb, cpu, a, b) => {
      const { addend, halve } = STEPS[name];
      const operands = [a, b].map((bits) => decode(fb, width, bits));
      const [x, y] = operands.map((v) => toDouble(width, v)) as [F64, F64];
      const allowed = (r: F64): I32 => modeAllows(fb, cpu, width, [...operands, width === 32 ? r.toF32() : r]);
      if (width === 64) returnDouble(fb, cpu, x.neg(), y, fb.f64(addend), halve);
      else returnNarrow(fb, cpu, width, allowed, x.neg(), y, fb.f64(addend), halve);
      fb.return(exactly(fb, cpu, name, width, a, b));
    }),
);

/** FMLAL: c + a * b, where a and b are half and c and the result single. */
export const fusedLongElement = defineFunction("FMLAL_16", "illl", "l", (fb, cpu, a, b, c) => {
  const [x, y, addend] = [widenHalf(fb, a), widenHalf(fb, b), c.wrap().asF32()];
  const allowed = (r: F64): I32 => modeAllows(fb, cpu, 32, [addend, r.toF32()]);
  returnNarrow(fb, cpu, 32, allowed, x, y, addend.toF64(), false);
  fb.return(exactly(fb, cpu, "FMLAL", 16, a, b, c));
});

/** c + a * b of scalars in place: the host's way, or the quick way for singles; else the element function. */
export function fusedScalar(fb: FunctionBuilder, cpu: I32, width: Width, a: I64, b: I64, c: I64): I64 {
  const called = (): I64 => fb.call(fusedElement(width), cpu, a, b, c);
  if (width === 16) return called();
  if (mayUseHostFma(fb)) {
    const [n, m, addend] = [a, b, c].map((bits) => vectorOfBits(fb, bits)) as [V128, V128, V128];
    return scalarBits(fb, width, fusedInVectors(fb, cpu, width, n, m, addend));
  }
  if (width === 64) return called();
  const singles = [a, b, c].map((bits) => bits.wrap().asF32()) as [F32, F32, F32];
  const [x, y, addend] = singles.map((v) => v.toF64()) as [F64, F64, F64];
  const { r, ok } = quickSingle(fb, x, y, addend);
  const decision = {
    allowed: () => isFast(fb, cpu),
    certain: () => ok,
    notFlushed: () => notFlushed(fb, width, [...singles, r]),
  };
  return encode(
    fb,
    width,
    hostOrCalled(
      fb,
      cpu,
      decision,
      () => r,
      () => decode(fb, width, called()) as F32,
    ),
  );
}

const scalarBits = (fb: FunctionBuilder, width: 32 | 64, v: V128): I64 => encode(fb, width, scalarOf(fb, width, v));

/**
 * The host's way, of scalars alone in vectors, where the host has fused instructions (for lanes only): c + n * m, or
 * with the product or c negated. The result is alone in its vector as well.
 */
export function fusedInVectors(
  fb: FunctionBuilder,
  cpu: I32,
  width: 32 | 64,
  n: V128,
  m: V128,
  c: V128,
  negateProduct = false,
  negateAddend = false,
): V128 {
  const shape = width === 32 ? "f32x4" : "f64x2";
  const addend = negateAddend ? c.op(`${shape}.neg`) : c;
  const r = fb.op(`${shape}.${negateProduct ? "relaxed_nmadd" : "relaxed_madd"}`, n, m, addend) as V128;
  const [low, x, y] = [r, n, m].map((v) => scalarOf(fb, width, v)) as [F64, F64, F64];
  const chosen = hostOrCalled(
    fb,
    cpu,
    {
      allowed: () => isFast(fb, cpu),
      certain: () => fusedCertain(hostOf(fb, width) as Host<Value, I32>, low, x, y),
      notFlushed: () => notFlushed(fb, width, [x, y, scalarOf(fb, width, c) as F64, low]),
      quick: { test: "normal", holds: (doubt) => quickly(width, "normal", low, doubt) },
    },
    () => r,
    () => {
      const first = negated(scalarBits(fb, width, n), width, negateProduct);
      const bits = [first, scalarBits(fb, width, m), scalarBits(fb, width, addend)] as const;
      return vectorOfBits(fb, fb.call(fusedElement(width), cpu, ...bits));
    },
  );
  // Only two negations make the empty lanes -0.
  return negateProduct && negateAddend ? vectorOfBits(fb, scalarBits(fb, width, chosen)) : chosen;
}

/** Where the host's fused result raises nothing but Inexact; a zero from a tiny product does more. */
export const fusedCertain = <F extends Value, M extends I32 | V128>(h: Host<F, M>, r: F, x: F, y: F): M =>
  h.or(h.normal(r), h.and(h.zero(r), h.or(h.zero(x), h.zero(y))));
