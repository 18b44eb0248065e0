/** Flags where a region is entered in the middle of a loop that knows them. */
import { expect, it } from "vitest";
import { discover } from "../../../src/engine/regions/discover.js";
import { RegionLayout } from "../../../src/engine/regions/region-layout.js";
import { CONTEXT, LINKER, pagesOf, WARM } from "./pages.js";

/** A region whose blocks may be looked at. */
class Layout extends RegionLayout {
  /** Where blocks begin that look for flags in the vCPU block: in loops, and others. */
  get asking(): { inLoops: number[]; others: number[] } {
    const inLoops = new Set([...this.loops.values()].flat().flatMap(({ loop }) => loop.blocks));
    const asking = this.reached.filter((i) => this.blocks[i]?.asksForFlags);
    const starts = (among: readonly number[]) => among.map((i) => this.blocks[i]?.start as number);
    return {
      inLoops: starts(asking.filter((i) => inLoops.has(i))),
      others: starts(asking.filter((i) => !inLoops.has(i))),
    };
  }
}

function layout(words: readonly number[], head: number, heat: Readonly<Record<number, number>>): Layout {
  const pages = pagesOf({ 0: words }, { heat });
  return new Layout({ ...CONTEXT, pages, head, warm: WARM }, discover(pages, head, WARM), LINKER);
}

/** A search: what is compared at the end of a round is chosen by in the next one. */
const SEARCH = [
  0x14000004, // b compare
  0x91000400, // again: add x0, x0, #1
  0x9a839021, // csel x1, x1, x3, ls
  0xb4000061, // cbz x1, done
  0xeb02007f, // compare: cmp x3, x2
  0x54ffff81, // b.ne again
  0xd65f03c0, // done: ret
];

it("are looked for once, by who comes from outside", () => {
  expect(layout(SEARCH, 1, { 1: 100 * WARM }).asking).toEqual({ inLoops: [], others: [1] });
});

it("are looked for once also at ways in besides the head", () => {
  expect(layout(SEARCH, 4, { 1: 100 * WARM, 4: WARM }).asking).toEqual({ inLoops: [], others: [1] });
});
