// Ordering: FPMax, FPMin, FPMaxNum, FPMinNum, FPCompare, FPCompareEQ/GE/GT. Arm DDI 0487, Shared pseudocode,
// functions/float.

import { type Format, FPInfinity, FPSR, FPZero, type FpEnv } from "./format.js";
import { FPProcessNaNs, FPType, FPUnpack, isAnyNaN, type Unpacked } from "./unpack.js";

/** An integer that orders non-NaN operands of one format as their values are ordered. */
function rank(fmt: Format, op: Unpacked): bigint {
  return op.sign ? -(op.bits ^ fmt.signMask) : op.bits;
}

function select(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, greater: boolean): bigint {
  const x = FPUnpack(fmt, env, op1);
  const y = FPUnpack(fmt, env, op2);
  const nan = FPProcessNaNs(fmt, env, x, y);
  if (nan !== undefined) return nan;
  if (x.type === FPType.Zero && y.type === FPType.Zero) {
    const bothNegative = x.sign === 1 && y.sign === 1;
    const eitherNegative = x.sign === 1 || y.sign === 1;
    return FPZero(fmt, (greater ? bothNegative : eitherNegative) ? 1 : 0);
  }
  return rank(fmt, x) > rank(fmt, y) === greater ? x.bits : y.bits;
}

export function FPMax(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return select(fmt, env, op1, op2, true);
}

export function FPMin(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return select(fmt, env, op1, op2, false);
}

/** A lone quiet NaN counts as the infinity that cannot win. */
function selectNum(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, greater: boolean): bigint {
  const quiet1 = FPUnpack(fmt, env, op1).type === FPType.QNaN;
  const quiet2 = FPUnpack(fmt, env, op2).type === FPType.QNaN;
  const loser = FPInfinity(fmt, greater ? 1 : 0);
  if (quiet1 && !quiet2) return select(fmt, env, loser, op2, greater);
  if (quiet2 && !quiet1) return select(fmt, env, op1, loser, greater);
  return select(fmt, env, op1, op2, greater);
}

export function FPMaxNum(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return selectNum(fmt, env, op1, op2, true);
}

export function FPMinNum(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return selectNum(fmt, env, op1, op2, false);
}

/** -1, 0 or 1 as op1 is less, equal or greater; undefined if unordered, with Invalid Operation where it is due. */
function order(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, signalNaNs: boolean): -1 | 0 | 1 | undefined {
  const x = FPUnpack(fmt, env, op1);
  const y = FPUnpack(fmt, env, op2);
  if (isAnyNaN(x) || isAnyNaN(y)) {
    if (signalNaNs || x.type === FPType.SNaN || y.type === FPType.SNaN) env.flags |= FPSR.IOC;
    return undefined;
  }
  const difference = rank(fmt, x) - rank(fmt, y);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** PSTATE.<N,Z,C,V> as a 4-bit value, N at bit 3. */
export function FPCompare(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, signalNaNs: boolean): bigint {
  switch (order(fmt, env, op1, op2, signalNaNs)) {
    case undefined:
      return 0b0011n;
    case 0:
      return 0b0110n;
    case -1:
      return 0b1000n;
    case 1:
      return 0b0010n;
  }
}

export function FPCompareEQ(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): boolean {
  return order(fmt, env, op1, op2, false) === 0;
}

export function FPCompareGE(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): boolean {
  return (order(fmt, env, op1, op2, true) ?? -1) >= 0;
}

export function FPCompareGT(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): boolean {
  return order(fmt, env, op1, op2, true) === 1;
}
