/** Loops that are entered in the middle, from outside the region or not. */
import { describe, expect, it } from "vitest";
import { flow } from "../../../src/engine/regions/flow.js";
import { NONE } from "../../../src/engine/regions/registers.js";
import { type Loop, structure } from "../../../src/engine/regions/structure.js";

/** A function (0) with a loop (1–4) round a loop (2, 3). */
const NESTED = [[1], [2], [3], [2, 4], [1, 5], []];

describe("a way into the region at the head of an inner loop", () => {
  const shapes = structure(NESTED, [0, 2]);
  const outer = shapes[1] as Loop;
  const inner = outer.body[1] as Loop;

  it("leaves the loops as they are", () => {
    expect(shapes.map((s) => (typeof s === "number" ? s : "loop"))).toEqual([0, "loop", 5]);
    expect(outer).toMatchObject({ heads: [1, 2], rounds: [1] });
    expect(outer.body.map((s) => (typeof s === "number" ? s : "loop"))).toEqual([1, "loop", 4]);
    expect(inner).toMatchObject({ heads: [2], rounds: [2], body: [2, 3] });
  });

  it("leaves registers in locals over both", () => {
    const blocks = NESTED.map((successors, i) => ({
      successorsAfresh: [],
      successorsSeldom: [],
      successors,
      touched: { ...NONE, x: i === 3 ? 0b01 : i === 4 ? 0b10 : 0 },
    }));
    const kept = flow(blocks, shapes, [0, 2]);
    expect(kept.map(({ x }) => x)).toEqual([0, 0b11, 0b11, 0b11, 0b11, 0b11]);
  });
});

describe("a loop that code of the region enters at two blocks", () => {
  it("begins its rounds at either", () => {
    const [, loop] = structure([[1, 2], [2], [1, 3], []], [0]) as [number, Loop];
    expect(new Set(loop.rounds)).toEqual(new Set([1, 2]));
    expect(loop.body.every((shape) => typeof shape === "number")).toBe(true);
  });
});
