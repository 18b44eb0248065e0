/** Which functions stand in place of their calls. */
import { describe, expect, it } from "vitest";
import { contextOf, ownNumber, pageOf, slotOf } from "../../../src/engine/regions/places.js";
import { discovered, WARM } from "./pages.js";

const [NOP, RET, BLR_X1] = [0xd503201f, 0xd65f03c0, 0xd63f0020];
const bl = (offset: number): number => (0x94000000 | (offset & 0x3ffffff)) >>> 0;
const b = (offset: number): number => (0x14000000 | (offset & 0x3ffffff)) >>> 0;
const cbz = (offset: number): number => (0xb4000000 | ((offset & 0x7ffff) << 5)) >>> 0;

/** The instructions of a region. */
const region = (
  code: Parameters<typeof discovered>[0],
  heat: Readonly<Record<number, number>>,
  targets: readonly { slot: number; at: number; count: number }[] = [],
  entries: readonly number[] = [],
  head = 0,
) => discovered(code, { heat, targets, entries }, head).blocks.flatMap(({ instructions }) => instructions);

/** Numbers of what a region has of functions in place of calls, in context 0. */
const inlined = (instructions: ReturnType<typeof region>): number[] =>
  instructions.filter(({ at }) => contextOf(at) !== 0).map(({ at }) => ownNumber(at));

describe("a function", () => {
  const leaf = [NOP, RET];

  it("stands in place of each call that is come back from often, and returns behind it", () => {
    const all = region({ 0: [bl(4), bl(3), bl(2), RET, ...leaf] }, { 1: WARM, 2: WARM, 3: WARM - 1 });
    expect(inlined(all)).toEqual([4, 5, 4, 5]);
    const returns = all.filter(({ at }) => contextOf(at) !== 0 && ownNumber(at) === 5);
    expect(returns.map(({ inlined: to }) => to)).toEqual([[1], [2]]);
    const [first, second] = all.filter(({ at }) => at < 2).map(({ inlined: to }) => to);
    expect([first, second].map((to) => to?.map(ownNumber))).toEqual([[4], [4]]);
    expect(first).not.toEqual(second);
  });

  it("may be in a page far away, in both directions", () => {
    for (const distance of [3, -500]) {
      const all = region(
        { 0: [bl(distance * 1024 + 7), RET], [distance]: [...Array(7).fill(RET), ...leaf] },
        { 1: WARM },
      );
      const own = inlined(all);
      expect(own.map(pageOf)).toEqual([distance, distance]);
      expect(own.map(slotOf)).toEqual([7, 8]);
    }
  });

  it("stands in place of its own calls, three deep at most", () => {
    expect(inlined(region({ 0: [cbz(2), bl(-1), RET] }, { 2: WARM }))).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    const twice = { 0: [bl(2), RET, cbz(3), bl(-1), bl(-2), RET] };
    const copies = Array<number[]>(1 + 2 + 4).fill([2, 3, 4, 5]);
    expect(inlined(region(twice, { 1: WARM, 4: WARM, 5: WARM }))).toEqual(copies.flat());
  });

  it("is not what is too large, or goes elsewhere at its end", () => {
    const heat = { 1: WARM, 3: WARM };
    expect(inlined(region({ 0: [bl(2), RET, ...Array(100).fill(NOP), RET] }, heat))).toEqual([]);
    expect(inlined(region({ 0: [bl(2), RET, NOP, b(5000)] }, heat))).toEqual([]);
  });

  it("is not taken for the one behind it that was called once", () => {
    const code = { 0: [...leaf, NOP, bl(-3), cbz(-1), RET] };
    expect(inlined(region(code, { 0: WARM, 3: WARM, 4: WARM }, [], [], 3))).toEqual([0, 1]);
  });

  it("has no code of what it seldom branches to, if it is too large with it", () => {
    const code = { 0: [bl(2), RET, cbz(3), NOP, RET, ...Array(60).fill(NOP), RET] };
    const calls = 20 * WARM;
    expect(inlined(region(code, { 1: calls, 5: 1 }))).toEqual([2, 3, 4]);
    expect(inlined(region(code, { 1: calls, 5: calls / 4 }))).toEqual([]);
    // How often that goes where a region is entered nobody knows.
    expect(inlined(region(code, { 1: calls }, [], [5]))).toEqual([]);
    const small = { 0: [bl(2), RET, cbz(3), NOP, RET, NOP, RET] };
    expect(inlined(region(small, { 1: calls, 5: 1 }))).toEqual([2, 3, 4, 5, 6]);
  });

  it("is come back to from what it has no code of, if that is of the same page: else it is left by a branch", () => {
    const behindWhatIsCold = (at: number): readonly number[] => {
      const rest = Array<number>(60).fill(NOP);
      const words = [bl(at), RET, ...Array<number>(at - 2).fill(NOP), NOP, cbz(10), RET, ...rest, ...rest, RET];
      const code = { 0: words.slice(0, 1024), 1: words.slice(1024) };
      const { blocks, behindCallOf } = discovered(code, { heat: { 1: 20 * WARM, [at + 11]: 1 } });
      const ways = blocks.flatMap(({ start, follows }) => follows.map((to) => behindCallOf(to, start)));
      return ways.filter((behind) => behind !== undefined);
    };
    expect(behindWhatIsCold(900)).toEqual([1]);
    expect(behindWhatIsCold(1021)).toEqual([]);
  });

  it("is called where a region is entered behind the call, too", () => {
    expect(inlined(region({ 0: [bl(2), RET, ...leaf] }, {}, [], [1]))).toEqual([2, 3]);
  });

  it("is called by an address that the call led to often, of two at most", () => {
    const code = { 0: [BLR_X1, RET, NOP, RET, NOP, NOP, RET] };
    const often = [
      { slot: 0, at: 2, count: 100 },
      { slot: 0, at: 4, count: 70 },
    ];
    expect(inlined(region(code, { 1: 200 }, often))).toEqual([2, 3, 4, 5, 6]);
    expect(inlined(region(code, { 1: 4000 }, often))).toEqual([]);
    expect(inlined(region(code, { 1: 200 }, [{ slot: 0, at: 2, count: 20 }]))).toEqual([]);
  });
});
