/** Which bytecodes of an interpreter a region has. */
import { describe, expect, it } from "vitest";
import { discovered, WARM } from "./pages.js";

const [NOP, BR_X2] = [0xd503201f, 0xd61f0040];
/** Six bytecodes of ten instructions. */
const BYTECODE = 10;
const code = { 0: Array.from({ length: 6 }, () => [...Array(BYTECODE - 1).fill(NOP), BR_X2]).flat() };
const heatOf = (...bytecodes: readonly number[]) => Object.fromEntries(bytecodes.map((n) => [n * BYTECODE, WARM]));

describe("a region that goes from bytecode to bytecode", () => {
  it("has what was branched to often, if that is enough of it", () => {
    const { blocks, entries, dispatches } = discovered(code, { heat: heatOf(0, 1, 2, 3, 4) });
    expect([blocks.length, dispatches]).toEqual([5, true]);
    expect(entries).toEqual([10, 20, 30, 40]);
    const few = discovered(code, { heat: heatOf(0, 1, 2) });
    expect([few.blocks.length, few.dispatches]).toEqual([1, false]);
  });

  it("takes in regions beside it as soon as all but the largest have a quarter of that one's instructions", () => {
    const known = (instructions: number) => {
      const region = { instructions };
      return { heat: heatOf(0), regions: Object.fromEntries([1, 2, 3, 4].map((n) => [n * BYTECODE, region])) };
    };
    const all = discovered(code, known(4 * BYTECODE));
    expect(all.dispatches).toBe(true);
    expect(all.entries).toEqual([10, 20, 30, 40]);
    const small = discovered(code, known(4 * BYTECODE + 1));
    expect([small.blocks.length, small.dispatches]).toEqual([1, false]);
    // A second one beside the largest counts as well.
    const { heat, regions } = known(5 * BYTECODE);
    const both = discovered(code, { heat, regions: { ...regions, 50: { instructions: 30 } } });
    expect(both.entries).toEqual([10, 20, 30, 40, 50]);
  });

  it("is not larger than a region may be", () => {
    const region = { instructions: 2999 };
    const regions = Object.fromEntries([1, 2, 3, 4].map((n) => [n * BYTECODE, region]));
    const other = { 50: { instructions: 1000 } };
    expect(discovered(code, { heat: heatOf(0), regions: { ...regions, ...other } }).dispatches).toBe(false);
  });
});
