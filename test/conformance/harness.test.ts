import { beforeAll, describe, expect, it } from "vitest";
import { expand } from "../../src/isa/pattern.js";
import { compare } from "./compare.js";
import { TESTED_ROWS } from "./conformance.js";
import { drawTest } from "./generate.js";
import { Ours } from "./ours.js";
import { Random } from "./random.js";
import { referencePresent, runReference } from "./reference.js";
import { type Result, STATE, type Test } from "./state.js";

const drawFrom = (name: string, count: number): Test[] => {
  const forms = expand(TESTED_ROWS.find((r) => r.name === name)!);
  const r = new Random(3);
  return Array.from({ length: count }, (_, i) => drawTest(r, forms, i));
};

describe.skipIf(!referencePresent)("the comparison with QEMU", () => {
  let tests: Test[];
  let expected: Result[];
  let got: Result[];

  beforeAll(async () => {
    tests = [...drawFrom("ADDS_shift_X", 8)];
    expected = await runReference(tests);
    got = (await Ours.create()).run(tests);
  });

  it("finds nothing where there is nothing", () => {
    expect(tests.map((t, i) => compare(t, i, expected[i]!, got[i]!))).toEqual(tests.map(() => undefined));
  });

  it.each(
    Object.entries({ x7: 56, sp: 248, nzcv: 259, fpcr: 267, fpsr: 272, v31: 288 + 511, "[100210f0]": STATE.size - 1 }),
  )("finds one wrong bit in %s", (name, at) => {
    const state = Uint8Array.from(got[0]!.state);
    state[at] = state[at]! ^ 0x80;
    expect(compare(tests[0]!, 0, expected[0]!, { ...got[0]!, state })?.message).toContain(`${name}: `);
  });

  it("finds an instruction that should have faulted", () => {
    const found = compare(tests[0]!, 0, { ...expected[0]!, outcome: "undefined" }, got[0]!);
    expect(found?.message).toContain("expected undefined, got completed");
  });

  it("sees faults, alignment faults and UNDEFINED on both sides", async () => {
    const loads = drawFrom("LDAR", 400);
    const outcomes = new Set((await runReference(loads)).map((r) => r.outcome));
    expect([...outcomes].sort()).toEqual(["bus error", "completed", "segment fault"]);
    const extended = await runReference(drawFrom("ADD_ext", 100));
    expect(new Set(extended.map((r) => r.outcome))).toEqual(new Set(["completed", "undefined"]));
  });

  it("runs store-exclusives with an armed monitor and without", async () => {
    const stores = drawFrom("STXR", 100);
    const results = await runReference(stores);
    const succeeded = results.map((r, i) => {
      const rs = (stores[i]!.words.at(-1)! >>> 16) & 31;
      return rs !== 31 && r.outcome === "completed" && r.state[STATE.x + 8 * rs] === 0;
    });
    expect(succeeded.filter(Boolean).length).toBeGreaterThan(20);
    expect(succeeded.filter((s) => !s).length).toBeGreaterThan(10);
  });

  it("branches, and falls through where it should not", async () => {
    const branches = drawFrom("CBZ", 60);
    const ends = (await runReference(branches)).map((r) =>
      new DataView(r.state.buffer, r.state.byteOffset).getBigUint64(STATE.pc, true),
    );
    const fellThrough = ends.filter((pc) => pc === 0x4000_0804n).length;
    expect(fellThrough).toBeGreaterThan(5);
    expect(fellThrough).toBeLessThan(60);
  });
});
