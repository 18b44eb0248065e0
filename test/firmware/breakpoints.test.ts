/** The guest about its own breakpoints and watchpoints (firmware/breakpoints) entered at EL1 and EL2. */
import { beforeAll, describe, it } from "vitest";
import { type Comparison, type Deviation, expectOurs, expectReference } from "./compare.js";
import { buildGuest } from "./guests.js";

const DEVIATIONS: readonly Deviation[] = [];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
];

beforeAll(() => buildGuest("breakpoints"), 60_000);

describe.each(RUNS)("breakpoints and watchpoints of a guest's own from EL$level, $cpu", (run) => {
  it("are what the architecture says", () => expectOurs("breakpoints", run), 60_000);
  it("are what QEMU does", () => expectReference("breakpoints", run), 60_000);
});
