/** Scalars as vectors. */
import type { FunctionBuilder } from "./function.js";
import type { F32, F64, I64, V128 } from "./value.js";

/** Bits alone in a vector: zeros above them. */
export const vectorOfBits = (fb: FunctionBuilder, bits: I64): V128 => fb.v128Zero().withElement(64, 0, bits);

/** The same of a float. */
export const vectorOfFloat = (fb: FunctionBuilder, value: F32 | F64): V128 =>
  fb.laneOp(`${value.letter === "d" ? "f64x2" : "f32x4"}.replace_lane`, 0, fb.v128Zero(), value) as V128;
