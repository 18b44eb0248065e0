// Reciprocal estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate,
// UnsignedRSqrtEstimate. Arm DDI 0487, Shared pseudocode, functions/float; FEAT_RPRES is not implemented.

import { type Format, FPInfinity, FPMaxNormal, FPSR, FPZero, type FpEnv, flushes } from "./format.js";
import { bitLength } from "./real.js";
import { FPProcessNaN, FPType, FPUnpack, invalidOperation, isAnyNaN, overflowsToInfinity } from "./unpack.js";

/** a in 256…511 stands for a/512; the result, 256…511, for r/256. */
function RecipEstimate(a: number): number {
  const b = Math.floor(2 ** 19 / (a * 2 + 1));
  return (b + 1) >> 1;
}

/** a in 128…511 stands for a/512; the result, 256…511, for r/256. */
function RecipSqrtEstimate(a: number): number {
  const scaled = a < 256 ? a * 2 + 1 : ((a & ~1) + 1) * 2;
  let b = 512;
  while (scaled * (b + 1) * (b + 1) < 2 ** 28) b += 1;
  return (b + 1) >> 1;
}

const SQRT_ESTIMATES = Uint16Array.from({ length: 512 }, (_, a) => (a < 128 ? 0 : RecipSqrtEstimate(a)));

const ESTIMATE_BITS = 8n;

/** Magnitude of a nonzero operand as 1.fraction * 2^(exp - bias), where exp may be negative for a denormal. */
function normalize(fmt: Format, magnitude: bigint): { exp: number; fraction: bigint } {
  const exp = Number(magnitude >> fmt.fracBits);
  if (exp !== 0) return { exp, fraction: magnitude & fmt.fracMask };
  const shift = fmt.F + 1 - bitLength(magnitude);
  return { exp: 1 - shift, fraction: (magnitude << BigInt(shift)) & fmt.fracMask };
}

/** The exponent field of 1.0. */
const bias = (fmt: Format): number => fmt.expOnes >> 1;

export function FPRecipEstimate(fmt: Format, env: FpEnv, op: bigint): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) return FPProcessNaN(fmt, env, x);
  if (x.type === FPType.Infinity) return FPZero(fmt, x.sign);
  if (x.type === FPType.Zero) {
    env.flags |= FPSR.DZC;
    return FPInfinity(fmt, x.sign);
  }
  const { exp, fraction } = normalize(fmt, op & (fmt.signMask - 1n));
  const resultExp = 2 * bias(fmt) - 1 - exp;
  if (exp < -1) {
    env.flags |= FPSR.OFC | FPSR.IXC;
    return overflowsToInfinity(env.rounding, x.sign) ? FPInfinity(fmt, x.sign) : FPMaxNormal(fmt, x.sign);
  }
  if (resultExp < 1 && flushes(fmt, env)) {
    env.flags |= FPSR.UFC;
    return FPZero(fmt, x.sign);
  }
  const scaled = 256 + Number(fraction >> (fmt.fracBits - ESTIMATE_BITS));
  const mantissa = BigInt(RecipEstimate(scaled)) << (fmt.fracBits - ESTIMATE_BITS);
  // The leading one of the mantissa adds one to the exponent field; below the normal range it moves down instead.
  const magnitude =
    resultExp > 0 ? (BigInt(resultExp - 1) << fmt.fracBits) + mantissa : mantissa >> BigInt(1 - resultExp);
  return FPZero(fmt, x.sign) | magnitude;
}

export function FPRSqrtEstimate(fmt: Format, env: FpEnv, op: bigint): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) return FPProcessNaN(fmt, env, x);
  if (x.type === FPType.Zero) {
    env.flags |= FPSR.DZC;
    return FPInfinity(fmt, x.sign);
  }
  if (x.sign) return invalidOperation(fmt, env);
  if (x.type === FPType.Infinity) return 0n;
  const { exp, fraction } = normalize(fmt, op);
  const even = exp % 2 === 0;
  const top = 256 + Number(fraction >> (fmt.fracBits - ESTIMATE_BITS));
  const estimate = SQRT_ESTIMATES[even ? top : top >> 1] as number;
  const resultExp = Math.floor((3 * bias(fmt) - 1 - exp) / 2);
  return (BigInt(resultExp) << fmt.fracBits) | (BigInt(estimate & 0xff) << (fmt.fracBits - ESTIMATE_BITS));
}

export function FPRecpX(fmt: Format, env: FpEnv, op: bigint): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) return FPProcessNaN(fmt, env, x);
  const exp = Number((op >> fmt.fracBits) & BigInt(fmt.expOnes));
  const resultExp = exp === 0 ? fmt.expOnes - 1 : fmt.expOnes - exp;
  return FPZero(fmt, x.sign) | (BigInt(resultExp) << fmt.fracBits);
}

/** URECPE: op and the result are fractions of 2^32. */
export function UnsignedRecipEstimate(op: number): number {
  if (op >>> 31 === 0) return 0xffff_ffff;
  return (RecipEstimate(op >>> 23) << 23) >>> 0;
}

/** URSQRTE: op and the result are fractions of 2^32. */
export function UnsignedRSqrtEstimate(op: number): number {
  if (op >>> 30 === 0) return 0xffff_ffff;
  return ((SQRT_ESTIMATES[op >>> 23] as number) << 23) >>> 0;
}
