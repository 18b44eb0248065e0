/** Elements as bits and as values of the host. */
import type { FunctionBuilder } from "../ir/function.js";
import type { F32, F64, I64 } from "../ir/value.js";
import { narrowHalf, widenHalf } from "./half.js";
import { doubleHost, type ScalarHost, singleHost } from "./host.js";

export type Width = 16 | 32 | 64;

/** The host on which elements of this width are computed: half precision goes through double. */
export const hostOf = (fb: FunctionBuilder, width: Width): ScalarHost =>
  (width === 32 ? singleHost(fb) : doubleHost(fb)) as unknown as ScalarHost;

/** An element as a host value. */
export function decode(fb: FunctionBuilder, width: Width, bits: I64): F32 | F64 {
  return width === 64 ? bits.asF64() : width === 32 ? bits.wrap().asF32() : widenHalf(fb, bits);
}

/** A value of the width, as `decode` gives it. */
export function encode(fb: FunctionBuilder, width: Width, value: F32 | F64): I64 {
  if (width === 64) return (value as F64).bits();
  return width === 32 ? (value as F32).bits().toI64U() : narrowHalf(fb, value as F64);
}
