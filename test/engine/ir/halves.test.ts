/** Operations of 64 bits of which only the low half counts. */
import { describe, expect, it } from "vitest";
import { FunctionBuilder, type Linker } from "../../../src/engine/ir/function.js";
import { is } from "../../../src/engine/ir/peephole.js";
import type { I32, I64, Value } from "../../../src/engine/ir/value.js";
import { CONTROL, type OpName } from "../../../src/engine/wasm/opcodes.js";

const fb = new FunctionBuilder({} as Linker, "iill", "");
const [a, b] = [fb.param(0), fb.param(1)] as [I32, I32];
const [wide, other] = [fb.param(2), fb.param(3)] as [I64, I64];
const argsOf = (value: Value): readonly unknown[] => value.node.args;

describe("the low half of a result", () => {
  it.each(["add", "sub", "mul", "and", "or", "xor"] as const)("of %s is had as 32 bits where operands are", (name) => {
    const narrow = fb.op(`i64.${name}`, a.toI64U(), b.toI64S()) as I64;
    expect(is(narrow.wrap().node, `i32.${name}`)).toBe(true);
    expect(argsOf(narrow.wrap())).toEqual([a.node, b.node]);
    const half = fb.op(`i64.${name}`, wide, b.toI64U()) as I64;
    expect(is(half.wrap().node, `i32.${name}`)).toBe(true);
    const signed = half.extend32S();
    expect(is(signed.node, "i64.extend_i32_s")).toBe(true);
  });

  it("is cut off behind operations on what has 64 bits", () => {
    for (const sum of [wide.add(other), wide.add(1), wide.mul(other).sub(7)]) {
      expect(is(sum.wrap().node, "i32.wrap_i64")).toBe(true);
      expect(argsOf(sum.wrap())).toEqual([sum.node]);
    }
  });

  it("goes down through several operations, and choices", () => {
    const sum = wide.sub(a.toI64U().mul(b.toI64U())).wrap();
    expect(is(sum.node, "i32.sub")).toBe(true);
    expect(is(sum.node.args[1] as Value["node"], "i32.mul")).toBe(true);
    const choice = fb.select(b, a.toI64U(), wide).wrap().node;
    expect([choice.opcode, choice.type]).toEqual([CONTROL.select, "i"]);
  });

  it.each<OpName>(["i64.shr_u", "i64.rotr", "i64.div_u"])("is not that of the low halves with %s", (name) => {
    expect(is((fb.op(name, a.toI64U(), b.toI64U()) as I64).wrap().node, "i32.wrap_i64")).toBe(true);
  });
});
