/**
 * Sums, products, quotients, roots and conversions in modes other than FPCR's default: directed rounding, and denormals
 * that count as zero (DDI 0487, Shared pseudocode, FPUnpack, FPRound). The host rounds to nearest; the sign of the
 * error tells which neighbour is meant. Where that is not certain (near the ends of the range) nothing is returned.
 */
import { FPRounding, FPSR } from "../../cpu/fp/format.js";
import type { FunctionBuilder } from "../ir/function.js";
import type { F32, F64, I32, I64 } from "../ir/value.js";
import { decode, encode, hostOf } from "./codec.js";
import { MIN_NORMAL } from "./host.js";
import { flushes, isDefault, isRoundingOrFlushing, raise, roundingMode } from "./mode.js";
import { sumError, type TellingName } from "./operations.js";
import { FACTOR_LIMIT, productError, within } from "./product-error.js";
import { returnInvalid } from "./rare.js";

type Float = F32 | F64;

const LARGEST = { 32: (2 - 2 ** -23) * 2 ** 127, 64: Number.MAX_VALUE } as const;

/** An operand, or the zero that it counts as, which is recorded. */
export function flushedOperand(fb: FunctionBuilder, cpu: I32, width: 32 | 64, x: Float): Float {
  const operand = fb.variable(x);
  fb.if(
    hostOf(fb, width)
      .notDenormal(x)
      .eqz()
      .and(hostOf(fb, width).notNaN(x))
      .and(flushes(fb, cpu, false)),
    () => {
      raise(fb, cpu, FPSR.IDC);
      operand.set(decode(fb, width, encode(fb, width, x).and(1n << BigInt(width - 1))));
    },
  );
  return operand.get();
}

/** `then` with the operands as FPCR.FZ has them, where nothing but it and the rounding mode is set. None is a NaN. */
export function withFlushed(
  fb: FunctionBuilder,
  cpu: I32,
  width: 16 | 32 | 64,
  operands: readonly Float[],
  then: (flushed: readonly Float[]) => void,
): void {
  if (width === 16) return;
  fb.if(isRoundingOrFlushing(fb, cpu), () => then(operands.map((x) => flushedOperand(fb, cpu, width, x))));
}

/** Something is set that is done here, and nothing else. */
export const isModal = (fb: FunctionBuilder, cpu: I32): I32 =>
  isRoundingOrFlushing(fb, cpu).and(isDefault(fb, cpu).eqz());

/** A result rounded to nearest, and what is known of it. */
export interface Nearest {
  readonly r: Float;
  /** Has the sign of what r is too small by; 0 where r is exact. */
  readonly error: Float;
  /** 1 where that is so. */
  readonly known: I32;
  /** 1 where r is zero and the result was not, before rounding. */
  readonly vanished: I32;
  /** What an exact zero is while FPCR rounds towards minus infinity; "unknown": it is not r. */
  readonly zeroBelow: I64 | "r" | "unknown";
}

/** Returns it as FPCR has it rounded, or flushed, if that is certain. */
export function returnRounded(fb: FunctionBuilder, cpu: I32, width: 32 | 64, nearest: Nearest): void {
  const { r, error, known, vanished, zeroBelow } = nearest;
  const h = hostOf(fb, width);
  const e = hostOf(fb, error.letter === "f" ? 32 : 64);
  const mode = roundingMode(fb, cpu);
  const magnitude = h.abs(r);
  const inside = h.gt(magnitude, h.constant(MIN_NORMAL[width])).and(h.lt(magnitude, h.constant(LARGEST[width])));
  // The error of a sum overflows on its way where an operand is nearly the largest number.
  fb.if(inside.and(known).and(e.finite(error)), () => {
    fb.if(e.zero(error), () => fb.return(encode(fb, width, r)));
    raise(fb, cpu, FPSR.IXC);
    const positive = h.gt(r, h.constant(0));
    const tooSmall = e.gt(error, e.constant(0));
    const towardsZero = mode.eq(FPRounding.ZERO);
    const up = tooSmall.and(mode.eq(FPRounding.POSINF).or(towardsZero.and(positive.eqz())));
    const down = tooSmall.eqz().and(mode.eq(FPRounding.NEGINF).or(towardsZero.and(positive)));
    const larger = up.select(positive, positive.eqz());
    const step = up.or(down).select(larger.select(fb.i64(1), fb.i64(-1)), fb.i64(0));
    fb.return(encode(fb, width, r).add(step));
  });
  const isZero = h.zero(r);
  // Tininess is detected before rounding, in any mode.
  const tiny = h.lt(magnitude, h.constant(MIN_NORMAL[width])).and(isZero.eqz().or(vanished));
  fb.if(tiny.and(flushes(fb, cpu, false)), () => {
    raise(fb, cpu, FPSR.UFC);
    fb.return(encode(fb, width, r).and(1n << BigInt(width - 1)));
  });
  const exactZero = isZero.and(vanished.eqz());
  if (zeroBelow !== "r") {
    fb.if(exactZero.and(mode.eq(FPRounding.NEGINF)), () => {
      if (zeroBelow !== "unknown") fb.return(zeroBelow);
    });
  }
  const elsewhere = zeroBelow === "unknown" ? mode.ne(FPRounding.NEGINF) : fb.i32(1);
  fb.if(exactZero.and(elsewhere), () => fb.return(encode(fb, width, r)));
}

function nearestOf(fb: FunctionBuilder, width: 32 | 64, name: TellingName, x: Float, y: Float): Nearest {
  const h = hostOf(fb, width);
  const wide = (v: Float): F64 => (width === 32 ? (v as F32).toF64() : (v as F64));
  const [always, never] = [fb.i32(1), fb.i32(0)];
  const inRange = (v: Float): I32 => within(h, v, FACTOR_LIMIT);
  /** v - p * q, where p * q is v but for its last places. */
  const rest = (v: Float, p: Float, q: Float): Float => {
    if (width === 32) return wide(v).sub(wide(p).mul(wide(q)));
    const product = h.mul(p, q);
    return h.sub(h.sub(v, product), productError(h, product, p, q));
  };
  switch (name) {
    case "FADD":
    case "FSUB": {
      const addend = name === "FSUB" ? h.neg(y) : y;
      const r = h.add(x, addend);
      const signs = encode(fb, width, x).or(encode(fb, width, addend));
      const zeroBelow = signs.eqz().select(fb.i64(0), fb.i64(1n << BigInt(width - 1)));
      return { r, error: sumError(h, r, x, addend), known: always, vanished: never, zeroBelow };
    }
    case "FMUL": {
      const r = h.mul(x, y);
      const error = width === 32 ? wide(x).mul(wide(y)).sub(wide(r)) : productError(h, r, x, y);
      const known = width === 32 ? always : inRange(x).and(inRange(y));
      const vanished = h.zero(r).and(h.zero(x).or(h.zero(y)).eqz());
      return { r, error, known, vanished, zeroBelow: "r" };
    }
    case "FDIV": {
      const r = h.div(x, y);
      const left = rest(x, r, y);
      const error = h.lt(y, h.constant(0)).select(left.neg(), left);
      const known = width === 32 ? always : inRange(x).and(inRange(y));
      const vanished = h.zero(r).and(h.zero(x).or(h.infinite(y)).eqz());
      return { r, error, known, vanished, zeroBelow: "r" };
    }
    case "FSQRT": {
      const r = h.sqrt(x);
      return { r, error: rest(x, r, r), known: width === 32 ? always : inRange(x), vanished: never, zeroBelow: "r" };
    }
  }
}

/** Returns the result of an operation where FPCR changes nothing but roundings and denormals. */
export function returnModal(
  fb: FunctionBuilder,
  cpu: I32,
  width: 32 | 64,
  name: TellingName,
  x: Float,
  y: Float | undefined,
): void {
  fb.if(isModal(fb, cpu), () => {
    const a = flushedOperand(fb, cpu, width, x);
    const b = y === undefined ? a : flushedOperand(fb, cpu, width, y);
    const nearest = nearestOf(fb, width, name, a, b);
    const h = hostOf(fb, width);
    const numbers = h.notNaN(a).and(h.notNaN(b));
    fb.if(numbers.and(h.notNaN(nearest.r).eqz()), () => returnInvalid(fb, cpu, width));
    fb.if(h.infinite(nearest.r).and(h.finite(a)).and(h.finite(b)), () => {
      if (name === "FDIV") {
        fb.if(h.zero(b), () => {
          raise(fb, cpu, FPSR.DZC);
          fb.return(encode(fb, width, nearest.r));
        });
      }
      fb.if(roundingMode(fb, cpu).eqz(), () => {
        raise(fb, cpu, FPSR.OFC | FPSR.IXC);
        fb.return(encode(fb, width, nearest.r));
      });
    });
    returnRounded(fb, cpu, width, nearest);
  });
}
