/** Scalars as vectors. */
import type { FunctionBuilder } from "./function.js";
import type { I64, V128 } from "./value.js";

/** Bits alone in a vector: zeros above them. */
export const alone = (fb: FunctionBuilder, bits: I64): V128 => fb.v128Zero().withElement(64, 0, bits);
