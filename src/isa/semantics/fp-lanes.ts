/**
 * Floating-point operations of Advanced SIMD, each on one element (scalar forms) and on the lanes of a vector; what
 * reads registers and writes them is in fp-forms.ts.
 */
import type { Builder } from "../../engine/builder.js";
import type { Width } from "../../engine/fp/codec.js";
import {
  fromFixedElement,
  type RoundingLetter,
  fromInteger as scalarFromInteger,
  toFixedElement,
  towardsZero,
} from "../../engine/fp/convert.js";
import { absolute as absoluteElement, comparisonElement, type Element1, negated } from "../../engine/fp/element.js";
import { fusedScalar, type StepName, stepElement } from "../../engine/fp/fused.js";
import type { ArithmeticName, ComparisonName } from "../../engine/fp/operations.js";
import {
  arithmeticVector,
  comparisonVector,
  fusedVector,
  inUse,
  stepVector,
  unaryLanes,
} from "../../engine/fp/vector.js";
import { fromFixedVector, toFixedVector } from "../../engine/fp/vector-convert.js";
import type { I64, V128 } from "../../engine/ir/value.js";
import { arithmetic } from "./fp-scalar.js";
import { splatBytes } from "./simd-lanes.js";

/** Operands n, m and d are the registers Rn, Rm and (as it was) Rd; an operation takes those it needs. */
export interface FpLaneOp {
  readonly element: (b: Builder, width: Width, n: I64, m: I64, d: I64) => I64;
  /** `full`: 128 bits, else 64 with zeros above. */
  readonly lanes: (b: Builder, width: Width, full: boolean, n: V128, m: V128, d: V128) => V128;
}

const log2Bytes = (width: Width): number => ({ 16: 1, 32: 2, 64: 3 })[width];

/** All lanes' sign bits, or all their other bits. */
export const signs = (b: Builder, width: Width): V128 => b.v128(splatBytes(log2Bytes(width), 1n << BigInt(width - 1)));

export const simple = (name: ArithmeticName): FpLaneOp => ({
  element: (b, width, n, m) => arithmetic(b, name, width, n, m),
  lanes: (b, width, full, n, m) => arithmeticVector(b, b.cpu, name, width, full, n, m),
});

export const absoluteDifference: FpLaneOp = {
  element: (b, width, n, m) => absoluteElement(arithmetic(b, "FSUB", width, n, m), width),
  lanes: (b, width, full, n, m) => arithmeticVector(b, b.cpu, "FSUB", width, full, n, m).andnot(signs(b, width)),
};

export const comparison = (name: ComparisonName): FpLaneOp => ({
  element: (b, width, n, m) => b.call(comparisonElement(name, width), b.cpu, n, m),
  lanes: (b, width, full, n, m) => comparisonVector(b, b.cpu, name, width, full, n, m),
});

/** Comparison with zero, on either side. */
export const comparisonZero = (name: ComparisonName, zeroFirst = false): FpLaneOp => {
  const { element, lanes } = comparison(name);
  return {
    element: (b, width, n, _m, d) => {
      const zero = b.i64(0);
      return zeroFirst ? element(b, width, zero, n, d) : element(b, width, n, zero, d);
    },
    lanes: (b, width, full, n, _m, d) => {
      const zero = b.v128Zero();
      return zeroFirst ? lanes(b, width, full, zero, n, d) : lanes(b, width, full, n, zero, d);
    },
  };
};

/** FMLA, and FMLS, which turns the product's sign. */
export const multiplyAccumulate = (negate: boolean): FpLaneOp => ({
  element: (b, width, n, m, d) => fusedScalar(b, b.cpu, width, negated(n, width, negate), m, d),
  lanes: (b, width, full, n, m, d) => fusedVector(b, b.cpu, width, full, d, negate ? n.xor(signs(b, width)) : n, m),
});

export const step = (name: StepName): FpLaneOp => ({
  element: (b, width, n, m) => b.call(stepElement(name, width), b.cpu, n, m),
  lanes: (b, width, full, n, m) => stepVector(b, b.cpu, name, width, full, n, m),
});

/** An operation given by its element function alone. */
export const perElement = (elementOf: (width: Width) => Element1): FpLaneOp => ({
  element: (b, width, n) => b.call(elementOf(width), b.cpu, n),
  lanes: (b, width, full, n) => b.call(unaryLanes(elementOf(width), width, full), b.cpu, n),
});

export const absolute: FpLaneOp = {
  element: (_b, width, n) => absoluteElement(n, width),
  lanes: (b, width, full, n) => inUse(b, n.andnot(signs(b, width)), full),
};

export const negate: FpLaneOp = {
  element: (_b, width, n) => negated(n, width, true),
  lanes: (b, width, full, n) => inUse(b, n.xor(signs(b, width)), full),
};

/** An operation with a run-time count of fraction bits. */
export type FixedPointOp = (fbits: (b: Builder) => I64 | undefined) => FpLaneOp;

export const toFixed =
  (rounding: RoundingLetter, unsigned: boolean): FixedPointOp =>
  (fbits) => ({
    element: (b, width, n) => {
      const count = fbits(b);
      if (rounding === "Z" && count === undefined) return towardsZero(b, b.cpu, unsigned, width, width, n);
      return b.call(toFixedElement(rounding, unsigned, width, width), b.cpu, n, count ?? b.i64(0));
    },
    lanes: (b, width, full, n) => toFixedVector(b, b.cpu, rounding, unsigned, width, full, n, fbits(b)),
  });

export const fromFixed =
  (unsigned: boolean): FixedPointOp =>
  (fbits) => ({
    element: (b, width, n) => {
      const count = fbits(b);
      if (count === undefined) return scalarFromInteger(b, b.cpu, unsigned, width, width, n);
      return b.call(fromFixedElement(unsigned, width, width), b.cpu, n, count);
    },
    lanes: (b, width, full, n) => fromFixedVector(b, b.cpu, unsigned, width, full, n, fbits(b)),
  });

const integral = (): undefined => undefined;
/** Between floating point and integers without fraction bits. */
export const toInteger = (rounding: RoundingLetter, unsigned: boolean): FpLaneOp =>
  toFixed(rounding, unsigned)(integral);
export const fromInteger = (unsigned: boolean): FpLaneOp => fromFixed(unsigned)(integral);
