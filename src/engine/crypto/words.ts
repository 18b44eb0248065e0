/** Vectors taken apart into words and put together, for the algorithms that are scalar at heart. */
import type { FunctionBuilder } from "../ir/function.js";
import type { I32, I64, V128 } from "../ir/value.js";

export type Words = readonly [I32, I32, I32, I32];

/** Elements 0 to 3. */
export const words = (v: V128): Words => [v.i32(0), v.i32(1), v.i32(2), v.i32(3)];

export function fromWords(fb: FunctionBuilder, parts: Words): V128 {
  let v = fb.v128Zero();
  parts.forEach((part, i) => {
    v = v.withElement(32, i, part.toI64U());
  });
  return v;
}

export const fromDoubles = (fb: FunctionBuilder, low: I64, high: I64): V128 =>
  fb.v128Zero().withElement(64, 0, low).withElement(64, 1, high);

/** SHAchoose: y where x is 1, z where it is 0. */
export const choose = <T extends I32 | I64>(x: T, y: T, z: T): T =>
  (y as I32)
    .xor(z as I32)
    .and(x as I32)
    .xor(z as I32) as T;

/** SHAmajority. */
export const majority = <T extends I32 | I64>(x: T, y: T, z: T): T =>
  (x as I32).and(y as I32).or((x as I32).or(y as I32).and(z as I32)) as T;
