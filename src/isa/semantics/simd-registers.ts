/**
 * How Advanced SIMD bodies write their results: to a whole register, its low half or one element, with the bits above
 * zeroed (DDI 0487, B1.2.1), and FPSR.QC.
 */
import type { Builder } from "../../engine/builder.js";
import type { I64, V128 } from "../../engine/ir/value.js";
import { CPU } from "../../engine/layout.js";
import type { Operand } from "../pattern.js";
import type { Lanes } from "./simd-lanes.js";

/** Place of FPSR.QC, the cumulative saturation bit. */
const FPSR_QC = 27;

/** Writes the low `bits` (8, 16, 32, 64 or 128) of `value`, zeros above. */
export function putVector(b: Builder, o: Operand, value: V128, bits: number): void {
  if (bits === 128) b.setV(o, value);
  else b.setD(o, value.element(bits, 0));
}

/** A vector of a 64-bit value and zeros. */
export function fromLow(b: Builder, value: I64): V128 {
  return b.v128Zero().withElement(64, 0, value);
}

/** Sets QC if an element within the low `bits` saturated. */
export function noteSaturation(b: Builder, lanes: Lanes, bits: number): void {
  const mask = lanes.saturated;
  if (mask === undefined) return;
  const any = bits === 128 ? mask.test("v128.any_true") : mask.element(bits, 0).ne(0);
  b.setState32(CPU.fpsr, b.state32(CPU.fpsr).or(any.shl(FPSR_QC)));
}

/** Makes a body for encodings that fix a field which is a variant elsewhere. */
export const given =
  <K extends Readonly<Record<string, number>>>(fixed: K) =>
  <F>(body: (b: Builder, f: F) => void) =>
  (b: Builder, f: Omit<F, keyof K>): void =>
    body(b, { ...f, ...fixed } as unknown as F);
