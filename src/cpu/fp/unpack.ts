// From encodings to values and back: FPUnpack, FPUnpackCV, FPRound, FPRoundCV, FPProcessNaN, FPProcessNaNs,
// FPProcessNaNs3. Arm DDI 0487, Shared pseudocode, functions/float; FEAT_AFP is not implemented.

import {
  type Format,
  FPInfinity,
  FPMaxNormal,
  FPRounding,
  FPSR,
  FPZero,
  type FpEnv,
  flushes,
  HALF,
  type Sign,
} from "./format.js";
import { bitLength, type Real, roundsUp, Tail, truncate } from "./real.js";

export const FPType = { Zero: 0, Denormal: 1, Nonzero: 2, Infinity: 3, QNaN: 4, SNaN: 5 } as const;
export type FPType = (typeof FPType)[keyof typeof FPType];

/** An operand taken apart. As a Real it is meaningful (and signed) only when finite. */
export interface Unpacked extends Real {
  readonly type: FPType;
  readonly sign: Sign;
  /** The encoding, after flushing to zero. */
  readonly bits: bigint;
}

function unpackBase(fmt: Format, env: FpEnv, op: bigint, flush: boolean, alternative: boolean): Unpacked {
  const sign: Sign = (op & fmt.signMask) === 0n ? 0 : 1;
  const frac = op & fmt.fracMask;
  const exp = Number((op >> fmt.fracBits) & BigInt(fmt.expOnes));
  if (exp === 0) {
    if (frac === 0n) return { type: FPType.Zero, sign, bits: op, m: 0n, e: 0 };
    if (flush) {
      // Half-precision inputs are flushed without a record of it.
      if (fmt.N !== 16) env.flags |= FPSR.IDC;
      return { type: FPType.Zero, sign, bits: FPZero(fmt, sign), m: 0n, e: 0 };
    }
    return { type: FPType.Denormal, sign, bits: op, m: sign ? -frac : frac, e: fmt.minExp - fmt.F };
  }
  if (exp === fmt.expOnes && !alternative) {
    const type = frac === 0n ? FPType.Infinity : (frac & fmt.quietBit) === 0n ? FPType.SNaN : FPType.QNaN;
    return { type, sign, bits: op, m: 0n, e: 0 };
  }
  const m = frac | (1n << fmt.fracBits);
  return { type: FPType.Nonzero, sign, bits: op, m: sign ? -m : m, e: exp - 1 + fmt.minExp - fmt.F };
}

export function FPUnpack(fmt: Format, env: FpEnv, op: bigint): Unpacked {
  return unpackBase(fmt, env, op, flushes(fmt, env), false);
}

/** FPUnpack for conversions between formats: FPCR.FZ16 has no effect, FPCR.AHP has. */
export function FPUnpackCV(fmt: Format, env: FpEnv, op: bigint): Unpacked {
  return unpackBase(fmt, env, op, fmt.N !== 16 && env.FZ, fmt === HALF && env.AHP);
}

/** True where a result too large for the format becomes infinity and not the largest normal number. */
export function overflowsToInfinity(rounding: FPRounding, sign: Sign): boolean {
  if (rounding === FPRounding.TIEEVEN || rounding === FPRounding.ODDINF) return true;
  return rounding === (sign ? FPRounding.NEGINF : FPRounding.POSINF);
}

function roundBase(
  fmt: Format,
  env: FpEnv,
  value: Real,
  rounding: FPRounding,
  flush: boolean,
  alternative: boolean,
): bigint {
  const sign: Sign = value.m < 0n ? 1 : 0;
  const mantissa = sign ? -value.m : value.m;
  const exponent = bitLength(mantissa) - 1 + value.e;
  const tiny = exponent < fmt.minExp;
  if (tiny && flush) {
    env.flags |= FPSR.UFC;
    return FPZero(fmt, sign);
  }
  const lastPlace = (tiny ? fmt.minExp : exponent) - fmt.F;
  let { int, tail } = truncate(mantissa, lastPlace - value.e);
  // Tininess is detected before rounding.
  if (tiny && tail !== Tail.EXACT) env.flags |= FPSR.UFC;
  if (roundsUp(rounding, sign, int, tail)) int += 1n;
  // The leading one of a normal mantissa adds one to the exponent field, so a carry out of rounding needs no case.
  const below = tiny ? 0n : BigInt(exponent - fmt.minExp);
  const magnitude = (below << fmt.fracBits) + int;
  if (alternative) {
    if (magnitude >= fmt.signMask) {
      env.flags |= FPSR.IOC;
      return sign ? fmt.signMask | (fmt.signMask - 1n) : fmt.signMask - 1n;
    }
  } else if (magnitude >= fmt.infinity) {
    env.flags |= FPSR.OFC | FPSR.IXC;
    return overflowsToInfinity(rounding, sign) ? FPInfinity(fmt, sign) : FPMaxNormal(fmt, sign);
  }
  if (tail !== Tail.EXACT) env.flags |= FPSR.IXC;
  return sign ? fmt.signMask | magnitude : magnitude;
}

/** Encodes a nonzero real. */
export function FPRound(fmt: Format, env: FpEnv, value: Real, rounding: FPRounding = env.rounding): bigint {
  return roundBase(fmt, env, value, rounding, flushes(fmt, env), false);
}

/** FPRound for conversions between formats: FPCR.FZ16 has no effect, FPCR.AHP has. */
export function FPRoundCV(fmt: Format, env: FpEnv, value: Real, rounding: FPRounding): bigint {
  return roundBase(fmt, env, value, rounding, fmt !== HALF && env.FZ, fmt === HALF && env.AHP);
}

/** FPRound, where a zero takes the sign that an exact cancellation has in the current rounding mode. */
export function roundSum(fmt: Format, env: FpEnv, value: Real): bigint {
  if (value.m === 0n) return FPZero(fmt, env.rounding === FPRounding.NEGINF ? 1 : 0);
  return FPRound(fmt, env, value);
}

export function isAnyNaN(op: Unpacked): boolean {
  return op.type >= FPType.QNaN;
}

/** The default NaN, with Invalid Operation. */
export function invalidOperation(fmt: Format, env: FpEnv): bigint {
  env.flags |= FPSR.IOC;
  return fmt.defaultNaN;
}

export function FPProcessNaN(fmt: Format, env: FpEnv, op: Unpacked): bigint {
  if (op.type === FPType.SNaN) env.flags |= FPSR.IOC;
  return env.DN ? fmt.defaultNaN : op.bits | fmt.quietBit;
}

/** FPProcessNaNs and FPProcessNaNs3: the first signaling NaN, else the first quiet one, else undefined. */
export function FPProcessNaNs(fmt: Format, env: FpEnv, ...ops: readonly Unpacked[]): bigint | undefined {
  const nan = ops.find((op) => op.type === FPType.SNaN) ?? ops.find((op) => op.type === FPType.QNaN);
  return nan && FPProcessNaN(fmt, env, nan);
}
