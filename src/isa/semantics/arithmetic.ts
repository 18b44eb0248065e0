/** Integer arithmetic shared by the A64 bodies (DDI 0487, J1 "AddWithCarry", "ShiftReg", "ExtendReg"). */
import type { Builder } from "../../engine/builder.js";
import type { FlagSource } from "../../engine/flags.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";

/** Writes X[n] (sf = 1) or W[n] (sf = 0) with the low bits of `value`. */
export function setRegister(b: Builder, sf: number, o: Operand, value: I64): void {
  b.setX(o, sf ? value : value.wrap().toI64U());
}

/** The same with SP for register 31. */
export function setRegisterSP(b: Builder, sf: number, o: Operand, value: I64): void {
  b.setXSP(o, sf ? value : value.wrap().toI64U());
}

/** What the flags of x − y or x + y come of. Operands of 32-bit forms count by their low halves. */
export function flagSource(sf: number, subtract: boolean, x: I64, y: I64): FlagSource {
  const op = subtract ? "difference" : "sum";
  return sf ? { op, x, y } : { op, x: x.wrap(), y: y.wrap() };
}

/** Sum or difference, with NZCV if `setsFlags`. */
export function addOrSubtract(b: Builder, sf: number, subtract: boolean, setsFlags: boolean, x: I64, y: I64): I64 {
  if (setsFlags) b.setFlagsFrom(flagSource(sf, subtract, x, y));
  return subtract ? x.sub(y) : x.add(y);
}

/** x + y + PSTATE.C, with NZCV if `setsFlags`. SBC passes the complement of y. */
export function addWithCarry(b: Builder, sf: number, setsFlags: boolean, x: I64, y: I64): I64 {
  const carry = b.flagC().toI64U();
  if (sf) {
    const partial = x.add(y);
    const r = partial.add(carry);
    if (setsFlags) b.setFlags(r, r, partial.ltU(x).or(r.ltU(partial)), x.xor(r).and(y.xor(r)));
    return r;
  }
  const [xw, yw] = [x.and(0xffffffffn), y.and(0xffffffffn)];
  const sum = xw.add(yw).add(carry);
  if (setsFlags) {
    const wide = sum.extend32S();
    b.setFlags(wide, wide, sum.shrU(32).wrap(), xw.xor(sum).and(yw.xor(sum)).extend32S());
  }
  return sum;
}

/** N and Z of the result of a logical operation; C and V are clear. */
export const setFlagsOfResult = (b: Builder, sf: number, result: I64): void =>
  b.setFlagsFrom({ op: "sign", x: sf ? result : result.extend32S() });

/** Shift types in their encoding. */
export const SHIFT = { LSL: 0, LSR: 1, ASR: 2, ROR: 3 } as const;

/** X[n] or W[n] shifted by less than its width. The upper half of a 32-bit result means nothing. */
export function shifted(b: Builder, sf: number, o: Operand, type: number, amount: I32): I64 {
  if (sf) {
    const x = b.X(o);
    const n = amount.toI64U();
    switch (type) {
      case SHIFT.LSL:
        return x.shl(n);
      case SHIFT.LSR:
        return x.shrU(n);
      case SHIFT.ASR:
        return x.shrS(n);
      default:
        return x.rotr(n);
    }
  }
  const w = b.W(o);
  switch (type) {
    case SHIFT.LSL:
      return w.shl(amount).toI64U();
    case SHIFT.LSR:
      return w.shrU(amount).toI64U();
    case SHIFT.ASR:
      return w.shrS(amount).toI64U();
    default:
      return w.rotr(amount).toI64U();
  }
}

/** `value` extended as `option` says: UXTB, UXTH, UXTW, UXTX, SXTB, SXTH, SXTW, SXTX. */
export function extended(value: I64, option: number): I64 {
  switch (option) {
    case 0:
      return value.and(0xff);
    case 1:
      return value.and(0xffff);
    case 2:
      return value.and(0xffffffffn);
    case 4:
      return value.extend8S();
    case 5:
      return value.extend16S();
    case 6:
      return value.extend32S();
    default:
      return value;
  }
}

/** Bits 127:64 of the unsigned product. */
export function multiplyHighUnsigned(x: I64, y: I64): I64 {
  const low = 0xffffffffn;
  const [x0, x1, y0, y1] = [x.and(low), x.shrU(32), y.and(low), y.shrU(32)];
  const first = x1.mul(y0).add(x0.mul(y0).shrU(32));
  const second = x0.mul(y1).add(first.and(low));
  return x1.mul(y1).add(first.shrU(32)).add(second.shrU(32));
}

/** Bits 127:64 of the signed product: a negative operand stands for itself + 2^64. */
export function multiplyHighSigned(x: I64, y: I64): I64 {
  return multiplyHighUnsigned(x, y).sub(x.shrS(63).and(y)).sub(y.shrS(63).and(x));
}

/** Quotient rounded towards zero; by zero it is zero, and the most negative number by −1 is itself. */
export function divideSigned(b: Builder, sf: number, n: Operand, m: Operand): I64 {
  if (sf) {
    const [x, y] = [b.X(n), b.X(m)];
    return b.choose(
      y.add(1).leU(1),
      () => x.neg().and(y),
      () => x.divS(y),
    );
  }
  const [x, y] = [b.W(n), b.W(m)];
  const quotient = b.choose(
    y.add(1).leU(1),
    () => x.neg().and(y),
    () => x.divS(y),
  );
  return quotient.toI64U();
}

export function divideUnsigned(b: Builder, sf: number, n: Operand, m: Operand): I64 {
  if (sf) {
    const [x, y] = [b.X(n), b.X(m)];
    return b.choose(
      y.eqz(),
      () => y,
      () => x.divU(y),
    );
  }
  const [x, y] = [b.W(n), b.W(m)];
  const quotient = b.choose(
    y.eqz(),
    () => y,
    () => x.divU(y),
  );
  return quotient.toI64U();
}
