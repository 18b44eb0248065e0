/** The guest about LPIs and the ITS (firmware/its), entered at EL1 under hosted EL2 and at EL2. */
import { beforeAll, describe, it } from "vitest";
import { type Comparison, expectOurs, expectReference } from "./compare.js";
import { buildGuest } from "./guests.js";

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", cpus: 4, deviations: [] },
  { level: 2, cpu: "cortex-a72", cpus: 4, deviations: [] },
];

beforeAll(() => buildGuest("its"), 60_000);

describe.each(RUNS)("LPIs and the ITS from EL$level, $cpu", (run) => {
  it("are what the architecture says", () => expectOurs("its", run), 60_000);
  it("are what QEMU does", () => expectReference("its", run), 60_000);
});
