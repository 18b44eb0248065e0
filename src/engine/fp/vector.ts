/**
 * Vector operations: all lanes at once on the host's SIMD instructions, with one check over them; element by element
 * through element.ts where that check fails. Bodies of instructions inline the first part.
 */
import type { Callable, FunctionBuilder } from "../ir/function.js";
import { type DefinedFunction, defineFunction } from "../ir/module.js";
import type { I32, I64, V128 } from "../ir/value.js";
import type { Width } from "./codec.js";
import {
  binaryElement,
  comparisonElement,
  type Element1,
  type Element2,
  type Element3,
  memo,
  unaryElement,
} from "./element.js";
import {
  BELOW_SINGLE,
  BETWEEN_SINGLES,
  fusedCertain,
  fusedDouble,
  fusedElement,
  fusedLongElement,
  STEPS,
  type StepName,
  stepElement,
} from "./fused.js";
import { vectorHost } from "./host.js";
import { mayUseHostFma } from "./host-fma.js";
import { isFast, isPlain } from "./mode.js";
import {
  ARITHMETIC,
  type ArithmeticName,
  type ArithmeticOperation,
  COMPARISONS,
  type ComparisonName,
} from "./operations.js";
import { hostOrCalled, lanesNotFlushed, quicklyLanes } from "./quick.js";

export type Vector1 = Callable<"iv", "v">;
export type Vector2 = Callable<"ivv", "v">;
export type Vector3 = Callable<"ivvv", "v">;

/** Lanes of a vector in use: of all 128 bits, or of the lower 64. */
export const lanesOf = (width: Width, full: boolean): number => (full ? 128 : 64) / width;

/** A vector of elements computed one by one; what lies above the last is zero. */
export function eachLane(fb: FunctionBuilder, width: number, lanes: number, element: (lane: number) => I64): V128 {
  let result = fb.v128Zero();
  for (let lane = 0; lane < lanes; lane++) result = result.withElement(width, lane, element(lane));
  return result;
}

/** The element function applied to each lane in use of one, two or three vectors. */
function perElement<P extends "iv" | "ivv" | "ivvv">(
  element: Element1 | Element2 | Element3,
  params: P,
  width: Width,
  lanes: number,
): DefinedFunction<P, "v"> {
  return {
    name: `${element.name}x${lanes}`,
    signature: { params, result: "v" },
    build: (fb) => {
      const [cpu, ...vectors] = [...params].map((_, i) => fb.param(i)) as [I32, ...V128[]];
      const call = (lane: number): I64 => {
        const [x, y, z] = vectors.map((v) => v.element(width, lane)) as [I64, I64, I64];
        if (params === "iv") return fb.call(element as Element1, cpu, x);
        return params === "ivv" ? fb.call(element as Element2, cpu, x, y) : fb.call(element as Element3, cpu, x, y, z);
      };
      fb.return(eachLane(fb, width, lanes, call));
    },
  };
}

const byElement = new Map<string, Callable>();

/** One function per element function and arrangement. */
function cached<P extends "iv" | "ivv" | "ivvv">(
  element: Element1 | Element2 | Element3,
  params: P,
  width: Width,
  full: boolean,
): Callable<P, "v"> {
  const lanes = lanesOf(width, full);
  const key = `${element.name}x${lanes}`;
  const known = byElement.get(key) ?? perElement(element, params, width, lanes);
  byElement.set(key, known);
  return known as Callable<P, "v">;
}

export const unaryLanes = (element: Element1, width: Width, full: boolean): Vector1 =>
  cached(element, "iv", width, full);
export const binaryLanes = (element: Element2, width: Width, full: boolean): Vector2 =>
  cached(element, "ivv", width, full);
export const ternaryLanes = (element: Element3, width: Width, full: boolean): Vector3 =>
  cached(element, "ivvv", width, full);

// --- all lanes at once -----------------------------------------------------------------------------------------------

const LOW_HALF = Array.from({ length: 16 }, (_, i) => (i < 8 ? 0xff : 0));
const HIGH_HALF = Array.from({ length: 16 }, (_, i) => (i < 8 ? 0 : 0xff));

/** The lower 64 bits, if only they are in use. */
export const inUse = (fb: FunctionBuilder, v: V128, full: boolean): V128 => (full ? v : v.and(fb.v128(LOW_HALF)));

/** Every lane in use has its mask set. */
export function everyLane(fb: FunctionBuilder, mask: V128, full: boolean): I32 {
  const all = full ? mask : mask.or(fb.v128(HIGH_HALF));
  return all.test("i32x4.all_true");
}

/** A row of ARITHMETIC on vectors; `y` is ignored by one-operand rows. */
export function arithmeticVector(
  fb: FunctionBuilder,
  cpu: I32,
  name: ArithmeticName,
  width: Width,
  full: boolean,
  x: V128,
  y: V128,
): V128 {
  const op: ArithmeticOperation = ARITHMETIC[name];
  const slow = (): V128 =>
    op.operands === 1
      ? fb.call(unaryLanes(unaryElement(name, width), width, full), cpu, x)
      : fb.call(binaryLanes(binaryElement(name, width), width, full), cpu, x, y);
  if (width === 16) return slow();
  const h = vectorHost(fb, width);
  const r = op.compute(h, x, y);
  const { quick } = op;
  const decision = {
    allowed: () => (op.unrounded ? isFast(fb, cpu) : isPlain(fb, cpu)),
    notFlushed: () => lanesNotFlushed(fb, width, full, op.operands === 2 ? [x, y, r] : [x, r]),
    certain: () => everyLane(fb, op.certain(h, r, x, y), full),
    quick: quick && { test: quick, holds: (d: I32) => quicklyLanes(fb, width, quick, full, r, d) },
  };
  return hostOrCalled(fb, cpu, decision, () => inUse(fb, r, full), slow);
}

/** A row of COMPARISONS on vectors. */
export function comparisonVector(
  fb: FunctionBuilder,
  cpu: I32,
  name: ComparisonName,
  width: Width,
  full: boolean,
  x: V128,
  y: V128,
): V128 {
  const slow = (): V128 => fb.call(binaryLanes(comparisonElement(name, width), width, full), cpu, x, y);
  if (width === 16) return slow();
  const h = vectorHost(fb, width);
  const certain = everyLane(fb, h.and(h.notNaN(x), h.notNaN(y)), full);
  const plain = [isPlain(fb, cpu), ...lanesNotFlushed(fb, width, full, [x, y])];
  return fb.mostly([...plain, certain], () => inUse(fb, COMPARISONS[name](h, x, y), full), slow);
}

// --- fused -----------------------------------------------------------------------------------------------------------

const UPPER_TO_LOWER = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const LOWER_OF_BOTH = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const EVEN_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** A number below 2^32 in both halves. */
const splat64 = (value: number): number[] =>
  Array.from({ length: 16 }, (_, i) => (i % 8 < 4 ? (value >>> (8 * (i % 4))) & 0xff : 0));

/**
 * d + n * m of singles, halved or not, through doubles; `otherwise` decides unless all lanes are certain here. The
 * product is exact; rounding the sum twice goes wrong only where the first rounding ends between two singles.
 */
function returnFusedSingles(
  fb: FunctionBuilder,
  cpu: I32,
  full: boolean,
  d: V128,
  n: V128,
  m: V128,
  halve: boolean,
  otherwise: () => V128,
): void {
  const zero = fb.v128Zero();
  const inHalf = (upper: boolean): { sum: V128; single: V128 } => {
    const promote = (v: V128): V128 => (upper ? v.shuffle(v, UPPER_TO_LOWER) : v).op("f64x2.promote_low_f32x4");
    const sum = promote(n).op("f64x2.mul", promote(m)).op("f64x2.add", promote(d));
    const value = halve ? sum.op("f64x2.mul", vectorHost(fb, 64).constant(0.5)) : sum;
    return { sum, single: value.op("f32x4.demote_f64x2_zero") };
  };
  const between = (sum: V128): V128 =>
    sum.and(fb.v128(splat64(BELOW_SINGLE))).op("i64x2.eq", fb.v128(splat64(BETWEEN_SINGLES)));
  const isZero = (sum: V128): V128 => sum.op("f64x2.eq", zero);
  const lower = inHalf(false);
  const upper = full ? inHalf(true) : lower;
  const r = full ? lower.single.shuffle(upper.single, LOWER_OF_BOTH) : lower.single;
  const zeros = isZero(lower.sum).shuffle(isZero(upper.sum), EVEN_WORDS);
  const doubtful = between(lower.sum).or(between(upper.sum));
  const certain = everyLane(fb, vectorHost(fb, 32).normal(r).or(zeros), full).and(doubtful.test("v128.any_true").eqz());
  fb.if(isFast(fb, cpu).and(certain), () => fb.return(r));
  fb.return(otherwise());
}

/** The same of doubles. */
function returnFusedDoubles(
  fb: FunctionBuilder,
  cpu: I32,
  d: V128,
  n: V128,
  m: V128,
  halve: boolean,
  otherwise: () => V128,
): void {
  const h = vectorHost(fb, 64);
  const { r, certain } = fusedDouble(h, n, m, d);
  const value = halve ? h.mul(r, h.constant(0.5)) : r;
  fb.if(isFast(fb, cpu).and(everyLane(fb, certain, true)), () => fb.return(value));
  fb.return(otherwise());
}

const fusedLanes = memo(
  (width: 32 | 64, full: boolean): Vector3 =>
    defineFunction(`FMLA_${width}x${lanesOf(width, full)}_simd`, "ivvv", "v", (fb, cpu, d, n, m) => {
      const otherwise = (): V128 => fb.call(ternaryLanes(fusedElement(width), width, full), cpu, n, m, d);
      if (width === 32) returnFusedSingles(fb, cpu, full, d, n, m, false, otherwise);
      else returnFusedDoubles(fb, cpu, d, n, m, false, otherwise);
    }),
);

/** d + n * m, with one rounding. */
export function fusedVector(
  fb: FunctionBuilder,
  cpu: I32,
  width: Width,
  full: boolean,
  d: V128,
  n: V128,
  m: V128,
): V128 {
  if (width === 16) return fb.call(ternaryLanes(fusedElement(width), width, full), cpu, n, m, d);
  const called = (): V128 => fb.call(fusedLanes(width, full), cpu, d, n, m);
  if (!mayUseHostFma(fb)) return called();
  const r = fb.op(width === 32 ? "f32x4.relaxed_madd" : "f64x2.relaxed_madd", n, m, d) as V128;
  const decision = {
    allowed: () => isFast(fb, cpu),
    certain: () => everyLane(fb, fusedCertain(vectorHost(fb, width), r, n, m), full),
    notFlushed: () => lanesNotFlushed(fb, width, full, [n, m, d, r]),
    quick: { test: "normal", holds: (d: I32) => quicklyLanes(fb, width, "normal", full, r, d) },
  } as const;
  return hostOrCalled(fb, cpu, decision, () => inUse(fb, r, full), called);
}

const stepLanes = memo(
  (name: StepName, width: 32 | 64, full: boolean): Vector2 =>
    defineFunction(`${name}_${width}x${lanesOf(width, full)}_simd`, "ivv", "v", (fb, cpu, n, m) => {
      const { addend, halve } = STEPS[name];
      const h = vectorHost(fb, width);
      const d = h.constant(addend);
      const otherwise = (): V128 => fb.call(binaryLanes(stepElement(name, width), width, full), cpu, n, m);
      if (width === 32) returnFusedSingles(fb, cpu, full, d, h.neg(n), m, halve, otherwise);
      else returnFusedDoubles(fb, cpu, d, h.neg(n), m, halve, otherwise);
    }),
);

/** FRECPS and FRSQRTS. */
export function stepVector(
  fb: FunctionBuilder,
  cpu: I32,
  name: StepName,
  width: Width,
  full: boolean,
  n: V128,
  m: V128,
): V128 {
  if (width === 16) return fb.call(binaryLanes(stepElement(name, width), width, full), cpu, n, m);
  return fb.call(stepLanes(name, width, full), cpu, n, m);
}

/** Half products added to singles: (cpu, d, n, m), from the upper or the lower half of the elements of n and m. */
export const fusedLongVector = memo(
  (upper: boolean, full: boolean): Vector3 =>
    defineFunction(`FMLAL${upper ? 2 : ""}_${full ? "4s" : "2s"}`, "ivvv", "v", (fb, cpu, d, n, m) => {
      const lanes = lanesOf(32, full);
      const from = upper ? lanes : 0;
      fb.return(
        eachLane(fb, 32, lanes, (lane) =>
          fb.call(fusedLongElement, cpu, n.element(16, from + lane), m.element(16, from + lane), d.element(32, lane)),
        ),
      );
    }),
);
