/** What the compiler sees of an instruction whose fields are known: operations that change nothing are not there. */
import { describe, expect, it } from "vitest";
import { fold } from "../../../src/engine/ir/fold.js";
import { FunctionBuilder, type Linker } from "../../../src/engine/ir/function.js";
import type { OpName } from "../../../src/engine/wasm/opcodes.js";

const fb = new FunctionBuilder({} as Linker, "il", "");
const [narrow, wide] = [fb.param(0).node, fb.param(1).node];

describe("shifts by a constant", () => {
  const operations = ["shl", "shr_u", "shr_s", "rotr", "rotl"] as const;

  it.each(operations)("%s counts modulo the width, as UBFM's complement of imms does", (operation) => {
    for (const amount of [0, 32, -32, 64]) {
      expect(fold(`i32.${operation}` as OpName, [narrow, fb.i32(amount).node])).toBe(narrow);
    }
    for (const amount of [0, 64, -64]) {
      expect(fold(`i64.${operation}` as OpName, [wide, fb.i64(amount).node])).toBe(wide);
    }
  });

  it.each(operations)("%s by anything else stays", (operation) => {
    for (const amount of [1, 31, -31, 33]) {
      expect(fold(`i32.${operation}` as OpName, [narrow, fb.i32(amount).node])).toBeUndefined();
    }
    for (const amount of [1, 32, -32, 63]) {
      expect(fold(`i64.${operation}` as OpName, [wide, fb.i64(amount).node])).toBeUndefined();
    }
  });
});
