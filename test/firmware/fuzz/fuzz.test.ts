/** The fuzzing guests with one seed, and that their comparison finds what it is for. */
import { beforeAll, describe, expect, it } from "vitest";
import { buildGuest } from "../guests.js";
import { compareCases } from "./cases.js";
import { GUESTS, programOf } from "./deviations.js";
import { runBatch } from "./run.js";

const LIMIT = 60_000;

describe.each(GUESTS)("the fuzzing guest $name", (guest) => {
  beforeAll(() => buildGuest(programOf(guest)), LIMIT);

  it(
    "does on our machine what it does on QEMU's",
    async () => expect(await runBatch(guest, "max", { seed: 1, first: 0, count: guest.batch / 20 })).toEqual([]),
    LIMIT,
  );
});

describe("cases are compared", () => {
  const both = { first: 3, count: 2 };
  const console = "boot\n#3 a=1\n  step v=2 isr=0\n  step v=3 isr=0\n#4 a=2\n  step v=5 isr=0\n";
  const changed = console.replace("v=2 isr=0", "v=2 isr=80").replace("v=5", "v=6");

  it("and are equal", () => expect(compareCases(console, console, both, [])).toEqual([]));

  it("with the first difference of each", () => {
    expect(compareCases(changed, console, both, [])).toEqual([
      { number: 3, before: ["#3 a=1"], ours: "  step v=2 isr=80", reference: "  step v=2 isr=0" },
      { number: 4, before: ["#4 a=2"], ours: "  step v=6 isr=0", reference: "  step v=5 isr=0" },
    ]);
  });

  it("where a deviation names fields, with the others of the line", () => {
    const numbers = (only: string[]) =>
      compareCases(changed, console, both, [{ line: /step/, only, why: "" }]).map(({ number }) => number);
    expect(numbers(["isr"])).toEqual([4]);
    expect(numbers(["v"])).toEqual([3]);
    expect(numbers(["v", "isr"])).toEqual([]);
  });

  it("where a deviation asks for a line of the reference", () => {
    const deviations = [{ line: /v=6/, reference: /v=7/, why: "" }];
    expect(compareCases(changed, console, both, deviations).map(({ number }) => number)).toEqual([3, 4]);
  });

  it("up to where the machines diverge", () => {
    const later = changed.replace("v=3", "v=9");
    const deviations = [{ line: /isr=80/, why: "" }];
    const numbers = (diverges: boolean) =>
      compareCases(later, console, both, [{ ...deviations[0]!, diverges }]).map(({ number }) => number);
    expect(numbers(true)).toEqual([4]);
    expect(numbers(false)).toEqual([3, 4]);
  });

  it("and are all there", () => {
    expect(compareCases("", "", { first: 3, count: 1 }, [])).toEqual([
      { number: 3, before: [], ours: "(nothing)", reference: "(nothing)" },
    ]);
    expect(compareCases(console, console.slice(0, console.indexOf("#4")), both, []).map((d) => d.number)).toEqual([4]);
  });
});
