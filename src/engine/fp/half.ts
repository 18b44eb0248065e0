/**
 * Half precision, computed in double precision: sums and products of two halves are exact there, quotients and square
 * roots have more than twice the digits, so that the second rounding does no harm.
 */
import type { FunctionBuilder } from "../ir/function.js";
import type { F64, I32, I64 } from "../ir/value.js";
import { MIN_NORMAL } from "./host.js";

const FRACTION_SHIFT = 42;
const BIAS_DIFFERENCE = 1023 - 15;
const HALF_INFINITY = 0x7c00;
/** From here on a value rounds to infinity. */
export const HALF_OVERFLOW = 65520;

/** The half in the low 16 bits; a NaN stays some NaN. */
export function widenHalf(fb: FunctionBuilder, bits: I64): F64 {
  const magnitude = bits.bits(0, 15);
  const moved = magnitude.shl(FRACTION_SHIFT);
  const finite = moved
    .asF64()
    .mul(fb.f64(2 ** BIAS_DIFFERENCE))
    .bits();
  const special = moved.or(0x7ffn << 52n);
  return magnitude.geU(HALF_INFINITY).select(special, finite).or(bits.bits(15, 1).shl(63)).asF64();
}

/** Zero, or a value that rounds to a normal half and was not tiny before. */
export function fitsHalf(fb: FunctionBuilder, value: F64): I32 {
  const magnitude = value.abs();
  return magnitude.eq(fb.f64(0)).or(magnitude.gt(fb.f64(MIN_NORMAL[16])).and(magnitude.lt(fb.f64(HALF_OVERFLOW))));
}

/** Rounds a value for which `fitsHalf` holds to nearest, ties to even. */
export function narrowHalf(fb: FunctionBuilder, value: F64): I64 {
  const bits = value.bits();
  const magnitude = bits.bits(0, 63);
  const even = magnitude.bits(FRACTION_SHIFT, 1);
  const rounded = magnitude
    .add((1n << BigInt(FRACTION_SHIFT - 1)) - 1n)
    .add(even)
    .shrU(FRACTION_SHIFT);
  const half = rounded.sub(BIAS_DIFFERENCE << 10);
  return magnitude.eqz().select(fb.i64(0), half).or(bits.shrU(63).shl(15));
}

/** Where the last place of a double is that of a denormal half. */
const DENORMAL_PLACES = 2 ** (52 - 24);

/** Rounds any number to nearest, ties to even: to a normal or denormal half, or to infinity. */
export function narrowAnyHalf(fb: FunctionBuilder, value: F64): I64 {
  const magnitude = value.abs();
  const denormal = magnitude.add(fb.f64(DENORMAL_PLACES)).bits().bits(0, 52);
  const small = magnitude.lt(fb.f64(MIN_NORMAL[16]));
  const finite = small.select(denormal.or(value.bits().shrU(63).shl(15)), narrowHalf(fb, value));
  const infinity = value.bits().shrU(63).shl(15).or(HALF_INFINITY);
  return magnitude.ge(fb.f64(HALF_OVERFLOW)).select(infinity, finite);
}
