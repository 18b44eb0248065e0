/** The guest about control flow protection (firmware/protection) on CPUs that have it. */
import { beforeAll, describe, it } from "vitest";
import { type Comparison, type Deviation, expectOurs, expectReference } from "./compare.js";
import { buildGuest } from "./guests.js";

const DEVIATIONS: readonly Deviation[] = [
  { line: / at EL2: EL2\+200 esr=96000/, why: "ISV is set for a stage-1 abort that EL2 takes from itself" },
  {
    line: /^ {2}bl?ra?\S* .*to (brk|svc|undefined) .*spsr=3c5$/,
    why: "ours: BTYPE of a branch to what is not in a guarded page is not seen in SPSR",
  },
];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "max", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
  { level: 3, cpu: "max", deviations: DEVIATIONS },
];

beforeAll(() => buildGuest("protection"), 60_000);

describe.each(RUNS)("control flow protection from EL$level, $cpu", (run) => {
  it("is what the architecture says", () => expectOurs("protection", run), 60_000);
  it("is what QEMU does", () => expectReference("protection", run), 60_000);
});
