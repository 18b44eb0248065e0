/** What a block knows of W registers, where an instruction writes what it has read, or may write. */
import { expect, it } from "vitest";
import type { Builder } from "../../../src/engine/builder.js";
import { Control, type Statement } from "../../../src/engine/ir/function.js";
import { is } from "../../../src/engine/ir/peephole.js";
import type { I32, I64, Node } from "../../../src/engine/ir/value.js";
import { BlockBuilder } from "../../../src/engine/regions/block-builder.js";
import { STORED } from "../../../src/engine/regions/flag-state.js";
import { CONTEXT, LINKER } from "./pages.js";

/** A block of instructions with such bodies. */
function block(...bodies: ((b: Builder) => void)[]): { b: BlockBuilder; body: readonly Statement[] } {
  const b = new BlockBuilder(LINKER, CONTEXT);
  const instructions = bodies.map((body) => ({ word: 0, fp: false, kind: "branch" as const, inlined: [], body }));
  return { b, body: b.buildBlock(0, instructions, STORED, undefined).block.body };
}

/** What is last written to the local. */
function written(statements: readonly Statement[], local: number): Node | undefined {
  return statements.reduce<Node | undefined>((last, s) => {
    if (!(s instanceof Control)) return last;
    if (s.kind === "set" && s.local === local) return s.node;
    return written(s.otherwise, local) ?? written(s.body, local) ?? last;
  }, undefined);
}

/** 32 bits that nothing is known of. */
const bits = (b: Builder): I32 => b.load("i32.load", b.cpu) as I32;
/** Writes X1 with what comes of the low half of a value. */
const countHalf = (b: Builder, value: I64): void => b.setX(1, value.wrap().clz().toI64U());

/** That half. */
function halfCounted({ b, body }: ReturnType<typeof block>): Node {
  return written(body, b.xLocal(1))?.args[0]?.args[0] as Node;
}

it("has what was written to a W register as 32 bits", () => {
  const put = halfCounted(
    block(
      (b) => b.setX(0, bits(b).toI64U()),
      (b) => countHalf(b, b.X(0)),
    ),
  );
  expect([is(put, "i32.wrap_i64"), put.type]).toEqual([false, "i"]);
});

it("is asked for what an instruction has read, not for what it has written since", () => {
  const read: I64[] = [];
  const built = block(
    (b) => b.setX(0, bits(b).toI64U()),
    (b) => {
      const before = b.X(0);
      b.setX(0, bits(b).toI64U());
      read.push(before, b.X(0));
      countHalf(b, before);
    },
    (b) => b.setX(2, b.W(0).clz().toI64U()),
  );
  expect(read[1]?.node).not.toBe(read[0]?.node);
  expect(halfCounted(built).args[0]).toBe(read[0]?.node);
  expect(is(halfCounted(built), "i32.wrap_i64")).toBe(true);
});

it("does not count on a write that may not happen", () => {
  const put = halfCounted(
    block(
      (b) => b.setX(0, bits(b).toI64U()),
      (b) => b.if(bits(b), () => b.setX(0, bits(b).toI64U())),
      (b) => countHalf(b, b.X(0)),
    ),
  );
  expect(is(put, "i32.wrap_i64")).toBe(true);
});

it("is a W register's whole value, from which nothing is to be cleared", () => {
  const read: I64[] = [];
  block(
    (b) => b.setX(0, bits(b).toI64U()),
    (b) => read.push(b.X(0), b.X(0).and(0xffff_ffffn), b.X(1), b.X(1).and(0xffff_ffffn)),
  );
  const [narrow, cleared, wide, cut] = read.map(({ node }) => node);
  expect(cleared).toBe(narrow);
  expect(cut).not.toBe(wide);
});
