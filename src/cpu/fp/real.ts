// Exact reals of the form m * 2^e, and the rounding decision that every operation shares: the "real" type
// of the Arm pseudocode (DDI 0487, Appendix K), kept finite by replacing far-away digits with a sticky bit.

import { FPRounding, type Sign } from "./format.js";

/** The value m * 2^e, exact; m carries the sign. */
export interface Real {
  readonly m: bigint;
  readonly e: number;
}

// A sum needs no more than 53 places below its larger term, plus guard and sticky; any smaller term that lies
// wholly under STICKY_DEPTH places can only say "not exact, on this side". A term is a product of two 53-bit numbers.
const STICKY_DEPTH = 64;
const MAX_TERM_BITS = 112;
const MAX_ALIGN = STICKY_DEPTH + MAX_TERM_BITS;

/** x + y, exact, or with the same rounding in every format if the exponents are too far apart to be worth it. */
export function addReal(x: Real, y: Real): Real {
  if (x.m === 0n) return y;
  if (y.m === 0n) return x;
  const [high, low] = x.e >= y.e ? [x, y] : [y, x];
  const distance = high.e - low.e;
  if (distance > MAX_ALIGN) {
    const sticky = low.m < 0n ? -1n : 1n;
    return { m: (high.m << BigInt(STICKY_DEPTH)) + sticky, e: high.e - STICKY_DEPTH };
  }
  return { m: (high.m << BigInt(distance)) + low.m, e: low.e };
}

export function mulReal(x: Real, y: Real): Real {
  return { m: x.m * y.m, e: x.e + y.e };
}

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** Number of bits of m, 0 < m < 2^1023. */
export function bitLength(m: bigint): number {
  float[0] = Number(m);
  const exponent = ((words[1] as number) >>> 20) - 1023;
  // The conversion rounds to nearest, which can carry 0b111… up into the next power of two.
  return m >> BigInt(exponent) === 0n ? exponent : exponent + 1;
}

/** What was cut off below the last kept place, compared with half of that place. */
export const Tail = { EXACT: 0, BELOW_HALF: 1, HALF: 2, ABOVE_HALF: 3 } as const;
export type Tail = (typeof Tail)[keyof typeof Tail];

/** m / 2^places rounded down, and what was lost; m >= 0. */
export function truncate(m: bigint, places: number): { int: bigint; tail: Tail } {
  if (places <= 0) return { int: m << BigInt(-places), tail: Tail.EXACT };
  if (m === 0n) return { int: 0n, tail: Tail.EXACT };
  if (places > bitLength(m)) return { int: 0n, tail: Tail.BELOW_HALF };
  const shift = BigInt(places);
  const int = m >> shift;
  const lost = m - (int << shift);
  if (lost === 0n) return { int, tail: Tail.EXACT };
  const half = 1n << (shift - 1n);
  return { int, tail: lost < half ? Tail.BELOW_HALF : lost === half ? Tail.HALF : Tail.ABOVE_HALF };
}

/** Whether the magnitude `int`, whose lost digits are `tail`, goes up by one in this rounding mode. */
export function roundsUp(rounding: FPRounding, sign: Sign, int: bigint, tail: Tail): boolean {
  if (tail === Tail.EXACT) return false;
  switch (rounding) {
    case FPRounding.TIEEVEN:
      return tail === Tail.ABOVE_HALF || (tail === Tail.HALF && (int & 1n) === 1n);
    case FPRounding.POSINF:
      return sign === 0;
    case FPRounding.NEGINF:
      return sign === 1;
    case FPRounding.ZERO:
      return false;
    case FPRounding.TIEAWAY:
      return tail >= Tail.HALF;
    case FPRounding.ODD:
    case FPRounding.ODDINF:
      return (int & 1n) === 0n;
  }
}
