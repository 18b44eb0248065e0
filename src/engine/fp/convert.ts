/**
 * Conversions of one element as functions of the module (DDI 0487, Shared pseudocode, FPToFixed, FixedToFP,
 * FPConvert). To integers everything goes through double precision, which holds every operand exactly.
 */
import type { FpOpName } from "../../cpu/fp/exact.js";
import { FPSR } from "../../cpu/fp/format.js";
import type { Callable, FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F32, F64, I32, I64 } from "../ir/value.js";
import { decode, encode, type Width } from "./codec.js";
import { type Element1, exactly, memo, modeAllows } from "./element.js";
import { fitsHalf, narrowHalf, widenHalf } from "./half.js";
import { doubleHost, singleHost } from "./host.js";
import { flushedOperand, returnRounded } from "./modal.js";
import {
  fastly,
  isDefault,
  isDefaultOrFlushing,
  isFast,
  isPlain,
  isRounding,
  isRoundingOrFlushing,
  keepsNaNs,
  noteInexact,
  raise,
} from "./mode.js";
import { ARITHMETIC } from "./operations.js";
import { type Decision, hostOrCalled, notFlushed, quickly, stands } from "./quick.js";
import { returnNaN, returnNarrowed } from "./rare.js";

/** Rounding of a conversion to integer, by the letter in its mnemonic. */
export type RoundingLetter = "N" | "P" | "M" | "Z" | "A";
/** Width of the integer. */
export type IntegerWidth = 16 | 32 | 64;

/** (cpu, operand bits, fraction bits) → result bits. */
export type FixedPoint = Callable<"ill", "l">;

/** 2 to the power of a run-time integer that is in range for a normal number. */
const powerOfTwo = (exponent: I64): F64 => exponent.add(1023).shl(52).asF64();

/** FCVT<rounding><S|U> from `width` to an integer, with fraction bits. */
export const toFixedElement = memo(
  (rounding: RoundingLetter, unsigned: boolean, width: Width, integer: IntegerWidth): FixedPoint => {
    const name: FpOpName = `FCVT${rounding}${unsigned ? "U" : "S"}`;
    return defineFunction(`${name}_${width}_${integer}`, "ill", "l", (fb, cpu, a, fbits) => {
      const h = doubleHost(fb);
      const operand = decode(fb, width, a);
      const value = (width === 32 ? (operand as F32).toF64() : (operand as F64)).mul(powerOfTwo(fbits));
      const rounded = ARITHMETIC[`FRINT${rounding}`].compute(h, value, value);
      const below = fb.f64(2 ** (unsigned ? integer : integer - 1));
      const least = fb.f64(unsigned ? 0 : -(2 ** (integer - 1)));
      fb.if(rounded.ge(least).and(rounded.lt(below)), () => {
        fb.if(modeAllows(fb, cpu, width, [operand], true), () => {
          noteInexact(fb, cpu, () => rounded.ne(value));
          const full = fb.op(unsigned ? "i64.trunc_sat_f64_u" : "i64.trunc_sat_f64_s", rounded) as I64;
          fb.return(full.bits(0, integer));
        });
      });
      if (integer !== 16) {
        // Saturated, or 0 of a NaN: what the host's conversions give as well.
        fb.if(isRounding(fb, cpu).and(rounded.ge(least).and(rounded.lt(below)).eqz()), () => {
          raise(fb, cpu, FPSR.IOC);
          const sign = unsigned ? "u" : "s";
          if (integer === 64) fb.return(fb.op(`i64.trunc_sat_f64_${sign}`, rounded) as I64);
          else fb.return((fb.op(`i32.trunc_sat_f64_${sign}`, rounded) as I32).toI64U());
        });
      }
      fb.return(exactly(fb, cpu, name, width, a, fbits, fb.i64(integer)));
    });
  },
);

/** FCVTZ<S|U> of a scalar in place where that is easy, else by the element function. */
export function towardsZero(
  fb: FunctionBuilder,
  cpu: I32,
  unsigned: boolean,
  width: Width,
  integer: IntegerWidth,
  a: I64,
): I64 {
  const called = (): I64 => fb.call(toFixedElement("Z", unsigned, width, integer), cpu, a, fb.i64(0));
  if (width === 16) return called();
  const operand = decode(fb, width, a);
  const value = width === 32 ? (operand as F32).toF64() : (operand as F64);
  const inRange = unsigned
    ? [value.gt(fb.f64(-1)), value.lt(fb.f64(2 ** integer))]
    : [value.abs().lt(fb.f64(2 ** (integer - 1)))];
  const convert = unsigned ? "i64.trunc_sat_f64_u" : "i64.trunc_sat_f64_s";
  return fastly(
    fb,
    cpu,
    [...inRange, ...notFlushed(fb, width, [operand])],
    () => (fb.op(convert, value) as I64).bits(0, integer),
    called,
  );
}

/** The integer has more digits than the format holds. */
function tooLong(fb: FunctionBuilder, x: I64, unsigned: boolean, digits: number): I32 {
  const magnitude = unsigned ? x : x.ltS(0).select(x.neg(), x);
  return magnitude.shrU(magnitude.ctz()).geU(fb.i64(1n << BigInt(digits)));
}

const DIGITS = { 32: 24, 64: 53 } as const;

/** SCVTF and UCVTF from an integer with fraction bits. */
export const fromFixedElement = memo((unsigned: boolean, integer: IntegerWidth, width: Width): FixedPoint => {
  const name: FpOpName = unsigned ? "UCVTF" : "SCVTF";
  return defineFunction(`${name}_${integer}_${width}`, "ill", "l", (fb, cpu, a, fbits) => {
    const x = integer === 64 ? a : unsigned ? a.bits(0, integer) : a.shl(64 - integer).shrS(64 - integer);
    const sign = unsigned ? "u" : "s";
    const scale = powerOfTwo(fbits.neg());
    // No result is a denormal single or double.
    fb.if(isDefaultOrFlushing(fb, cpu), () => {
      if (width === 16) {
        const value = (fb.op(`f64.convert_i64_${sign}`, x) as F64).mul(scale);
        // Beyond 53 digits the first rounding would not be exact.
        const held = integer === 64 ? tooLong(fb, x, unsigned, 53).eqz() : fb.i32(1);
        fb.if(held.and(fitsHalf(fb, value)), () => {
          const half = narrowHalf(fb, value);
          noteInexact(fb, cpu, () => widenHalf(fb, half).ne(value));
          fb.return(half);
        });
      } else {
        noteInexact(fb, cpu, () => tooLong(fb, x, unsigned, DIGITS[width]));
        fb.return(
          width === 64
            ? (fb.op(`f64.convert_i64_${sign}`, x) as F64).mul(scale).bits()
            : (fb.op(`f32.convert_i64_${sign}`, x) as F32).mul(scale.toF32()).bits().toI64U(),
        );
      }
    });
    if (width !== 16) {
      // Exact, or what the host's result is too small by, where that is no more than what an integer of 64 bits holds.
      const r =
        width === 64 ? (fb.op(`f64.convert_i64_${sign}`, x) as F64) : (fb.op(`f32.convert_i64_${sign}`, x) as F32);
      const wide = width === 64 ? (r as F64) : (r as F32).toF64();
      const back = fb.op(`i64.trunc_sat_f64_${sign}`, wide) as I64;
      const error = fb.op("f64.convert_i64_s", x.sub(back)) as F64;
      const known = wide
        .abs()
        .lt(fb.f64(2 ** 63))
        .and(fbits.eqz());
      fb.if(isRoundingOrFlushing(fb, cpu), () => {
        returnRounded(fb, cpu, width, { r, error, known, vanished: fb.i32(0), zeroBelow: "r" });
      });
    }
    fb.return(exactly(fb, cpu, name, width, a, fbits, fb.i64(integer)));
  });
});

/** SCVTF and UCVTF of a scalar in place where that is easy, else by the element function. */
export function fromInteger(
  fb: FunctionBuilder,
  cpu: I32,
  unsigned: boolean,
  integer: IntegerWidth,
  width: Width,
  a: I64,
): I64 {
  const called = (): I64 => fb.call(fromFixedElement(unsigned, integer, width), cpu, a, fb.i64(0));
  if (width === 16) return called();
  const x = integer === 64 ? a : unsigned ? a.bits(0, 32) : a.extend32S();
  const sign = unsigned ? "u" : "s";
  const exact = integer === 32 && width === 64;
  const convert = (): I64 =>
    width === 64
      ? (fb.op(`f64.convert_i64_${sign}`, x) as F64).bits()
      : (fb.op(`f32.convert_i64_${sign}`, x) as F32).bits().toI64U();
  return exact ? fb.mostly([isPlain(fb, cpu)], convert, called) : fastly(fb, cpu, [], convert, called);
}

/** FCVT between formats. */
export const formatElement = memo((from: Width, to: Width): Element1 => {
  const name = `FCVT_${({ 16: "H", 32: "S", 64: "D" } as const)[to]}` as const;
  return defineFunction(`${name}_${from}`, "il", "l", (fb, cpu, a) => {
    const operand = decode(fb, from, a);
    const value = from === 32 ? (operand as F32).toF64() : (operand as F64);
    if (to > from) {
      fb.if(value.eq(value), () => {
        fb.if(modeAllows(fb, cpu, from, [operand], true), () => {
          fb.return(encode(fb, to, to === 32 ? value.toF32() : value));
        });
      });
    } else if (to === 16) {
      fb.if(value.eq(value).and(isDefault(fb, cpu)), () => returnNarrowed(fb, cpu, 16, value));
      fb.if(isDefaultOrFlushing(fb, cpu).and(fitsHalf(fb, value)), () => {
        const half = narrowHalf(fb, value);
        noteInexact(fb, cpu, () => widenHalf(fb, half).ne(value));
        fb.return(half);
      });
    } else {
      const single = value.toF32();
      const certain = singleHost(fb)
        .normal(single)
        .or(value.eq(fb.f64(0)));
      fb.if(certain, () => {
        fb.if(modeAllows(fb, cpu, 32, [single]), () => {
          noteInexact(fb, cpu, () => single.toF64().ne(value));
          fb.return(single.bits().toI64U());
        });
      });
      fb.if(value.eq(value).and(isDefault(fb, cpu)), () => returnNarrowed(fb, cpu, 32, value));
      fb.if(isRoundingOrFlushing(fb, cpu), () => {
        const operand = flushedOperand(fb, cpu, 64, value) as F64;
        const r = operand.toF32();
        const vanished = r.eq(fb.f32(0)).and(operand.eq(fb.f64(0)).eqz());
        const error = operand.sub(r.toF64());
        returnRounded(fb, cpu, 32, { r, error, known: fb.i32(1), vanished, zeroBelow: "r" });
      });
    }
    fb.if(value.ne(value).and(keepsNaNs(fb, cpu)), () => returnNaN(fb, cpu, from, to, a));
    fb.return(exactly(fb, cpu, name, from, a));
  });
});

/** FCVT of a scalar between single and double in place, else by the element function. */
export function convertElement(fb: FunctionBuilder, cpu: I32, from: Width, to: Width, a: I64): I64 {
  const called = (): I64 => fb.call(formatElement(from, to), cpu, a);
  if (from === 32 && to === 64) {
    const value = a.wrap().asF32();
    const widened = fb.mostly(
      [...stands(fb, cpu, 32, [value]), value.eq(value)],
      () => value.toF64(),
      () => called().asF64(),
    );
    return widened.bits();
  }
  if (from !== 64 || to !== 32) return called();
  const value = a.asF64();
  const single = value.toF32();
  const decision: Decision = {
    allowed: () => isFast(fb, cpu),
    certain: () => value.eq(fb.f64(0)),
    notFlushed: () => notFlushed(fb, 64, [value]),
    quick: { test: "normal", holds: (doubt) => quickly(32, "normal", single, doubt) },
  };
  return hostOrCalled(
    fb,
    cpu,
    decision,
    () => single,
    () => called().wrap().asF32(),
  )
    .bits()
    .toI64U();
}

/** FCVTXN: double to single, rounding to odd. */
export const narrowOddElement: Element1 = defineFunction("FCVTXN_64", "il", "l", (fb, cpu, a) => {
  const value = a.asF64();
  const single = value.toF32();
  const back = single.toF64();
  const certain = singleHost(fb)
    .normal(single)
    .or(value.eq(fb.f64(0)));
  fb.if(certain.and(isDefaultOrFlushing(fb, cpu)), () => {
    const inexact = back.ne(value);
    noteInexact(fb, cpu, () => inexact);
    const bits = single.bits();
    const towardsValue = back.abs().lt(value.abs()).select(fb.i32(1), fb.i32(-1));
    const adjust = inexact.and(bits.and(1).eqz());
    fb.return(bits.add(adjust.select(towardsValue, fb.i32(0))).toI64U());
  });
  fb.return(exactly(fb, cpu, "FCVTXN", 64, a));
});

/** FJCVTZS: bits 31–0 the integer, bit 32 the Z flag. */
export const javaScriptElement: Element1 = defineFunction("FJCVTZS_64", "il", "l", (fb, cpu, a) => {
  const value = a.asF64();
  const rounded = fb.op("f64.trunc", value) as F64;
  const inRange = rounded.ge(fb.f64(-(2 ** 31))).and(rounded.lt(fb.f64(2 ** 31)));
  fb.if(inRange.and(modeAllows(fb, cpu, 64, [value])), () => {
    noteInexact(fb, cpu, () => rounded.ne(value));
    const integer = fb.op("i64.trunc_sat_f64_s", rounded) as I64;
    // Minus zero is not the integer zero.
    const same = rounded.eq(value).and(a.ne(1n << 63n));
    fb.return(integer.bits(0, 32).or(same.toI64U().shl(32)));
  });
  fb.return(exactly(fb, cpu, "FJCVTZS", 64, a));
});
