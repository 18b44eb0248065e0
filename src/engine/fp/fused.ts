/**
 * Fused multiply-add and what is defined by it (DDI 0487, Shared pseudocode, FPMulAdd, FPRecipStepFused,
 * FPRSqrtStepFused, FPMulAddH) without a fused instruction of the host. Half and single products are exact in double
 * precision, and the sum is rounded to odd there, so that the second rounding is the only one. Doubles go by
 * S. Boldo and G. Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd"
 * (IEEE Transactions on Computers 57, 2008).
 */
import type { FpOpName } from "../../cpu/fp/exact.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F32, F64, I32, I64 } from "../ir/value.js";
import { decode, type Element2, type Element3, encode, exactly, hostOf, memo, modeAllows, type Width } from "./element.js";
import { fitsHalf, widenHalf } from "./half.js";
import { isDefault, noteInexact } from "./mode.js";
import { sumError } from "./operations.js";

/** s + error as the double with its last digit odd that is next to the true sum, or s if it is that sum. */
function roundToOdd(fb: FunctionBuilder, s: F64, error: F64): F64 {
  const bits = s.bits();
  const towardsError = error.bits().xor(bits).shrS(63).or(1);
  const adjust = error.ne(fb.f64(0)).and(bits.wrap().and(1).eqz());
  return bits.add(adjust.select(towardsError, fb.i64(0))).asF64();
}

/** p + c, rounded to odd. */
function oddSum(fb: FunctionBuilder, p: F64, c: F64): F64 {
  const s = p.add(c);
  return roundToOdd(fb, s, sumError(s, p, c));
}

// --- double precision -------------------------------------------------------------------------------------------------

/** Veltkamp's factor: 2^27 + 1. */
const SPLITTER = 134217729;

/** Two halves of 26 digits each whose sum is x. */
function split(fb: FunctionBuilder, x: F64): { high: F64; low: F64 } {
  const scaled = x.mul(fb.f64(SPLITTER));
  const high = scaled.sub(scaled.sub(x));
  return { high, low: x.sub(high) };
}

/** Dekker's error of the rounded product p = x * y. */
function productError(fb: FunctionBuilder, p: F64, x: F64, y: F64): F64 {
  const [a, b] = [split(fb, x), split(fb, y)];
  return a.high.mul(b.high).sub(p).add(a.high.mul(b.low)).add(a.low.mul(b.high)).add(a.low.mul(b.low));
}

/** The exponent is within ±limit: nothing below can overflow or lose digits at the low end. */
function exponentWithin(x: F64, limit: number): I32 {
  return x.bits().bits(52, 11).sub(1023 - limit).leU(2 * limit);
}

const FACTOR_LIMIT = 400;
const ADDEND_LIMIT = 2 * FACTOR_LIMIT;

/** x * y + c with one rounding, or NaN where that is left to the exact path; records Inexact. FPCR is at its default. */
const fusedDouble = defineFunction("fusedDouble", "iddd", "d", (fb, cpu, x, y, c) => {
  const zero = fb.f64(0);
  const p = x.mul(y);
  // A zero factor makes the product exact.
  fb.if(x.eq(zero).or(y.eq(zero)), () => {
    const r = p.add(c);
    fb.if(c.abs().lt(fb.f64(Number.POSITIVE_INFINITY)), () => fb.return(r));
    fb.return(fb.f64(Number.NaN));
  });
  const inRange = exponentWithin(x, FACTOR_LIMIT).and(exponentWithin(y, FACTOR_LIMIT))
    .and(exponentWithin(c, ADDEND_LIMIT).or(c.eq(zero)));
  fb.if(inRange.eqz(), () => fb.return(fb.f64(Number.NaN)));
  const low = productError(fb, p, x, y);
  const tailHigh = c.add(low);
  const tailLow = sumError(tailHigh, c, low);
  const head = p.add(tailHigh);
  const headLow = sumError(head, p, tailHigh);
  const rest = oddSum(fb, tailLow, headLow);
  const r = head.add(rest);
  // A rest that is itself inexact is odd and has digits below the last place of r.
  noteInexact(fb, cpu, () => {
    const restSum = tailLow.add(headLow);
    return sumError(r, head, rest).ne(zero).or(sumError(restSum, tailLow, headLow).ne(zero));
  });
  fb.return(r);
});

// --- elements ---------------------------------------------------------------------------------------------------------

/** What a fused operation makes of its operands: (c + x * y), halved or not. */
interface FusedStep {
  readonly addend: number;
  readonly halve: boolean;
}

const STEPS = {
  FRECPS: { addend: 2, halve: false },
  FRSQRTS: { addend: 3, halve: true },
} as const satisfies Partial<Record<FpOpName, FusedStep>>;
export type StepName = keyof typeof STEPS;

/** Returns (c + x * y) or half of it if that can be decided here. Half and single operands come as doubles. */
function returnNarrow(
  fb: FunctionBuilder, cpu: I32, width: 16 | 32, allowed: (r: F64) => I32, x: F64, y: F64, c: F64, halve: boolean,
): void {
  const sum = oddSum(fb, x.mul(y), c);
  const value = halve ? sum.mul(fb.f64(0.5)) : sum;
  const h = hostOf(fb, 32);
  const single = value.toF32();
  const fits = width === 16 ? fitsHalf(fb, value) : h.normal(single).or(value.eq(fb.f64(0)));
  fb.if(fits, () => {
    fb.if(allowed(value), () => {
      const bits = encode(fb, width, width === 16 ? value : single);
      const back = width === 16 ? widenHalf(fb, bits) : single.toF64();
      noteInexact(fb, cpu, () => back.ne(value));
      fb.return(bits);
    });
  });
}

const toDouble = (width: Width, x: F32 | F64): F64 => (width === 32 ? (x as F32).toF64() : (x as F64));

/** c + a * b: (cpu, a, b, c). */
export const fusedElement = memo(
  (width: Width): Element3 =>
    defineFunction(`FMADD_${width}`, "illl", "l", (fb, cpu, a, b, c) => {
      const operands = [a, b, c].map((bits) => decode(fb, width, bits));
      const [x, y, addend] = operands.map((v) => toDouble(width, v)) as [F64, F64, F64];
      if (width === 64) {
        fb.if(isDefault(fb, cpu), () => {
          const r = fb.call(fusedDouble, cpu, x, y, addend);
          fb.if(r.eq(r), () => fb.return(r.bits()));
        });
      } else {
        returnNarrow(
          fb, cpu, width, (r) => modeAllows(fb, cpu, width, [...operands, width === 32 ? r.toF32() : r]), x, y, addend, false,
        );
      }
      fb.return(exactly(fb, cpu, "FMADD", width, a, b, c));
    }),
);

/** FRECPS and FRSQRTS. */
export const stepElement = memo(
  (name: StepName, width: Width): Element2 =>
    defineFunction(`${name}_${width}`, "ill", "l", (fb, cpu, a, b) => {
      const step = STEPS[name];
      const [x, y] = [a, b].map((bits) => toDouble(width, decode(fb, width, bits))) as [F64, F64];
      const addend = fb.f64(step.addend);
      fb.if(isDefault(fb, cpu), () => {
        if (width === 64) {
          const r = fb.call(fusedDouble, cpu, x.neg(), y, addend);
          fb.if(r.eq(r), () => fb.return((step.halve ? r.mul(fb.f64(0.5)) : r).bits()));
        } else {
          returnNarrow(fb, cpu, width, () => fb.i32(1), x.neg(), y, addend, step.halve);
        }
      });
      fb.return(exactly(fb, cpu, name, width, a, b));
    }),
);

/** FMLAL: c + a * b, where a and b are half and c and the result single. */
export const fusedLongElement = defineFunction("FMLAL_16", "illl", "l", (fb, cpu, a, b, c) => {
  const [x, y] = [widenHalf(fb, a), widenHalf(fb, b)];
  returnNarrow(fb, cpu, 32, () => isDefault(fb, cpu), x, y, c.wrap().asF32().toF64(), false);
  fb.return(exactly(fb, cpu, "FMLAL", 16, a, b, c));
});

/** A product's and an addend's bits with their signs turned, as FMSUB, FNMADD and FNMSUB want them. */
export const negated = (bits: I64, width: Width, negate: boolean): I64 =>
  negate ? bits.xor(1n << BigInt(width - 1)) : bits;
