/**
 * Vector conversions: singles and doubles on the host's SIMD instructions where it has them, else element by element.
 */
import type { Callable, FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { F64, I32, I64, V128 } from "../ir/value.js";
import type { Width } from "./codec.js";
import {
  type FixedPoint,
  formatElement,
  fromFixedElement,
  narrowOddElement,
  type RoundingLetter,
  toFixedElement,
} from "./convert.js";
import { type Element1, memo } from "./element.js";
import { vectorHost } from "./host.js";
import { fastly, isPlain } from "./mode.js";
import { ARITHMETIC } from "./operations.js";
import { lanesNotFlushed } from "./quick.js";
import { eachLane, everyLane, inUse, lanesOf, type Vector1 } from "./vector.js";

/** (cpu, operand, fraction bits) → result. */
type FixedPointVector = Callable<"ivl", "v">;

const fixedPointLanes = (element: FixedPoint, width: Width, full: boolean): FixedPointVector => {
  const lanes = lanesOf(width, full);
  return defineFunction(`${element.name}x${lanes}`, "ivl", "v", (fb, cpu, x, fbits) => {
    fb.return(eachLane(fb, width, lanes, (lane) => fb.call(element, cpu, x.element(width, lane), fbits)));
  });
};

/** 2 to the power of `exponent` in every lane. */
const powerOfTwo = (fb: FunctionBuilder, exponent: I64): V128 => {
  const value = exponent.add(1023).shl(52).asF64() as F64;
  return fb.op("f32x4.splat", value.toF32()) as V128;
};

const toFixedLanes = memo((rounding: RoundingLetter, unsigned: boolean, width: Width, full: boolean) =>
  fixedPointLanes(toFixedElement(rounding, unsigned, width, width), width, full),
);
const fromFixedLanes = memo((unsigned: boolean, width: Width, full: boolean) =>
  fixedPointLanes(fromFixedElement(unsigned, width, width), width, full),
);

/** To integers of the elements' own width; `fbits` absent: no fraction bits. */
export function toFixedVector(
  fb: FunctionBuilder,
  cpu: I32,
  rounding: RoundingLetter,
  unsigned: boolean,
  width: Width,
  full: boolean,
  x: V128,
  fbits?: I64,
): V128 {
  const slow = (): V128 => fb.call(toFixedLanes(rounding, unsigned, width, full), cpu, x, fbits ?? fb.i64(0));
  if (width === 16 || (width === 64 && fbits)) return slow();
  const h = vectorHost(fb, width);
  const value = fbits ? h.mul(x, powerOfTwo(fb, fbits)) : x;
  const rounded = ARITHMETIC[`FRINT${rounding}`].compute(h, value, value);
  const inRange = unsigned
    ? h.and(h.ge(rounded, h.constant(0)), h.lt(rounded, h.constant(2 ** width)))
    : h.lt(h.abs(rounded), h.constant(2 ** (width - 1)));
  const sign = unsigned ? "u" : "s";
  const convert = (): V128 =>
    width === 32
      ? inUse(fb, rounded.op(`i32x4.trunc_sat_f32x4_${sign}`), full)
      : eachLane(fb, 64, 2, (lane) => fb.op(`i64.trunc_sat_f64_${sign}`, doubleLane(rounded, lane)) as I64);
  const plain = lanesNotFlushed(fb, width, full, [x]);
  return fastly(fb, cpu, [everyLane(fb, inRange, full), ...plain], convert, slow);
}

const doubleLane = (v: V128, lane: number): F64 => v.lane("f64x2.extract_lane", lane) as F64;

/** From integers of the elements' own width. */
export function fromFixedVector(
  fb: FunctionBuilder,
  cpu: I32,
  unsigned: boolean,
  width: Width,
  full: boolean,
  x: V128,
  fbits?: I64,
): V128 {
  const slow = (): V128 => fb.call(fromFixedLanes(unsigned, width, full), cpu, x, fbits ?? fb.i64(0));
  if (width === 16 || (width === 64 && fbits)) return slow();
  const sign = unsigned ? "u" : "s";
  const ofDoubles = (lane: 0 | 1): I64 => (fb.op(`f64.convert_i64_${sign}`, x.i64(lane)) as F64).bits();
  const fast = (): V128 => {
    if (width === 64) return eachLane(fb, 64, 2, (lane) => ofDoubles(lane as 0 | 1));
    const r = x.op(`f32x4.convert_i32x4_${sign}`);
    return inUse(fb, fbits ? vectorHost(fb, 32).mul(r, powerOfTwo(fb, fbits.neg())) : r, full);
  };
  return fastly(fb, cpu, [], fast, slow);
}

/** FCVTL: elements of `width` in the upper or lower half, to twice the width. */
const widenLanes = memo((width: 16 | 32, upper: boolean): Vector1 => {
  const to = width === 16 ? 32 : 64;
  const lanes = 128 / to;
  return defineFunction(`FCVTL${upper ? 2 : ""}_${width}`, "iv", "v", (fb, cpu, x) => {
    const element = formatElement(width, to);
    const from = upper ? lanes : 0;
    fb.return(eachLane(fb, to, lanes, (lane) => fb.call(element, cpu, x.element(width, from + lane))));
  });
});

const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];

export function widenVector(fb: FunctionBuilder, cpu: I32, width: 16 | 32, upper: boolean, x: V128): V128 {
  const slow = (): V128 => fb.call(widenLanes(width, upper), cpu, x);
  if (width === 16) return slow();
  const h = vectorHost(fb, 64);
  const lower = upper ? x.shuffle(x, UPPER_HALF) : x;
  const r = lower.op("f64x2.promote_low_f32x4");
  const plain = [isPlain(fb, cpu), ...lanesNotFlushed(fb, 32, false, [lower])];
  return fb.mostly([...plain, everyLane(fb, h.notNaN(r), true)], () => r, slow);
}

const narrowLanes = memo((width: 32 | 64, odd: boolean): Vector1 => {
  const to = width === 32 ? 16 : 32;
  const element: Element1 = odd ? narrowOddElement : formatElement(width, to);
  const lanes = 128 / width;
  return defineFunction(`${element.name}x${lanes}_narrow`, "iv", "v", (fb, cpu, x) => {
    fb.return(eachLane(fb, to, lanes, (lane) => fb.call(element, cpu, x.element(width, lane))));
  });
});

/** FCVTN and FCVTXN (`odd`): elements of `width` to half the width, in the lower 64 bits; the upper are zero. */
export function narrowVector(fb: FunctionBuilder, cpu: I32, width: 32 | 64, odd: boolean, x: V128): V128 {
  const slow = (): V128 => fb.call(narrowLanes(width, odd), cpu, x);
  if (width === 32 || odd) return slow();
  const r = x.op("f32x4.demote_f64x2_zero");
  const certain = everyLane(fb, vectorHost(fb, 32).normal(r), false);
  return fastly(fb, cpu, [certain], () => r, slow);
}
