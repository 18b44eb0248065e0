// Conversions: FPRoundInt, FPRoundIntN, FPToFixed, FPToFixedJS, FixedToFP, FPConvert. Arm DDI 0487, Shared
// pseudocode, functions/float.

import { type Format, FPInfinity, FPRounding, FPSR, FPZero, type FpEnv, HALF, type Sign } from "./format.js";
import { bitLength, type Real, roundsUp, Tail, truncate } from "./real.js";
import { FPProcessNaN, FPRound, FPRoundCV, FPType, FPUnpack, FPUnpackCV, isAnyNaN, type Unpacked } from "./unpack.js";

/** A signed real rounded to an integer, and whether digits were lost. */
function roundToInteger(value: Real, rounding: FPRounding): { int: bigint; exact: boolean } {
  const sign: Sign = value.m < 0n ? 1 : 0;
  const { int, tail } = truncate(sign ? -value.m : value.m, -value.e);
  const magnitude = roundsUp(rounding, sign, int, tail) ? int + 1n : int;
  return { int: sign ? -magnitude : magnitude, exact: tail === Tail.EXACT };
}

function encodeInteger(fmt: Format, env: FpEnv, int: bigint, sign: Sign): bigint {
  return int === 0n ? FPZero(fmt, sign) : FPRound(fmt, env, { m: int, e: 0 }, FPRounding.ZERO);
}

/** `exact`: digits lost in rounding raise Inexact (FRINTX). */
export function FPRoundInt(fmt: Format, env: FpEnv, op: bigint, rounding: FPRounding, exact: boolean): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) return FPProcessNaN(fmt, env, x);
  if (x.type === FPType.Infinity || x.type === FPType.Zero || x.e >= 0) return x.bits;
  const rounded = roundToInteger(x, rounding);
  if (exact && !rounded.exact) env.flags |= FPSR.IXC;
  return encodeInteger(fmt, env, rounded.int, x.sign);
}

/** Rounded to an integer of `intsize` (32 or 64) bits, or -2^(intsize-1) with Invalid Operation if it is outside. */
export function FPRoundIntN(fmt: Format, env: FpEnv, op: bigint, rounding: FPRounding, intsize: number): bigint {
  const x = FPUnpack(fmt, env, op);
  if (x.type === FPType.Zero) return x.bits;
  const lowest = -(1n << BigInt(intsize - 1));
  if (x.type < FPType.Infinity) {
    const { int, exact } = roundToInteger(x, rounding);
    if (int >= lowest && int < -lowest) {
      if (!exact) env.flags |= FPSR.IXC;
      return encodeInteger(fmt, env, int, x.sign);
    }
  }
  env.flags |= FPSR.IOC;
  return FPRound(fmt, env, { m: lowest, e: 0 });
}

/** The exponent of the leading one of a nonzero finite operand. */
function leadingExponent(x: Unpacked): number {
  return bitLength(x.sign ? -x.m : x.m) - 1 + x.e;
}

/** op * 2^fbits as an integer of `M` bits, saturated; the result is its M-bit pattern. */
export function FPToFixed(
  fmt: Format,
  env: FpEnv,
  op: bigint,
  M: number,
  fbits: number,
  unsigned: boolean,
  rounding: FPRounding,
): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) {
    env.flags |= FPSR.IOC;
    return 0n;
  }
  if (x.type === FPType.Zero) return 0n;
  const lowest = unsigned ? 0n : -(1n << BigInt(M - 1));
  const highest = (1n << BigInt(unsigned ? M : M - 1)) - 1n;
  if (x.type !== FPType.Infinity && leadingExponent(x) + fbits < M) {
    const { int, exact } = roundToInteger({ m: x.m, e: x.e + fbits }, rounding);
    if (int >= lowest && int <= highest) {
      if (!exact) env.flags |= FPSR.IXC;
      return BigInt.asUintN(M, int);
    }
  }
  env.flags |= FPSR.IOC;
  return BigInt.asUintN(M, x.sign ? lowest : highest);
}

/** Double precision to a 32-bit integer modulo 2^32, as JavaScript's ToInt32; Z is 1 if that lost nothing. */
export function FPToFixedJS(fmt: Format, env: FpEnv, op: bigint): { result: bigint; Z: 0 | 1 } {
  const x = FPUnpack(fmt, env, op);
  if (x.type >= FPType.Infinity) {
    env.flags |= FPSR.IOC;
    return { result: 0n, Z: 0 };
  }
  if (x.type === FPType.Zero) return { result: 0n, Z: x.sign ? 0 : 1 };
  if (x.e >= 32) {
    env.flags |= FPSR.IOC;
    return { result: 0n, Z: 0 };
  }
  const { int, exact } = roundToInteger(x, FPRounding.ZERO);
  const inRange = BigInt.asIntN(32, int) === int;
  if (!inRange) env.flags |= FPSR.IOC;
  else if (!exact) env.flags |= FPSR.IXC;
  return { result: BigInt.asUintN(32, int), Z: inRange && exact ? 1 : 0 };
}

/** The `M`-bit integer op, divided by 2^fbits. */
export function FixedToFP(fmt: Format, env: FpEnv, op: bigint, M: number, fbits: number, unsigned: boolean): bigint {
  const m = unsigned ? BigInt.asUintN(M, op) : BigInt.asIntN(M, op);
  return m === 0n ? 0n : FPRound(fmt, env, { m, e: -fbits });
}

/** FPConvertNaN: the payload keeps its top bits; the result is quiet. */
function convertNaN(to: Format, from: Format, x: Unpacked): bigint {
  const payload = x.bits & from.fracMask;
  const places = to.fracBits - from.fracBits;
  return FPInfinity(to, x.sign) | to.quietBit | (places >= 0n ? payload << places : payload >> -places);
}

export function FPConvert(
  to: Format,
  from: Format,
  env: FpEnv,
  op: bigint,
  rounding: FPRounding = env.rounding,
): bigint {
  const x = FPUnpackCV(from, env, op);
  const alternative = to === HALF && env.AHP;
  if (isAnyNaN(x)) {
    if (x.type === FPType.SNaN || alternative) env.flags |= FPSR.IOC;
    if (alternative) return FPZero(to, x.sign);
    return env.DN ? to.defaultNaN : convertNaN(to, from, x);
  }
  if (x.type === FPType.Infinity) {
    if (!alternative) return FPInfinity(to, x.sign);
    env.flags |= FPSR.IOC;
    return FPZero(to, x.sign) | (to.signMask - 1n);
  }
  if (x.type === FPType.Zero) return FPZero(to, x.sign);
  return FPRoundCV(to, env, x, rounding);
}
