import { describe, expect, it } from "vitest";
import { Random } from "./random.js";
import { referencePresent } from "./reference.js";
import { findAllocated } from "./unallocated.js";

const BATCHES = 5;
const SEED = 7;

describe.skipIf(!referencePresent)("words that are no instruction of ours", () => {
  it("are UNDEFINED on the reference too", async () => {
    const r = new Random(SEED);
    for (let batch = 0; batch < BATCHES; batch++) expect(await findAllocated(r)).toEqual([]);
  });
});
