/**
 * Operations on one element as functions of the module: (cpu, operand bits…) → result bits, zero-extended. Each takes
 * the host's result where it is certain, recording Inexact where that is not recorded yet, and the exact path's
 * otherwise; so each is right for every operand in every mode.
 */
import { FpOp, type FpOpName } from "../../cpu/fp/exact.js";
import { FPSR } from "../../cpu/fp/format.js";
import type { Callable, FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F32, F64, I32, I64, Value } from "../ir/value.js";
import { decode, encode, hostOf, type Width } from "./codec.js";
import { fitsHalf, narrowAnyHalf, narrowHalf, widenHalf } from "./half.js";
import { type Host, MIN_NORMAL, type ScalarHost } from "./host.js";
import { fpExactImport } from "./imports.js";
import { returnModal, withFlushed } from "./modal.js";
import {
  flushes,
  isDefault,
  isDefaultOrFlushing,
  isRounding,
  isRoundingOrFlushing,
  keepsNaNs,
  noteInexact,
  raise,
  raised,
} from "./mode.js";
import {
  ARITHMETIC,
  type ArithmeticName,
  type ArithmeticOperation,
  COMPARISONS,
  type ComparisonName,
  isTelling,
} from "./operations.js";
import { isSignalingNaN, returnInvalid, returnNarrowed } from "./rare.js";

const OVERFLOW = FPSR.OFC | FPSR.IXC;
const UNDERFLOW = FPSR.UFC | FPSR.IXC;

export type Element1 = Callable<"il", "l">;
export type Element2 = Callable<"ill", "l">;
export type Element3 = Callable<"illl", "l">;

/** One function per distinct arguments: the module takes functions by identity. */
export function memo<A extends readonly (string | number | boolean)[], R>(make: (...args: A) => R): (...args: A) => R {
  const made = new Map<string, R>();
  return (...args) => {
    const key = args.join();
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = make(...args);
    made.set(key, fresh);
    return fresh;
  };
}

/** An element's bits without the sign; as a float's operation, so that what is one need not become bits. */
export function absolute(bits: I64, width: Width): I64 {
  if (width === 64) return bits.asF64().abs().bits();
  return width === 32 ? bits.wrap().asF32().abs().bits().toI64U() : bits.bits(0, width - 1);
}

/** An element's bits with the sign turned, if that is wanted. */
export function negated(bits: I64, width: Width, negate: boolean): I64 {
  if (!negate) return bits;
  if (width === 64) return bits.asF64().neg().bits();
  return width === 32 ? bits.wrap().asF32().neg().bits().toI64U() : bits.xor(1n << BigInt(width - 1));
}

/** Asks the exact path. */
export function exactly(
  fb: FunctionBuilder,
  cpu: I32,
  op: FpOpName,
  width: Width,
  a: I64,
  b: I64 = fb.i64(0),
  c: I64 = fb.i64(0),
): I64 {
  return fb.call(fpExactImport, cpu, fb.i32(FpOp[op]), fb.i32(width), a, b, c);
}

/**
 * FPCR lets these values stand: it is at its default, or it flushes (but not halves) and none of them is denormal. Of
 * an operation that FPCR does not round (`unrounded`) the rounding mode is of no account.
 */
export function modeAllows(
  fb: FunctionBuilder,
  cpu: I32,
  width: Width,
  values: readonly (F32 | F64)[],
  unrounded = false,
): I32 {
  const orFlushing = (): I32 => (unrounded ? isRoundingOrFlushing(fb, cpu) : isDefaultOrFlushing(fb, cpu));
  if (width === 16) return orFlushing();
  const h = hostOf(fb, width);
  return fb.choose(
    unrounded ? isRounding(fb, cpu) : isDefault(fb, cpu),
    () => fb.i32(1),
    () => values.map((v) => h.notDenormal(v)).reduce((all, v) => all.and(v), orFlushing()),
  );
}

/** What FPCR makes of an operand of a comparison: a denormal may be zero. */
export function flushed(fb: FunctionBuilder, cpu: I32, width: Width, x: F32 | F64): F32 | F64 {
  const h = hostOf(fb, width);
  const denormal = h.lt(h.abs(x), h.constant(MIN_NORMAL[width]));
  return h.select(denormal.and(flushes(fb, cpu, width === 16)), h.constant(0), x);
}

/** Whether the host's result is the instruction's under FPCR's default. */
export function certainOf(
  h: ScalarHost,
  width: Width,
  op: ArithmeticOperation,
  r: F32 | F64,
  x: F32 | F64,
  y: F32 | F64,
): I32 {
  return width === 16 ? fitsHalf(h.fb, r as F64) : op.certain(h, r, x, y);
}

function roundedOf(
  fb: FunctionBuilder,
  width: Width,
  op: ArithmeticOperation,
  r: F32 | F64,
  x: F32 | F64,
  y: F32 | F64,
): I32 {
  const { unrounded } = op;
  if (!unrounded) return fb.i32(0);
  if (width === 32) return unrounded.single(fb, r as F32, x as F32, y as F32).eqz();
  if (width === 64) return unrounded.double(fb, r as F64, x as F64, y as F64).eqz();
  const half = unrounded.half?.(r as F64, x as F64) ?? widenHalf(fb, narrowHalf(fb, r as F64)).eq(r as F64);
  return half.eqz();
}

type Decoded = readonly [bits: I64, value: F32 | F64];

/** Returns the result where an operand is infinite, or a quiet NaN and none is a signaling one. */
function returnSpecial(
  fb: FunctionBuilder,
  cpu: I32,
  width: Width,
  special: "propagate" | "number",
  h: ScalarHost,
  r: F32 | F64,
  [a, x]: Decoded,
  [b, y]: Decoded,
): void {
  const infinite = h.infinite(x).or(h.infinite(y)).and(h.notNaN(r));
  fb.if(infinite, () => {
    fb.if(modeAllows(fb, cpu, width, [x, y]), () => {
      fb.return(width === 16 ? narrowAnyHalf(fb, r as F64) : encode(fb, width, r));
    });
  });
  const [numberX, numberY] = [h.notNaN(x), h.notNaN(y)];
  fb.if(numberX.and(numberY).eqz().and(keepsNaNs(fb, cpu)), () => {
    const signaling = isSignalingNaN(fb, width, a).or(isSignalingNaN(fb, width, b));
    const first = special === "propagate" ? numberX.eqz() : numberX.or(numberY.eqz());
    fb.if(signaling.eqz(), () => fb.return(first.select(a, b)));
  });
}

/** Returns what the host has of numbers where it tells what is raised, or where FPSR has all that may be. */
function returnTelling(
  fb: FunctionBuilder,
  cpu: I32,
  name: ArithmeticName,
  width: Width,
  h: ScalarHost,
  r: F32 | F64,
  x: F32 | F64,
  y: F32 | F64,
): void {
  fb.if(h.notNaN(x).and(h.notNaN(y)).and(isDefault(fb, cpu)), () => {
    fb.if(h.notNaN(r).eqz(), () => returnInvalid(fb, cpu, width));
    fb.if(h.infinite(r), () => {
      const ofInfinity = h.infinite(x).or(h.infinite(y));
      const raises = name === "FDIV" ? h.zero(y).select(fb.i32(FPSR.DZC), fb.i32(OVERFLOW)) : fb.i32(OVERFLOW);
      fb.if(ofInfinity.eqz(), () => raise(fb, cpu, raises));
      fb.return(width === 16 ? narrowAnyHalf(fb, r as F64) : encode(fb, width, r));
    });
    if (width === 16) returnNarrowed(fb, cpu, 16, r as F64);
    else fb.if(raised(fb, cpu, UNDERFLOW), () => fb.return(encode(fb, width, r)));
  });
}

function writeArithmetic(name: ArithmeticName, width: Width, fb: FunctionBuilder, cpu: I32, a: I64, b: I64): void {
  const op: ArithmeticOperation = ARITHMETIC[name];
  const h = hostOf(fb, width);
  const x = decode(fb, width, a);
  const y = op.operands === 2 ? decode(fb, width, b) : x;
  // First of all, because the host takes a hundred times as long for denormals.
  if (isTelling(name) && width !== 16) {
    returnModal(fb, cpu, width, name, x, op.operands === 2 ? y : undefined);
  }
  const r = op.compute(h, x, y);
  fb.if(certainOf(h, width, op, r, x, y), () => {
    fb.if(modeAllows(fb, cpu, width, [x, y, r], op.directed), () => {
      if (op.unrounded) noteInexact(fb, cpu, () => roundedOf(fb, width, op, r, x, y));
      fb.return(encode(fb, width, r));
    });
  });
  const { special = "propagate" } = op;
  if (special !== "invalid") returnSpecial(fb, cpu, width, special, h, r, [a, x], op.operands === 2 ? [b, y] : [a, x]);
  if (op.tells) returnTelling(fb, cpu, name, width, h, r, x, y);
  fb.return(exactly(fb, cpu, name, width, a, b));
}

/** One-operand rows of ARITHMETIC. */
export const unaryElement = memo(
  (name: ArithmeticName, width: Width): Element1 =>
    defineFunction(`${name}_${width}`, "il", "l", (fb, cpu, a) => writeArithmetic(name, width, fb, cpu, a, fb.i64(0))),
);

/** Two-operand rows of ARITHMETIC. */
export const binaryElement = memo(
  (name: ArithmeticName, width: Width): Element2 =>
    defineFunction(`${name}_${width}`, "ill", "l", (fb, cpu, a, b) => writeArithmetic(name, width, fb, cpu, a, b)),
);

/** All ones of the width where the condition holds. */
export const maskElement = (fb: FunctionBuilder, width: Width, condition: I32): I64 =>
  condition.select(fb.i64((1n << BigInt(width)) - 1n), fb.i64(0));

/** Comparisons that give a mask. */
export const comparisonElement = memo(
  (name: ComparisonName, width: Width): Element2 =>
    defineFunction(`${name}_${width}`, "ill", "l", (fb, cpu, a, b) => {
      const h = hostOf(fb, width) as Host<Value, I32>;
      const [x, y] = [decode(fb, width, a), decode(fb, width, b)];
      fb.if(h.notNaN(x).and(h.notNaN(y)), () => {
        fb.if(modeAllows(fb, cpu, width, [x, y], true), () => {
          fb.return(maskElement(fb, width, COMPARISONS[name](h, x, y)));
        });
        withFlushed(fb, cpu, width, [x, y], ([a, b]) => {
          fb.return(maskElement(fb, width, COMPARISONS[name](h, a as Value, b as Value)));
        });
      });
      fb.if(h.notNaN(x).and(h.notNaN(y)).eqz().and(isDefault(fb, cpu)), () => {
        const signals = isSignalingNaN(fb, width, a).or(isSignalingNaN(fb, width, b));
        fb.if(name === "FCMEQ" ? signals : fb.i32(1), () => raise(fb, cpu, FPSR.IOC));
        fb.return(fb.i64(0));
      });
      fb.return(exactly(fb, cpu, name, width, a, b));
    }),
);

/** FCMP and FCMPE: NZCV in bits 3–0. */
export const compareElement = memo((signalNaNs: boolean, width: Width): Element2 => {
  const name = signalNaNs ? "FCMPE" : "FCMP";
  return defineFunction(`${name}_${width}`, "ill", "l", (fb, cpu, a, b) => {
    const h = hostOf(fb, width);
    const [x, y] = [decode(fb, width, a), decode(fb, width, b)];
    fb.if(h.notNaN(x).and(h.notNaN(y)), () => {
      const compare = (a: F32 | F64, b: F32 | F64): void => {
        const ordered = h.lt(a, b).select(fb.i64(0b1000), fb.i64(0b0010));
        fb.return(h.eq(a, b).select(fb.i64(0b0110), ordered));
      };
      fb.if(modeAllows(fb, cpu, width, [x, y], true), () => compare(x, y));
      withFlushed(fb, cpu, width, [x, y], ([a, b]) => compare(a as F32 | F64, b as F32 | F64));
    });
    // Flushing a denormal beside a NaN leaves a trace in FPSR.
    fb.if(h.notNaN(x).and(h.notNaN(y)).eqz().and(isDefault(fb, cpu)), () => {
      const signals = isSignalingNaN(fb, width, a).or(isSignalingNaN(fb, width, b));
      fb.if(signalNaNs ? fb.i32(1) : signals, () => raise(fb, cpu, FPSR.IOC));
      fb.return(fb.i64(0b0011));
    });
    fb.return(exactly(fb, cpu, name, width, a, b));
  });
});
