/**
 * Reciprocal estimates on integers (DDI 0487, Shared pseudocode, RecipEstimate, RecipSqrtEstimate and their users).
 * Normal operands with normal results are the same in every mode and raise nothing; the rest is the exact path's.
 */
import type { FpOpName } from "../../cpu/fp/exact.js";
import { type Format, formatOf } from "../../cpu/fp/format.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F64, I32, I64 } from "../ir/value.js";
import type { Width } from "./codec.js";
import { type Element1, exactly, memo } from "./element.js";

/** a in 256…511 stands for a/512; the result, 256…511, for r/256. */
function recipEstimate(fb: FunctionBuilder, a: I32): I32 {
  return fb
    .i32(1 << 19)
    .divU(a.shl(1).or(1))
    .add(1)
    .shrU(1);
}

/** a in 128…511 stands for a/512; the result, 256…511, for r/256. */
function recipSqrtEstimate(fb: FunctionBuilder, a: I32): I32 {
  const scaled = a.ltU(256).select(a.shl(1).or(1), a.or(1).shl(1));
  // The largest b with scaled * b * b < 2^28. The quotient is no square, so its root's floor is never in doubt.
  const quotient = fb.f64(2 ** 28).div(fb.op("f64.convert_i32_u", scaled) as F64);
  const b = fb.op("i32.trunc_sat_f64_u", quotient.sqrt()) as I32;
  return b.add(1).shrU(1);
}

const ESTIMATE_BITS = 8;

/** The exponent field of 1.0. */
const biasOf = (fmt: Format): number => fmt.expOnes >> 1;

const isNormal = (fmt: Format, exponent: I64): I32 => exponent.sub(1).ltU(fmt.expOnes - 1);

/** An estimate as the fraction under an exponent field. */
const encodeEstimate = (fmt: Format, exponent: I64, estimate: I32): I64 =>
  exponent.shl(fmt.F).or(
    estimate
      .toI64U()
      .and(0xff)
      .shl(fmt.F - ESTIMATE_BITS),
  );

/** The result without its sign, and the condition under which it is that. */
interface Estimated {
  readonly certain: I32;
  readonly magnitude: () => I64;
}

type Estimate = (fb: FunctionBuilder, fmt: Format, exponent: I64, fraction: I32, sign: I64) => Estimated;

const ESTIMATES = {
  FRECPE: (fb, fmt, exponent, fraction) => ({
    certain: exponent.sub(1).ltU(2 * biasOf(fmt) - 2),
    magnitude: () => encodeEstimate(fmt, fb.i64(2 * biasOf(fmt) - 1).sub(exponent), recipEstimate(fb, fraction)),
  }),
  FRSQRTE: (fb, fmt, exponent, fraction, sign) => {
    const twice = fb.i64(3 * biasOf(fmt) - 1).sub(exponent);
    const scaled = exponent.bit(0).select(fraction.shrU(1), fraction);
    return {
      certain: isNormal(fmt, exponent).and(sign.eqz()),
      magnitude: () => encodeEstimate(fmt, twice.shrU(1), recipSqrtEstimate(fb, scaled)),
    };
  },
  FRECPX: (fb, fmt, exponent) => ({
    certain: isNormal(fmt, exponent),
    magnitude: () => fb.i64(fmt.expOnes).sub(exponent).shl(fmt.F),
  }),
} as const satisfies Partial<Record<FpOpName, Estimate>>;
export type EstimateName = keyof typeof ESTIMATES;

export const estimateElement = memo(
  (name: EstimateName, width: Width): Element1 =>
    defineFunction(`${name}_${width}`, "il", "l", (fb, cpu, a) => {
      const fmt = formatOf(width);
      const exponent = a.shrU(fmt.F).and(fmt.expOnes);
      const top = a.bits(fmt.F - ESTIMATE_BITS, ESTIMATE_BITS).wrap();
      const sign = a.bits(width - 1, 1);
      const estimate: Estimate = ESTIMATES[name];
      const { certain, magnitude } = estimate(fb, fmt, exponent, top.or(1 << ESTIMATE_BITS), sign);
      fb.if(certain, () => fb.return(magnitude().or(sign.shl(width - 1))));
      fb.return(exactly(fb, cpu, name, width, a));
    }),
);

/** URECPE and URSQRTE: operand and result are fractions of 2^32; too small an operand gives all ones. */
export const unsignedEstimateElement = memo(
  (name: "URECPE" | "URSQRTE"): Element1 =>
    defineFunction(`${name}_32`, "il", "l", (fb, _cpu, a) => {
      const top = a.bits(23, 9).wrap();
      const least = name === "URECPE" ? 256 : 128;
      fb.if(top.ltU(least), () => fb.return(fb.i64(0xffff_ffff)));
      const estimate = name === "URECPE" ? recipEstimate(fb, top) : recipSqrtEstimate(fb, top);
      fb.return(estimate.toI64U().shl(23));
    }),
);
